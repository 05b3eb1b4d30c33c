package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Run is the function command:local:run: a command that runs on every preview and every update.
type Run struct{}

// RunArgs are its arguments.
type RunArgs struct {
	Settings
	Command string `pulumi:"command"`
}

// RunResult is what it returns.
type RunResult struct {
	RunArgs
	Results
}

// Invoke runs the command.
func (Run) Invoke(
	ctx context.Context, req infer.FunctionRequest[RunArgs],
) (infer.FunctionResponse[RunResult], error) {
	results, err := req.Input.run(ctx, req.Input.Command, Results{})
	return infer.FunctionResponse[RunResult]{Output: RunResult{req.Input, results}}, err
}
