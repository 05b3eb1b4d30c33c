package main

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a Python program that was signalled has to end. The engine gives its plugins 5 seconds in all.
const grace = 3 * time.Second

// until returns a context that ends with the given one, or with this host.
func (h *host) until(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(h.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// finish runs a command to its end, or ends it when the command's context is done.
//
// The child stays in this host's process group: that group is what the engine interrupts and then kills to end a
// language host. A child in a group of its own would outlive it, and the engine would wait for its output for ever.
// The interrupt itself is kept from the child, and a plain end is put in its place: else every failed update would
// show the traceback of a KeyboardInterrupt.
func finish(cmd *exec.Cmd) error {
	cmd.Args = append([]string{"sh", "-c", `trap "" INT; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd.Run()
}
