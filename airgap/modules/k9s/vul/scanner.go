// Package vul replaces k9s' own scanner of images (internal/vul, scan.go and scanner.go) while k9s is built here.
//
// The scanner downloads a database of vulnerabilities, which a lab cannot reach, and its libraries are a third of the
// time that k9s takes to compile. It is off in k9s' own defaults.
package vul

import (
	"context"
	"log/slog"

	"github.com/derailed/k9s/internal/config"
)

// ImgScanner is nil, as in any k9s that is not told to scan.
var ImgScanner *imageScanner

type imageScanner struct{ log *slog.Logger }

// Scan is what a scanner would have found of an image.
type Scan struct {
	Table *table
}

// NewImageScanner returns a scanner that finds nothing.
func NewImageScanner(_ config.ImageScans, log *slog.Logger) *imageScanner { return &imageScanner{log} }

// Init tells why nothing is found.
func (s *imageScanner) Init(_, _ string) {
	s.log.Warn("this k9s was built without its scanner of images")
}

// Stop has nothing to stop.
func (*imageScanner) Stop() {}

// ShouldExcludes leaves every image out.
func (*imageScanner) ShouldExcludes(string, map[string]string) bool { return true }

// Enqueue scans nothing.
func (*imageScanner) Enqueue(context.Context, ...string) {}

// GetScan has no scan.
func (*imageScanner) GetScan(string) (*Scan, bool) { return nil, false }

// Score has none.
func (*imageScanner) Score(...string) string { return "" }

func colorize(row []string) []string { return row }
