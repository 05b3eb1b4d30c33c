package remote

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A host that answers no keepalive for this long is given up.
var (
	keepaliveInterval = 15 * time.Second
	keepalivePatience = 45 * time.Second
)

// client is a connection to one host. Its host is asked now and then whether it is still there.
type client struct {
	*ssh.Client
	where   string
	closers []func()
	silent  atomic.Bool // given up because no keepalive was answered
	done    chan struct{}
}

func newClient(connected *ssh.Client, where string) *client {
	c := &client{Client: connected, where: where, done: make(chan struct{})}
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
		case <-time.After(keepaliveInterval):
		}
		answered := make(chan error, 1)
		go func() {
			_, _, err := c.SendRequest("keepalive@openssh.com", true, nil) // a refusal is an answer, too
			answered <- err
		}()
		select {
		case <-c.done:
			return
		case err := <-answered:
			if err != nil { // the connection has ended; who uses it has been told
				return
			}
		case <-time.After(keepalivePatience):
			c.silent.Store(true)
			_ = c.Client.Close()
			return
		}
	}
}

// lost says how the connection ended while something was running over it.
func (c *client) lost(err error) error {
	if c.silent.Load() {
		return fmt.Errorf("the connection was given up: the host has answered no keepalive for %v", keepalivePatience)
	}
	return fmt.Errorf("the connection was lost before an exit status came: %w", err)
}
