package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"

	"cilium-lab/pulumi-command/secrets"
)

// Pauses between attempts: the first one, what each is multiplied with to get the next, and the longest.
const (
	firstPause  = 100 * time.Millisecond
	pauseGrowth = 1.5
	lastPause   = 5 * time.Second
)

// dialer opens a network connection to host:port.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// connect returns a client of the host, through its proxy when it has one.
func (c Connection) connect(ctx context.Context) (*client, error) {
	if c.Proxy == nil {
		return c.dial(ctx, (&net.Dialer{}).DialContext, "")
	}
	proxy, err := c.Proxy.dial(ctx, (&net.Dialer{}).DialContext, "")
	if err != nil {
		return nil, fmt.Errorf("proxy %w", err)
	}
	target, err := c.dial(ctx, proxy.DialContext, " through proxy "+proxy.where)
	if err != nil {
		proxy.Close()
		return nil, err
	}
	target.closers = append(target.closers, proxy.Close)
	return target, nil
}

// dial connects to the endpoint, and tries again as its limit says. A wrong host key is final.
func (e Endpoint) dial(ctx context.Context, open dialer, through string) (*client, error) {
	where := e.where() + through
	started := time.Now()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		connected, err := e.attempt(ctx, open)
		if err == nil {
			return newClient(connected, where, usualKeepalive), nil
		}
		var wrong *wrongHostKey
		var setting *badSetting
		limit := e.dialErrorLimit()
		switch {
		case errors.As(err, &wrong):
			return nil, fmt.Errorf("%s: %w", where, wrong)
		case errors.As(err, &setting):
			return nil, fmt.Errorf("%s: %w", where, setting)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w while connecting (attempt %d): %w", where, cancelled(ctx), attempt, err)
		case limit != unlimited && attempt > limit:
			return nil, fmt.Errorf("%s: no SSH connection after %d attempts in %.1f s (dialErrorLimit is %d): %w",
				where, attempt, time.Since(started).Seconds(), limit, err)
		}
		p.GetLogger(ctx).InfoStatus(secrets.From(ctx).Redact(
			fmt.Sprintf("%s: attempt %d failed, trying again: %v", where, attempt, err)))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(time.Duration(float64(pause)*pauseGrowth), lastPause)
	}
}

// badSetting is an input that no further attempt will make right.
type badSetting struct{ error }

// attempt connects once, within the endpoint's perDialTimeout.
func (e Endpoint) attempt(ctx context.Context, open dialer) (*ssh.Client, error) {
	offered, err := e.credentials()
	if err != nil {
		return nil, &badSetting{err}
	}
	defer offered.close()
	config := &ssh.ClientConfig{User: e.user(), Auth: offered.methods}
	if err := e.trust(config); err != nil {
		return nil, &badSetting{err}
	}
	bounded, cancel := ctx, func() {}
	if limit := e.perDialTimeout(); limit > 0 {
		bounded, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	conn, err := open(bounded, "tcp", e.address())
	if err != nil {
		return nil, err
	}
	// A connection through a proxy knows no deadlines, so that the handshake's time is kept by closing it.
	stop := context.AfterFunc(bounded, func() { _ = conn.Close() })
	defer stop()
	transport, channels, requests, err := ssh.NewClientConn(conn, e.address(), config)
	if err == nil && bounded.Err() == nil {
		return ssh.NewClient(transport, channels, requests), nil
	}
	_ = conn.Close()
	if errors.Is(bounded.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("no SSH handshake within %v (perDialTimeout)", e.perDialTimeout())
	}
	return nil, e.explain(err, offered)
}

// explain adds to a failed handshake what was expected and what was offered.
func (e Endpoint) explain(err error, offered *credentials) error {
	var wrong *wrongHostKey
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &wrong):
		return wrong
	case errors.As(err, &negotiation):
		if wrong := e.asWrongHostKey(negotiation); wrong != nil {
			return wrong
		}
	}
	return fmt.Errorf("%w (offered as %s: %s)", err, e.user(), offered)
}

// cancelled says why a context has ended.
func cancelled(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the resource's timeout was over")
	}
	return errors.New("the update was cancelled")
}
