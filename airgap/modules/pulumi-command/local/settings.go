// Package local runs commands on this machine: the resource command:local:Command and the function command:local:run.
package local

import (
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"cilium-lab/pulumi-command/lifecycle"
	"cilium-lab/pulumi-command/output"
)

// Logging is this package's own name of output.Logging: a type's token follows its package.
type Logging output.Logging

// Values lists the enumeration for the schema.
func (Logging) Values() []infer.EnumValue[Logging] {
	var values []infer.EnumValue[Logging]
	for _, v := range []output.Logging{output.Stdout, output.Stderr, output.StdoutAndStderr, output.None} {
		values = append(values, infer.EnumValue[Logging]{Name: string(v), Value: Logging(v)})
	}
	return values
}

// Settings say how a command runs, and which files are read after it.
type Settings struct {
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	Interpreter            []string          `pulumi:"interpreter,optional"`
	Dir                    *string           `pulumi:"dir,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AssetPaths             []string          `pulumi:"assetPaths,optional"`
	ArchivePaths           []string          `pulumi:"archivePaths,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// Results are what a command leaves behind.
type Results struct {
	lifecycle.Outputs
	Assets  *map[string]*types.AssetOrArchive `pulumi:"assets,optional"`
	Archive *resource.Archive                 `pulumi:"archive,optional"`
}

func (s Settings) logging() output.Logging {
	if s.Logging == nil {
		return output.StdoutAndStderr
	}
	return output.Logging(*s.Logging)
}
