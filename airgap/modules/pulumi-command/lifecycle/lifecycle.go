// Package lifecycle holds what local and remote commands share: which command runs when, and what it learns of the
// one before it.
package lifecycle

import (
	"context"

	p "github.com/pulumi/pulumi-go-provider"
)

// Names of the environment variables that carry what the previous create or update printed.
const (
	PreviousStdout = "PULUMI_COMMAND_STDOUT"
	PreviousStderr = "PULUMI_COMMAND_STDERR"
)

// longestVariable is what fits into one environment variable: Linux allows 128 KiB with its name and terminator.
const longestVariable = 128<<10 - len(PreviousStdout) - len("=\x00")

// Inputs are the commands of a resource's life. A change of Triggers replaces the resource: its delete command runs,
// then its create command.
type Inputs struct {
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create   *string `pulumi:"create,optional"`
	Update   *string `pulumi:"update,optional"`
	Delete   *string `pulumi:"delete,optional"`
}

// OnUpdate is the command that an update runs, or nil for none.
func (i Inputs) OnUpdate() *string {
	if i.Update != nil {
		return i.Update
	}
	return i.Create
}

// Outputs hold what a command printed, each without its last line feed.
type Outputs struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Environment is what the command after this one gets to see of it. What no environment variable can hold is left
// out, with a warning.
func (o Outputs) Environment(ctx context.Context, wanted *bool) map[string]string {
	env := map[string]string{}
	if wanted != nil && !*wanted {
		return env
	}
	for name, value := range map[string]string{PreviousStdout: o.Stdout, PreviousStderr: o.Stderr} {
		switch {
		case value == "":
		case len(value) > longestVariable:
			p.GetLogger(ctx).Warningf("%s is not set: the previous output has %d bytes, and at most %d fit",
				name, len(value), longestVariable)
		default:
			env[name] = value
		}
	}
	return env
}
