package remote

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const testPassword = "a password for tests"

// server is an SSH server in this process. It runs commands on this machine.
type server struct {
	t         *testing.T
	listener  net.Listener
	config    *ssh.ServerConfig
	accept    map[string]bool      // names of environment variables
	mute      bool                 // answers no keepalive
	dropAfter int                  // closes the connection after so many bytes of output
	exec      func(ssh.Channel)    // answers commands instead of a shell; nil: a shell
	take      func(ssh.NewChannel) // has every session instead of the server
	dials     atomic.Int32
	mu        sync.Mutex
	conns     []net.Conn
}

func newServer(t *testing.T, hostKeys ...ssh.Signer) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return newServerAt(t, listener, hostKeys...)
}

func newServerAt(t *testing.T, listener net.Listener, hostKeys ...ssh.Signer) *server {
	t.Helper()
	s := &server{t: t, listener: listener, accept: map[string]bool{}}
	s.config = &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) != testPassword {
				return nil, fmt.Errorf("wrong password")
			}
			return nil, nil
		},
	}
	if len(hostKeys) == 0 {
		hostKeys = []ssh.Signer{newEd25519(t)}
	}
	for _, key := range hostKeys {
		s.config.AddHostKey(key)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() *server {
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.dials.Add(1)
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
	return s
}

func (s *server) stop() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		conn.Close()
	}
}

// connection leads to the server: one attempt, a password, no pinned key.
func (s *server) connection() Connection {
	address := s.listener.Addr().(*net.TCPAddr)
	return Connection{Endpoint: Endpoint{
		Host: "127.0.0.1", Port: ptr(float64(address.Port)), User: ptr("tester"), Password: ptr(testPassword),
		DialErrorLimit: ptr(0), PerDialTimeout: ptr(5),
	}}
}

func (s *server) serve(conn net.Conn) {
	transport, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	defer transport.Close()
	if !s.mute {
		go ssh.DiscardRequests(requests)
	}
	for channel := range channels {
		if s.take != nil {
			go s.take(channel)
			continue
		}
		switch channel.ChannelType() {
		case "session":
			go s.session(conn, channel)
		case "direct-tcpip":
			go forward(channel)
		default:
			_ = channel.Reject(ssh.UnknownChannelType, "")
		}
	}
}

func forward(request ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	_ = ssh.Unmarshal(request.ExtraData(), &to)
	target, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = request.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := request.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(channel, target); channel.Close() }()
	_, _ = io.Copy(target, channel)
	target.Close()
}

func (s *server) session(conn net.Conn, request ssh.NewChannel) {
	channel, requests, err := request.Accept()
	if err != nil {
		return
	}
	var env []string
	var cmd *exec.Cmd
	for req := range requests {
		ok, afterReply := true, func() {}
		switch req.Type {
		case "env":
			var v struct{ Name, Value string }
			_ = ssh.Unmarshal(req.Payload, &v)
			if ok = s.accept[v.Name]; ok {
				env = append(env, v.Name+"="+v.Value)
			}
		case "exec":
			var v struct{ Command string }
			_ = ssh.Unmarshal(req.Payload, &v)
			if s.exec != nil {
				afterReply = func() { s.exec(channel) }
				break
			}
			cmd = exec.Command("/bin/sh", "-c", v.Command)
			cmd.Env = append(cmd.Environ(), env...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Stdout, cmd.Stderr = &limited{channel, conn, s.dropAfter}, channel.Stderr()
			stdin, _ := cmd.StdinPipe()
			go func() { _, _ = io.Copy(stdin, channel); stdin.Close() }()
			if err := cmd.Start(); err != nil {
				s.t.Error(err)
			}
			afterReply = func() {
				_ = cmd.Wait()
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
				channel.Close()
			}
		case "signal":
			if cmd != nil {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
		case "subsystem":
			files, err := sftp.NewServer(channel)
			if ok = err == nil && strings.HasSuffix(string(req.Payload), "sftp"); ok {
				go func() { _ = files.Serve(); channel.Close() }()
			}
		default:
			ok = false
		}
		if req.WantReply {
			_ = req.Reply(ok, nil)
		}
		go afterReply()
	}
}

// limited drops the whole connection after so many bytes; 0 is no limit.
type limited struct {
	io.Writer
	conn net.Conn
	left int
}

func (l *limited) Write(data []byte) (int, error) {
	if l.left > 0 {
		if l.left -= len(data); l.left <= 0 {
			l.conn.Close()
		}
	}
	return l.Writer.Write(data)
}
