// Command pulumi-tfgen-libvirt writes the Pulumi schema of the bridged provider: `... schema --out DIR`.
package main

import (
	"cilium-lab/pulumi-libvirt/provider"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
)

// version is set by the linker.
var version string

func main() { tfgen.Main(provider.Name, version, provider.Info(version)) }
