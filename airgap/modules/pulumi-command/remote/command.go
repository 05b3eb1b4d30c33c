package remote

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
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

// Command is the resource command:remote:Command.
type Command struct{}

// CommandArgs are its inputs.
type CommandArgs struct {
	lifecycle.Inputs
	Connection             Connection        `pulumi:"connection" provider:"secret"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// CommandState is what Pulumi keeps of it.
type CommandState struct {
	CommandArgs
	lifecycle.Outputs
}

// idBytes is the length of the random part of a resource's id, before it is written in hexadecimal.
const idBytes = 8

// Create runs the create command.
func (Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandArgs],
) (infer.CreateResponse[CommandState], error) {
	id, err := resource.NewUniqueHex(req.Name, idBytes, 0)
	if err != nil {
		return infer.CreateResponse[CommandState]{}, err
	}
	state := CommandState{CommandArgs: req.Inputs}
	if !req.DryRun && req.Inputs.Create != nil {
		state.Outputs, err = state.run(ctx, *req.Inputs.Create, lifecycle.Outputs{})
	}
	return infer.CreateResponse[CommandState]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command when there is none.
func (Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandArgs, CommandState],
) (infer.UpdateResponse[CommandState], error) {
	state := CommandState{CommandArgs: req.Inputs, Outputs: req.State.Outputs}
	command := req.Inputs.OnUpdate()
	var err error
	if !req.DryRun && command != nil {
		state.Outputs, err = state.run(ctx, *command, req.State.Outputs)
	}
	return infer.UpdateResponse[CommandState]{Output: state}, err
}

// Delete runs the delete command.
func (Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandState]) (infer.DeleteResponse, error) {
	if req.State.Inputs.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	_, err := req.State.run(ctx, *req.State.Inputs.Delete, req.State.Outputs)
	return infer.DeleteResponse{}, err
}

// run runs one command on the host. previous is what the resource's last command printed.
func (a CommandArgs) run(ctx context.Context, command string, previous lifecycle.Outputs) (lifecycle.Outputs, error) {
	host, err := a.Connection.connect(ctx)
	if err != nil {
		return lifecycle.Outputs{}, err
	}
	defer host.Close()
	recorder := output.Record(ctx, output.Logging(value(a.Logging, Logging(output.StdoutAndStderr))))
	err = host.execute(ctx, task{
		command:  command,
		stdin:    value(a.Stdin, ""),
		required: a.Environment,
		optional: previous.Environment(ctx, a.AddPreviousOutputInEnv),
		stdout:   recorder.Stdout(),
		stderr:   recorder.Stderr(),
	})
	recorder.Close()
	if err != nil {
		return lifecycle.Outputs{}, recorder.Failure(host.where, err, command)
	}
	return recorder.Outputs(), nil
}
