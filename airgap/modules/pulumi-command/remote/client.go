package remote

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// keepalive holds the interval of keepalives, the time without an answer after which a connection is closed, and start:
// how long a host may take to start a command, even if it answers keepalives.
type keepalive struct{ interval, patience, start time.Duration }

var usualKeepalive = keepalive{interval: 15 * time.Second, patience: 45 * time.Second, start: time.Minute}

// client is a connection to one host.
type client struct {
	*ssh.Client
	where   string
	alive   keepalive
	silent  atomic.Bool // given up because no keepalive was answered
	closers []func()
	done    chan struct{}
}

func newClient(connected *ssh.Client, where string, alive keepalive) *client {
	c := &client{Client: connected, where: where, alive: alive, done: make(chan struct{})}
	go c.keepAlive()
	return c
}

// Close ends the connection, and that to the proxy.
func (c *client) Close() {
	close(c.done)
	_ = c.Client.Close()
	for _, closer := range c.closers {
		closer()
	}
}

func (c *client) keepAlive() {
	for {
		select {
		case <-c.done:
			return
		case <-time.After(c.alive.interval):
		}
		answered := make(chan error, 1)
		go func() {
			_, _, err := c.SendRequest("keepalive@openssh.com", true, nil) // a rejection is an answer, too
			answered <- err
		}()
		select {
		case <-c.done:
			return
		case err := <-answered:
			if err != nil { // the connection has ended, and so has every use of it
				return
			}
		case <-time.After(c.alive.patience):
			c.silent.Store(true)
			_ = c.Client.Close()
			return
		}
	}
}

// lost says how the connection ended while something was running over it.
func (c *client) lost(err error) error {
	if c.silent.Load() {
		return fmt.Errorf("the connection was given up: the host has answered no keepalive for %v", c.alive.patience)
	}
	return fmt.Errorf("the connection was lost before an exit status came: %w", err)
}
