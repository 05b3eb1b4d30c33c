// Package helm stands for github.com/cilium/charts, which holds every chart that Cilium ever published (a gigabyte).
//
// The builder puts the study's chart beside this file before it compiles the cilium command.
package helm

import "embed"

// HelmFS holds the charts that the cilium command can install, as cilium-VERSION.tgz.
//
//go:embed *.tgz
var HelmFS embed.FS
