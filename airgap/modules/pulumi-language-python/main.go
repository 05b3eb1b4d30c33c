// Command pulumi-language-python is a Pulumi language host for Python programs and policy packs.
//
// It speaks the part of pulumirpc.LanguageRuntime that up, preview, refresh, destroy, install, about and --policy-pack
// call. Code generation, `pulumi convert` and debuggers are not in it. Python itself (pip and venv, uv, poetry) is found
// by the Pulumi SDK's own toolchain package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// executorName is the SDK's script that runs a program in the engine's service. It lies beside this program.
const executorName = "pulumi-language-python-exec"

// engineCheckInterval is how long this host outlives an engine that was killed.
const engineCheckInterval = 10 * time.Second

func main() {
	tracing := flag.String("tracing", "", "endpoint that Python programs send traces to")
	flag.Parse() // glog adds the engine's -v and -logtostderr
	logging.InitLogging(false, 0, false)
	cmdutil.InitTracing("pulumi-language-python", "pulumi-language-python", *tracing)
	if err := serve(flag.Arg(0), *tracing); err != nil {
		cmdutil.Exit(err)
	}
}

// serve answers the engine at the given address until it, or a signal, ends this host.
func serve(engine, tracing string) error {
	executor, err := findExecutor()
	if err != nil {
		return err
	}
	// The engine ends a language host by an interrupt to its process group.
	life, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	life, end := context.WithCancel(life)
	defer end()
	if engine != "" {
		if err := rpcutil.Healthcheck(life, engine, engineCheckInterval, end); err != nil {
			return fmt.Errorf("watching the engine at %s: %w", engine, err)
		}
	}
	cancel := make(chan bool)
	context.AfterFunc(life, func() { close(cancel) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, newHost(executor, engine, tracing, life, end))
			return nil
		},
		Options: rpcutil.TracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return fmt.Errorf("listening for the engine: %w", err)
	}
	fmt.Println(handle.Port) // the engine reads it from here
	return <-handle.Done
}

func findExecutor() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), executorName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s is missing: both files are installed into one folder", path)
	} else if err != nil {
		return "", err
	}
	return path, nil
}
