// Package remote runs commands and copies files over SSH: command:remote:Command and command:remote:CopyToRemote.
package remote

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Defaults of a connection: those of pulumi-command 1.2.1.
const (
	defaultUser           = "root"
	defaultPort           = 22
	defaultDialErrorLimit = 10
	defaultPerDialTimeout = 15
)

// unlimited is the dialErrorLimit that tries for ever.
const unlimited = -1

// Endpoint is a host and what it is entered with.
type Endpoint struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
}

// Connection leads to a host, perhaps through another.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection is the host in between.
type ProxyConnection struct{ Endpoint }

// Annotate sets the defaults.
func (e *Endpoint) Annotate(a infer.Annotator) {
	a.SetDefault(&e.User, defaultUser)
	a.SetDefault(&e.Port, float64(defaultPort))
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.SetDefault(&e.PerDialTimeout, defaultPerDialTimeout)
}

func value[T any](pointer *T, fallback T) T {
	if pointer == nil {
		return fallback
	}
	return *pointer
}

func (e Endpoint) user() string { return value(e.User, defaultUser) }

// address is host:port.
func (e Endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(value(e.Port, defaultPort))))
}

// where names the endpoint in messages.
func (e Endpoint) where() string { return fmt.Sprintf("%s@%s", e.user(), e.address()) }

// dialErrorLimit is how many failed attempts are forgiven.
func (e Endpoint) dialErrorLimit() int { return value(e.DialErrorLimit, defaultDialErrorLimit) }

// perDialTimeout bounds one attempt; 0 is no bound.
func (e Endpoint) perDialTimeout() time.Duration {
	return time.Duration(value(e.PerDialTimeout, defaultPerDialTimeout)) * time.Second
}
