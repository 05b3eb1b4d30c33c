package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"cilium-lab/pulumi-command/lifecycle"
)

// Command is the resource command:local:Command.
type Command struct{}

// CommandArgs are its inputs.
type CommandArgs struct {
	lifecycle.Inputs
	Settings
}

// CommandState is what Pulumi keeps of it.
type CommandState struct {
	CommandArgs
	Results
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
		state.Results, err = state.run(ctx, *req.Inputs.Create, Results{})
	}
	return infer.CreateResponse[CommandState]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command when there is none.
func (Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandArgs, CommandState],
) (infer.UpdateResponse[CommandState], error) {
	state := CommandState{CommandArgs: req.Inputs, Results: req.State.Results}
	command := req.Inputs.OnUpdate()
	var err error
	if !req.DryRun && command != nil {
		state.Results, err = state.run(ctx, *command, req.State.Results)
	}
	return infer.UpdateResponse[CommandState]{Output: state}, err
}

// Delete runs the delete command.
func (Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandState]) (infer.DeleteResponse, error) {
	if req.State.Inputs.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	_, err := req.State.run(ctx, *req.State.Inputs.Delete, req.State.Results)
	return infer.DeleteResponse{}, err
}
