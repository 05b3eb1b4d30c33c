package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"cilium-lab/pulumi-command/output"
)

// grace is how long a cancelled command has to end by itself. The engine gives its plugins 5 seconds in all.
const grace = 2 * time.Second

// pipeGrace is how long the output of a command that has ended is waited for. A daemon that the command left behind
// must not hold the pipes open for ever.
const pipeGrace = 5 * time.Second

// run runs one command to its end. previous is what the resource's last command printed.
func (s Settings) run(ctx context.Context, command string, previous Results) (Results, error) {
	argv := append([]string{}, s.Interpreter...)
	if len(argv) == 0 {
		argv = []string{"/bin/sh", "-c"}
	}
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], command)...)
	if s.Dir != nil {
		cmd.Dir = *s.Dir
	}
	cmd.Env = os.Environ()
	for _, variables := range []map[string]string{s.Environment, previous.Environment(ctx, s.AddPreviousOutputInEnv)} {
		for name, value := range variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if s.Stdin != nil {
		cmd.Stdin = strings.NewReader(*s.Stdin)
	}
	recorder := output.Record(ctx, s.logging())
	cmd.Stdout, cmd.Stderr = recorder.Stdout(), recorder.Stderr()
	err := finish(cmd)
	recorder.Close()
	if err != nil {
		return Results{}, recorder.Failure(s.where(), seen(ctx, err), command)
	}
	results := Results{Outputs: recorder.Outputs()}
	return results, s.readFiles(&results)
}

// finish runs cmd in a process group of its own, and ends the whole group when the command is cancelled.
func finish(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = pipeGrace
	var kill *time.Timer
	cmd.Cancel = func() error {
		group := -cmd.Process.Pid
		kill = time.AfterFunc(grace, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		return syscall.Kill(group, syscall.SIGTERM)
	}
	err := cmd.Run()
	if kill != nil { // what ignored the polite signal is ended for good, the command's children among it
		kill.Stop()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// seen says how a command ended.
func seen(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("the command was ended, because the resource's timeout was over")
	case ctx.Err() != nil:
		return errors.New("the command was ended, because the update was cancelled")
	case errors.As(err, &exit) && exit.Exited():
		return fmt.Errorf("exit status %d, expected 0", exit.ExitCode())
	case errors.As(err, &exit):
		return fmt.Errorf("the command was ended by %s, expected exit status 0", exit)
	default:
		return fmt.Errorf("the command did not start: %w", err)
	}
}

func (s Settings) where() string {
	if s.Dir == nil {
		return "this machine"
	}
	return "this machine, in " + *s.Dir
}
