package remote

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cilium-lab/pulumi-command/lifecycle"
)

const sshdPath = "/usr/sbin/sshd"

// privilegeFolder must exist when root starts sshd; the service's own start makes it.
const privilegeFolder = "/run/sshd"

// startSSHD runs OpenSSH's server on a loopback port, with keys of its own.
func startSSHD(t *testing.T) Connection {
	t.Helper()
	if _, err := os.Stat(sshdPath); err != nil {
		t.Skipf("OpenSSH's server is not installed: %v", err)
	}
	if os.Getuid() == 0 {
		if err := os.Mkdir(privilegeFolder, 0o755); err == nil {
			t.Cleanup(func() { _ = os.Remove(privilegeFolder) })
		}
	}
	folder := t.TempDir()
	hostKey, hostPublic := newKeyPair(t, "")
	userKey, userPublic := newKeyPair(t, "")
	write(t, filepath.Join(folder, "host"), hostKey)
	write(t, filepath.Join(folder, "authorized"), authorized(userPublic)+"\n")
	port := freePort(t)
	write(t, filepath.Join(folder, "config"), fmt.Sprintf(`
ListenAddress 127.0.0.1:%d
HostKey %[2]s/host
AuthorizedKeysFile %[2]s/authorized
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
AcceptEnv NAME PULUMI_COMMAND_*
Subsystem sftp internal-sftp
`, port, folder))
	var log bytes.Buffer
	daemon := exec.Command(sshdPath, "-D", "-e", "-f", filepath.Join(folder, "config"))
	daemon.Stderr = &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
		if t.Failed() {
			t.Logf("sshd: %s", log.String())
		}
	})
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return Connection{Endpoint: Endpoint{
		Host: "127.0.0.1", Port: ptr(float64(port)), User: &me.Username, PrivateKey: &userKey,
		HostKey: ptr(authorized(hostPublic)), DialErrorLimit: ptr(20),
	}}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestOpenSSH(t *testing.T) {
	c := startSSHD(t)
	t.Run("command", func(t *testing.T) {
		a := CommandArgs{Connection: c, Stdin: ptr("some input"), Environment: map[string]string{"NAME": "a value"}}
		out, failure := run(t, a, `cat; echo "$NAME, $PULUMI_COMMAND_STDOUT" >&2`)
		if failure != "" || out != (lifecycle.Outputs{Stdout: "some input", Stderr: "a value, before"}) {
			t.Errorf("found %+v, %s", out, failure)
		}
	})
	t.Run("failure", func(t *testing.T) {
		_, failure := run(t, CommandArgs{Connection: c}, "echo last words; exit 7")
		if !strings.Contains(failure, c.where()+": exit status 7") || !strings.Contains(failure, "last words") {
			t.Errorf("found %s", failure)
		}
		_, failure = run(t, CommandArgs{Connection: c}, "kill -TERM $$")
		if !strings.Contains(failure, "ended by signal TERM") {
			t.Errorf("found %s", failure)
		}
	})
	t.Run("refused environment", func(t *testing.T) {
		_, failure := run(t, CommandArgs{Connection: c, Environment: map[string]string{"OTHER": "x"}}, "true")
		if !strings.Contains(failure, "OTHER") || !strings.Contains(failure, "AcceptEnv") {
			t.Errorf("found %s", failure)
		}
	})
	t.Run("wrong host key", func(t *testing.T) {
		wrong := c
		wrong.HostKey = ptr(authorized(newEd25519(t).PublicKey()))
		mustFail(t, wrong, "host key mismatch")
	})
	t.Run("wrong user key", func(t *testing.T) {
		wrong := c
		private, _ := newKeyPair(t, "")
		wrong.PrivateKey, wrong.DialErrorLimit = &private, ptr(1)
		mustFail(t, wrong, "after 2 attempts", "unable to authenticate", "private key ssh-ed25519 SHA256:")
	})
	t.Run("proxy", func(t *testing.T) {
		through := c
		through.Proxy = &ProxyConnection{c.Endpoint}
		mustRun(t, through)
	})
	t.Run("dropped connection", func(t *testing.T) {
		started := time.Now()
		_, failure := run(t, CommandArgs{Connection: c}, "echo before the end; kill -KILL $PPID; sleep 300")
		if !strings.Contains(failure, "connection was lost") || !strings.Contains(failure, "before the end") {
			t.Errorf("found %s", failure)
		}
		if took := time.Since(started); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("cancellation", func(t *testing.T) { checkCancellation(t, c) })
	t.Run("copy", func(t *testing.T) { checkCopies(t, c) })
}
