package remote

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"cilium-lab/pulumi-command/lifecycle"
)

// hello runs a command over the connection and returns what it printed.
func hello(t *testing.T, c Connection) (string, error) {
	t.Helper()
	out, err := CommandArgs{Connection: c}.run(context.Background(), "echo hello", lifecycle.Outputs{})
	return out.Stdout, err
}

func mustRun(t *testing.T, c Connection) {
	t.Helper()
	if got, err := hello(t, c); err != nil || got != "hello" {
		t.Fatalf("found %q, %v", got, err)
	}
}

func mustFail(t *testing.T, c Connection, words ...string) string {
	t.Helper()
	_, err := hello(t, c)
	if err == nil {
		t.Fatal("expected an error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is missing in: %v", word, err)
		}
	}
	return err.Error()
}

func TestPinnedHostKeyIsAskedForAmongSeveral(t *testing.T) {
	rsa, ed := newRSA(t), newEd25519(t)
	s := newServer(t, rsa, ed).start()
	for _, key := range []ssh.Signer{rsa, ed} {
		c := s.connection()
		c.HostKey = ptr(authorized(key.PublicKey()))
		mustRun(t, c)
	}
}

func TestWrongHostKeyIsRefusedAtOnce(t *testing.T) {
	s := newServer(t).start()
	pinned := newEd25519(t).PublicKey()
	c := s.connection()
	c.HostKey, c.DialErrorLimit = ptr(authorized(pinned)), ptr(unlimited)
	mustFail(t, c, c.where(), "host key mismatch", "expected ssh-ed25519 "+ssh.FingerprintSHA256(pinned), "has shown ssh-ed25519 SHA256:")
	if got := s.dials.Load(); got != 1 {
		t.Errorf("%d attempts, expected 1", got)
	}
}

func TestHostKeyOfAnotherTypeIsRefusedAtOnce(t *testing.T) {
	s := newServer(t, newRSA(t)).start()
	c := s.connection()
	c.HostKey, c.DialErrorLimit = ptr(authorized(newEd25519(t).PublicKey())), ptr(unlimited)
	mustFail(t, c, "host key mismatch", "expected ssh-ed25519 SHA256:", "only keys of the types [rsa-sha2")
}

func TestBadSettingsAreNotTriedAgain(t *testing.T) {
	s := newServer(t).start()
	locked, _ := newKeyPair(t, "open sesame")
	for want, change := range map[string]func(*Connection){
		"hostKey: expected a line such as":   func(c *Connection) { c.HostKey = ptr("nonsense") },
		"privateKey: expected a private key": func(c *Connection) { c.PrivateKey = ptr("nonsense") },
		"set privateKeyPassword":             func(c *Connection) { c.PrivateKey = &locked },
		"agentSocketPath: dial unix":         func(c *Connection) { c.AgentSocketPath = ptr("/nonexistent/agent") },
	} {
		c := s.connection()
		c.DialErrorLimit = ptr(unlimited)
		change(&c)
		mustFail(t, c, c.where(), want)
	}
}

func TestRetryUntilTheServerIsUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	go func() {
		time.Sleep(700 * time.Millisecond)
		again, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		newServerAt(t, again).start()
	}()
	c := (&server{listener: listener}).connection()
	c.DialErrorLimit = ptr(20)
	mustRun(t, c)
}

func TestLimitOfAttempts(t *testing.T) {
	s := newServer(t)
	s.listener.Close()
	c := s.connection()
	c.DialErrorLimit = ptr(2)
	mustFail(t, c, c.where(), "no SSH connection after 3 attempts", "dialErrorLimit is 2", "connection refused")
}

func TestRefusedCredentialsAreNamedButNotShown(t *testing.T) {
	s := newServer(t).start()
	c := s.connection()
	private, public := newKeyPair(t, "")
	c.Password, c.PrivateKey = ptr("wrong password"), &private
	message := mustFail(t, c, "unable to authenticate", "offered as tester", ssh.FingerprintSHA256(public), "password")
	if strings.Contains(message, "wrong password") || strings.Contains(message, "PRIVATE KEY") {
		t.Errorf("a credential is shown: %s", message)
	}
}

func TestPrivateKeys(t *testing.T) {
	for _, passphrase := range []string{"", "open sesame"} {
		private, public := newKeyPair(t, passphrase)
		s := newServer(t)
		s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(public.Marshal()) {
				return nil, context.Canceled
			}
			return nil, nil
		}
		s.start()
		c := s.connection()
		c.Password, c.PrivateKey = nil, &private
		if passphrase != "" {
			c.PrivateKeyPassword = &passphrase
		}
		mustRun(t, c)
	}
}

func TestAServerThatSaysNothingIsGivenUp(t *testing.T) {
	c := newServer(t).connection() // it listens, but is not started
	c.PerDialTimeout = ptr(1)
	started := time.Now()
	mustFail(t, c, "no SSH handshake within 1s")
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCancelWhileConnecting(t *testing.T) {
	s := newServer(t)
	s.listener.Close()
	c := s.connection()
	c.DialErrorLimit = ptr(unlimited)
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err := c.connect(ctx)
	if err == nil || !strings.Contains(err.Error(), "the resource's timeout was over while connecting") {
		t.Errorf("found %v", err)
	}
}

func TestProxy(t *testing.T) {
	proxy, target := newServer(t).start(), newServer(t).start()
	c := target.connection()
	c.Proxy = &ProxyConnection{proxy.connection().Endpoint}
	mustRun(t, c)
	if proxy.dials.Load() != 1 {
		t.Errorf("the proxy was not used")
	}
	c.Proxy.HostKey = ptr(authorized(newEd25519(t).PublicKey()))
	mustFail(t, c, "proxy "+c.Proxy.where(), "host key mismatch")
	c.Proxy.HostKey = nil
	target.stop()
	mustFail(t, c, c.where()+" through proxy "+c.Proxy.where())
}
