package main

import (
	"errors"
	"os/exec"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// RunPlugin runs a policy pack (kind "analyzer"), or a provider that is written in Python, until it ends.
func (h *host) RunPlugin(req *pulumirpc.RunPluginRequest, stream pulumirpc.LanguageRuntime_RunPluginServer) error {
	if req.GetAttachDebugger() {
		return errDebugger
	}
	ctx, done := h.until(stream.Context())
	defer done()
	python, err := ensure(ctx, req.GetInfo())
	if err != nil {
		return err
	}
	cmd, err := python.Command(ctx, pluginArgs(req)...)
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(&oneSender{LanguageRuntime_RunPluginServer: stream}, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Dir, cmd.Env = req.GetPwd(), req.GetEnv()
	if venv, err := python.VirtualEnvPath(ctx); err == nil && venv != "" {
		cmd.Env = toolchain.ActivateVirtualEnv(cmd.Env, venv)
	}
	err = finish(cmd)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code := &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(exit.ExitCode())}
		return stream.Send(&pulumirpc.RunPluginResponse{Output: code})
	}
	return err
}

// pluginArgs are the arguments of Python. The engine's own arguments are logging flags and then its address, and
// pulumi.policy takes that address before the pack's folder.
func pluginArgs(req *pulumirpc.RunPluginRequest) []string {
	folder := req.GetInfo().GetProgramDirectory()
	if req.GetKind() == "analyzer" {
		return append(append([]string{"-u", "-m", "pulumi.policy"}, req.GetArgs()...), folder)
	}
	return append([]string{"-u", folder}, req.GetArgs()...)
}

// oneSender lets standard output and standard error share a stream: gRPC allows one sender at a time.
type oneSender struct {
	pulumirpc.LanguageRuntime_RunPluginServer
	mu sync.Mutex
}

func (s *oneSender) Send(resp *pulumirpc.RunPluginResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.LanguageRuntime_RunPluginServer.Send(resp)
}
