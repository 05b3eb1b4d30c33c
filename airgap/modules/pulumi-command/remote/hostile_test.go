package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"cilium-lab/pulumi-command/lifecycle"
)

// withoutLeak runs f as a subtest and looks whether all goroutines of it have ended, those of its servers among them.
func withoutLeak(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Run(name, f)
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%s: %d goroutines before, %d after:\n%s", name, before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// within fails when f takes longer.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	started := time.Now()
	f()
	if took := time.Since(started); took > limit {
		t.Errorf("it took %v, expected %v at most", took, limit)
	}
}

// raw is a server that speaks no SSH: serve has each connection until it returns.
func raw(t *testing.T, serve func(net.Conn)) Connection {
	t.Helper()
	s := newServer(t)
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			go func() { defer conn.Close(); serve(conn) }()
		}
	}()
	c := s.connection()
	c.PerDialTimeout = ptr(1)
	return c
}

// repeat writes text again and again, until the connection is closed.
func repeat(conn net.Conn, text string, pause time.Duration) {
	for {
		if _, err := conn.Write([]byte(text)); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

func TestServersThatNeverFinishTheHandshake(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"slow banner":     func(conn net.Conn) { repeat(conn, "S", 100*time.Millisecond) },
		"banner of lines": func(conn net.Conn) { repeat(conn, "welcome to this host\r\n", 10*time.Millisecond) },
		"flood of lines":  func(conn net.Conn) { repeat(conn, strings.Repeat("x", 200)+"\n", 0) },
		"version, no more": func(conn net.Conn) {
			_, _ = conn.Write([]byte("SSH-2.0-hostile\r\n"))
			_, _ = io.Copy(io.Discard, conn) // the client's part; the server's never comes
		},
	} {
		withoutLeak(t, name, func(t *testing.T) {
			within(t, 4*time.Second, func() { mustFail(t, raw(t, serve), "no SSH") })
		})
	}
}

func TestServersThatEndOrGarbleTheHandshake(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "no SSH": "HTTP/1.1 400 Bad Request\r\n\r\n", "old version": "SSH-1.5-old\r\n",
		"garbage after the version": "SSH-2.0-hostile\r\n" + strings.Repeat("\xff\x00\x7f", 5000),
		"huge packet":               "SSH-2.0-hostile\r\n\xff\xff\xff\xff\x00",
	} {
		withoutLeak(t, name, func(t *testing.T) {
			c := raw(t, func(conn net.Conn) { _, _ = conn.Write([]byte(answer)) })
			within(t, 4*time.Second, func() { mustFail(t, c, c.where(), "no SSH connection after 1 attempts") })
		})
	}
}

// end tells the client how a command ended, and closes the channel.
func end(channel ssh.Channel, how string, payload any) {
	_, _ = channel.SendRequest(how, false, ssh.Marshal(payload))
	_ = channel.Close()
}

type status struct{ Status uint32 }

type signalled struct {
	Signal     string
	CoreDumped bool
	Error      string
	Lang       string
}

func TestHostileAnswersToACommand(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it would have several times 100 MB to print
	defer slog.SetDefault(before)
	const size = 100 << 20
	block := bytes.Repeat([]byte("0123456789abcde\n"), 4096)
	flood := func(write func([]byte) (int, error)) {
		for sent := 0; sent < size; sent += len(block) {
			if _, err := write(block); err != nil {
				return
			}
		}
	}
	cases := []struct {
		name   string
		answer func(ssh.Channel)
		stdout func(string) error
		words  []string // of the error
	}{
		{"100 MB of output", func(c ssh.Channel) { flood(c.Write); end(c, "exit-status", status{0}) }, length(size - 1), nil},
		{"100 MB on one line", func(c ssh.Channel) {
			block := bytes.Repeat([]byte("x"), len(block))
			for sent := 0; sent < size; sent += len(block) {
				_, _ = c.Write(block)
			}
			end(c, "exit-status", status{0})
		}, length(size), nil},
		{"flood on standard error", func(c ssh.Channel) { flood(c.Stderr().Write); end(c, "exit-status", status{3}) }, nil,
			[]string{"exit status 3", "earlier bytes are left out"}},
		{"binary output", func(c ssh.Channel) {
			_, _ = c.Write([]byte("a\xff\xfe\x00b\n"))
			end(c, "exit-status", status{0})
		}, func(got string) error {
			if got != "a\uFFFD\x00b" {
				return fmt.Errorf("found %q", got)
			}
			return nil
		}, nil},
		{"binary words of a failure", func(c ssh.Channel) {
			_, _ = c.Stderr().Write([]byte("bad \xff\xfe word\n"))
			end(c, "exit-status", status{1})
		}, nil, []string{"exit status 1", "bad \uFFFD word"}},
		{"signal", func(c ssh.Channel) { end(c, "exit-signal", signalled{Signal: "KILL"}) }, nil, []string{"ended by signal KILL"}},
		{"garbled signal", func(c ssh.Channel) { end(c, "exit-signal", status{7}) }, nil, []string{"connection was lost before an exit status"}},
		{"a status of one byte", func(c ssh.Channel) { end(c, "exit-status", struct{ Short uint8 }{1}) }, nil, []string{"connection was lost", "malformed exit-status"}},
		{"no status", func(c ssh.Channel) { _ = c.Close() }, nil, []string{"connection was lost before an exit status"}},
		{"the largest status", func(c ssh.Channel) { end(c, "exit-status", status{1<<32 - 1}) }, nil, []string{"exit status 4294967295"}},
	}
	for _, hostile := range cases {
		withoutLeak(t, hostile.name, func(t *testing.T) {
			s := newServer(t)
			s.exec = hostile.answer
			a := CommandArgs{Connection: s.start().connection()}
			within(t, 60*time.Second, func() {
				out, failure := run(t, a, "anything")
				for _, word := range hostile.words {
					if !strings.Contains(failure, word) {
						t.Errorf("%q is missing in: %.500s", word, failure)
					}
				}
				if hostile.words == nil && failure != "" {
					t.Errorf("found %.500s", failure)
				}
				if hostile.stdout != nil {
					if err := hostile.stdout(out.Stdout); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

func length(want int) func(string) error {
	return func(got string) error {
		if len(got) != want {
			return fmt.Errorf("%d of %d bytes came", len(got), want)
		}
		return nil
	}
}

// A server that answers keepalives, but takes no session, or starts no command.
func TestServersThatStartNoCommand(t *testing.T) {
	for name, hold := range map[string]func(ssh.NewChannel){
		"no answer to the session": func(ssh.NewChannel) {},
		"no answer to the command": func(request ssh.NewChannel) {
			channel, requests, err := request.Accept()
			if err == nil {
				for range requests { // taken and never answered
				}
				_ = channel.Close()
			}
		},
	} {
		withoutLeak(t, name+", until the update is cancelled", func(t *testing.T) {
			s := newServer(t)
			s.take = hold
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			within(t, 5*time.Second, func() {
				_, err := CommandArgs{Connection: s.start().connection()}.run(ctx, "anything", lifecycle.Outputs{})
				if err == nil || !strings.Contains(err.Error(), "not started, because the resource's timeout was over") {
					t.Errorf("found %v", err)
				}
			})
		})
		withoutLeak(t, name, func(t *testing.T) {
			s := newServer(t)
			s.take = hold
			c := s.start().connection()
			connected, err := c.attempt(context.Background(), (&net.Dialer{}).DialContext)
			if err != nil {
				t.Fatal(err)
			}
			patience := keepalive{interval: 50 * time.Millisecond, patience: time.Minute, start: 400 * time.Millisecond}
			host := newClient(connected, c.where(), patience)
			defer host.Close()
			within(t, 5*time.Second, func() {
				err = host.execute(context.Background(), task{command: "anything"})
				if err == nil || !strings.Contains(err.Error(), "did not start the command within 400ms") {
					t.Errorf("found %v", err)
				}
			})
		})
	}
}

func TestRefusedSession(t *testing.T) {
	withoutLeak(t, "refused", func(t *testing.T) {
		s := newServer(t)
		s.take = func(request ssh.NewChannel) { _ = request.Reject(ssh.Prohibited, "not today") }
		_, failure := run(t, CommandArgs{Connection: s.start().connection()}, "anything")
		if !strings.Contains(failure, "opening an SSH session") || !strings.Contains(failure, "not today") {
			t.Errorf("found %s", failure)
		}
	})
}

func TestDroppedAndSilentConnectionsLeakNothing(t *testing.T) {
	withoutLeak(t, "dropped", func(t *testing.T) {
		s := newServer(t)
		s.exec = func(c ssh.Channel) {
			_, _ = c.Write([]byte("some words\n"))
			s.stop()
		}
		_, failure := run(t, CommandArgs{Connection: s.start().connection()}, "anything")
		if !strings.Contains(failure, "connection was lost") || !strings.Contains(failure, "some words") {
			t.Errorf("found %s", failure)
		}
	})
	withoutLeak(t, "wrong host key", func(t *testing.T) {
		c := newServer(t).start().connection()
		c.HostKey = ptr(authorized(newEd25519(t).PublicKey()))
		mustFail(t, c, "host key mismatch")
	})
	withoutLeak(t, "silent", func(t *testing.T) {
		s := newServer(t)
		s.mute, s.exec = true, func(ssh.Channel) {}
		c := s.start().connection()
		connected, err := c.attempt(context.Background(), (&net.Dialer{}).DialContext)
		if err != nil {
			t.Fatal(err)
		}
		host := newClient(connected, c.where(), keepalive{50 * time.Millisecond, 200 * time.Millisecond, time.Minute})
		defer host.Close()
		err = host.execute(context.Background(), task{command: "anything"})
		if err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "answered no keepalive") {
			t.Errorf("found %v", err)
		}
	})
}
