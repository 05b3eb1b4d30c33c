package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/blang/semver"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

//go:embed packages.py
var packagesScript string

// installed is one entry of what packages.py prints.
type installed struct {
	Name    string
	Version string
	Plugin  *plugin.PulumiPluginJSON
}

// GetRequiredPackages lists the provider plugins that a program's Python packages need.
func (h *host) GetRequiredPackages(
	ctx context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	ctx, done := h.until(ctx)
	defer done()
	found, err := listInstalled(ctx, req.GetInfo())
	if err != nil {
		return nil, fmt.Errorf("listing the Pulumi packages of %s: %w", req.GetInfo().GetProgramDirectory(), err)
	}
	resp := &pulumirpc.GetRequiredPackagesResponse{}
	for _, p := range found {
		if needed := p.dependency(); needed != nil {
			resp.Packages = append(resp.Packages, needed)
		}
	}
	return resp, nil
}

func listInstalled(ctx context.Context, info *pulumirpc.ProgramInfo) ([]installed, error) {
	python, err := ensure(ctx, info)
	if err != nil {
		return nil, err
	}
	cmd, err := python.Command(ctx, "-c", packagesScript)
	if err != nil {
		return nil, err
	}
	cmd.Dir = info.GetProgramDirectory()
	printed, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%w\n%s", err, exit.Stderr)
	} else if err != nil {
		return nil, err
	}
	var found []installed
	return found, json.Unmarshal(printed, &found)
}

// dependency is the plugin that a package needs, or nil when it needs none.
func (p installed) dependency() *pulumirpc.PackageDependency {
	manifest := p.Plugin
	if manifest == nil { // packages from before the manifest follow their names
		manifest = &plugin.PulumiPluginJSON{Resource: true}
	}
	if !manifest.Resource {
		return nil
	}
	needed := &pulumirpc.PackageDependency{
		Kind:    "resource",
		Name:    manifest.Name,
		Version: manifest.Version,
		Server:  manifest.Server,
	}
	if needed.Name == "" {
		needed.Name = strings.TrimPrefix(p.Name, "pulumi-")
	}
	if needed.Version == "" {
		needed.Version = p.Version
	}
	parsed, err := semver.ParseTolerant(needed.Version)
	if err != nil { // Python's pre-releases, such as 4.25.0a1, name no plugin
		logging.V(5).Infof("%s %s names no plugin version: %v", p.Name, p.Version, err)
		return nil
	}
	needed.Version = "v" + parsed.String()
	if q := manifest.Parameterization; q != nil {
		needed.Parameterization = &pulumirpc.PackageParameterization{Name: q.Name, Version: q.Version, Value: q.Value}
	}
	return needed
}
