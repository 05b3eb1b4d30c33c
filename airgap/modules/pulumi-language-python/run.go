package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// alreadyReported is the executor's exit status when it has shown the user a good message itself.
const alreadyReported = 32

var errDebugger = errors.New("this language host cannot start a program under a debugger: run it without --attach-debugger")

// Run runs a Pulumi program to its end.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if req.GetAttachDebugger() {
		return nil, errDebugger
	}
	options, err := parseOptions(req.GetInfo())
	if err != nil {
		return nil, err
	}
	python, err := toolchain.ResolveToolchain(options)
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	ctx, done := h.until(ctx)
	defer done()
	if err := typecheck(ctx, python, options, req.GetInfo().GetProgramDirectory()); err != nil {
		return nil, err
	}
	config, err := configEnvironment(req)
	if err != nil {
		return nil, err
	}
	cmd, err := python.Command(ctx, h.programArgs(req)...)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // the engine reads these and shows them
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, config...)
	return runResponse(finish(cmd)), nil
}

// programArgs are the arguments of Python: the executor, its settings, the program and the program's arguments.
func (h *host) programArgs(req *pulumirpc.RunRequest) []string {
	args := []string{"-u", h.executor}
	for _, setting := range [][2]string{
		{"monitor", req.GetMonitorAddress()},
		{"engine", h.engineAddress()},
		{"project", req.GetProject()},
		{"root_directory", req.GetInfo().GetRootDirectory()},
		{"stack", req.GetStack()},
		{"pwd", req.GetPwd()},
		{"dry_run", strconv.FormatBool(req.GetDryRun())},
		{"parallel", strconv.Itoa(int(req.GetParallel()))},
		{"tracing", h.tracing},
		{"organization", req.GetOrganization()},
	} {
		if setting[1] != "" {
			args = append(args, "--"+setting[0], setting[1])
		}
	}
	// Join drops an entry point of ".", which means the folder itself.
	program := filepath.Join(req.GetInfo().GetProgramDirectory(), req.GetInfo().GetEntryPoint())
	return append(append(args, program), req.GetArgs()...)
}

// configEnvironment carries the stack's configuration to the SDK.
func configEnvironment(req *pulumirpc.RunRequest) ([]string, error) {
	values := req.GetConfig()
	if values == nil {
		values = map[string]string{} // the SDK expects an object, not null
	}
	config, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	secret, err := json.Marshal(append([]string{}, req.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	return []string{"PULUMI_CONFIG=" + string(config), "PULUMI_CONFIG_SECRET_KEYS=" + string(secret)}, nil
}

// runResponse says how a program ended.
func runResponse(err error) *pulumirpc.RunResponse {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}
	case errors.As(err, &exit) && exit.ExitCode() == alreadyReported:
		return &pulumirpc.RunResponse{Bail: true}
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the Python program ended with exit status %d", exit.ExitCode())}
	default: // it was ended by a signal, or it never started
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("running the Python program: %v", err)}
	}
}
