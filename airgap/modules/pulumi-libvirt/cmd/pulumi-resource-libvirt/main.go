// Command pulumi-resource-libvirt serves terraform-provider-libvirt as a Pulumi plugin.
//
// schema.json is made by pulumi-tfgen-libvirt at build time; it is not committed.
package main

import (
	_ "embed"

	"cilium-lab/pulumi-libvirt/provider"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
)

//go:embed schema.json
var schema []byte

// version is set by the linker.
var version string

func main() { tfbridge.Main(provider.Name, version, provider.Info(version), schema) }
