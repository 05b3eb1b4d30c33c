package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"
)

// Grace of a cancelled command: after the polite signal, and after the other one. The engine gives its plugins
// 5 seconds in all.
const (
	termGrace = 1500 * time.Millisecond
	killGrace = 1 * time.Second
)

// task is one command for a host.
type task struct {
	command  string
	stdin    string
	required map[string]string // variables without which the command must not run
	optional map[string]string // variables that a server may refuse
	stdout   io.Writer
	stderr   io.Writer
}

// execute runs a task to its end. The error says how it ended, but not where, nor what it printed.
func (c *client) execute(ctx context.Context, t task) error {
	session, stdin, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	defer session.Close()
	go func() {
		defer stdin.Close()
		_, _ = io.WriteString(stdin, t.stdin) // a command may end without having read all of it
	}()
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err := <-ended:
		return c.seen(err)
	case <-ctx.Done():
		c.interrupt(session, ended)
		return fmt.Errorf("the command was ended, because %w", cancelled(ctx))
	}
}

// begin starts a task. The library waits without limit for each response of a server, so the connection is closed when
// none comes in time or the update is cancelled.
func (c *client) begin(ctx context.Context, t task) (*ssh.Session, io.WriteCloser, error) {
	bounded, cancel := context.WithTimeout(ctx, c.alive.start)
	defer cancel()
	stop := context.AfterFunc(bounded, func() { _ = c.Client.Close() })
	session, stdin, err := c.start(ctx, t)
	if stop() {
		return session, stdin, err
	}
	if session != nil {
		_ = session.Close()
	}
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("the command was not started, because %w", cancelled(ctx))
	}
	return nil, nil, fmt.Errorf("the SSH server did not start the command within %v", c.alive.start)
}

// start is begin without its bound.
func (c *client) start(ctx context.Context, t task) (*ssh.Session, io.WriteCloser, error) {
	session, err := c.NewSession()
	if err != nil {
		return nil, nil, fmt.Errorf("opening an SSH session: %w", err)
	}
	if err := setEnvironment(ctx, c.where, session, t); err != nil {
		_ = session.Close()
		return nil, nil, err
	}
	stdin, err := session.StdinPipe()
	if err != nil {
		_ = session.Close()
		return nil, nil, fmt.Errorf("opening standard input: %w", err)
	}
	session.Stdout, session.Stderr = t.stdout, t.stderr
	if err := session.Start(t.command); err != nil {
		_ = session.Close()
		return nil, nil, fmt.Errorf("starting the command: %w", err)
	}
	return session, stdin, nil
}

func setEnvironment(ctx context.Context, where string, session *ssh.Session, t task) error {
	for name, value := range t.required {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf("the SSH server refused the environment variable %s: list it in AcceptEnv of its"+
				" sshd_config, or write %s=... before the command: %w", name, name, err)
		}
	}
	for name, value := range t.optional {
		if err := session.Setenv(name, value); err != nil {
			p.GetLogger(ctx).Warningf("%s: the SSH server refused the environment variable %s, so that the command runs"+
				" without it: list it in AcceptEnv of its sshd_config, or set addPreviousOutputInEnv to false", where, name)
		}
	}
	return nil
}

// seen says how a command ended.
func (c *client) seen(err error) error {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.Signal() != "":
		return fmt.Errorf("the command was ended by signal %s, expected exit status 0", exit.Signal())
	case errors.As(err, &exit):
		return fmt.Errorf("exit status %d, expected 0", exit.ExitStatus())
	default:
		return c.lost(err)
	}
}

// interrupt ends a running command. To close the connection would not end it.
func (c *client) interrupt(session *ssh.Session, ended <-chan error) {
	for _, step := range []struct {
		signal ssh.Signal
		grace  time.Duration
	}{{ssh.SIGTERM, termGrace}, {ssh.SIGKILL, killGrace}} {
		_ = session.Signal(step.signal)
		go c.killSiblings(step.signal)
		select {
		case <-ended:
			return
		case <-time.After(step.grace):
		}
	}
}

// killSiblings signals every other command of this connection through a session of its own: OpenSSH before 9.8 ignores
// signals for root. The sessions of a connection are children of an sshd that serves nothing else, each the leader of
// its process group; under a server of another kind nothing is signalled.
func (c *client) killSiblings(signal ssh.Signal) {
	session, err := c.NewSession()
	if err != nil {
		return // the connection is gone or will be closed
	}
	defer session.Close()
	_ = session.Run(fmt.Sprintf(`case $(cat /proc/$PPID/comm) in sshd*)`+
		` for p in $(cat /proc/$PPID/task/*/children); do [ "$p" = $$ ] || kill -%s -- "-$p"; done;; esac`, signal))
}
