// Command pulumi-resource-command runs commands on this machine or, over SSH, on others.
//
// It stands in for the plugin of the PyPI package pulumi-command 1.2.1: the same tokens, inputs, outputs and defaults.
// The deprecated CopyFile is not in it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"

	"cilium-lab/pulumi-command/local"
	"cilium-lab/pulumi-command/remote"
	"cilium-lab/pulumi-command/secrets"
)

// version is set by the linker.
var version string

// parentCheckInterval is how long running commands outlive an engine that was killed.
const parentCheckInterval = time.Second

func newProvider() p.Provider {
	return secrets.Wrap(infer.Provider(infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Command",
			Description: "Runs commands on this machine or on a remote host as part of a resource's life.",
		},
		Resources: []infer.InferredResource{
			infer.Resource(&local.Command{}),
			infer.Resource(&remote.Command{}),
			infer.Resource(&remote.CopyToRemote{}),
		},
		Functions: []infer.InferredFunction{infer.Function(&local.Run{})},
	}))
}

func main() {
	provider := newProvider()
	life, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	go endWithParent(life, end)
	// Serving ends when every call has returned, and these return when their commands have been ended.
	context.AfterFunc(life, func() { _ = provider.Cancel(context.Background()) })
	if err := p.RunProvider(life, "command", version, provider); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// endWithParent calls end when the engine that started this plugin is gone: a killed engine cancels nothing itself.
func endWithParent(ctx context.Context, end func()) {
	parent := os.Getppid()
	ticker := time.NewTicker(parentCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if os.Getppid() != parent {
				end()
				return
			}
		}
	}
}
