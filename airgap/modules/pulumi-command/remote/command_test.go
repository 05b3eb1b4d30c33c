package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cilium-lab/pulumi-command/lifecycle"
)

func run(t *testing.T, a CommandArgs, command string) (lifecycle.Outputs, string) {
	t.Helper()
	out, err := a.run(context.Background(), command, lifecycle.Outputs{Stdout: "before"})
	if err != nil {
		return out, err.Error()
	}
	return out, ""
}

func TestStdinEnvironmentAndBothStreams(t *testing.T) {
	s := newServer(t).start()
	s.accept = map[string]bool{"NAME": true, lifecycle.PreviousStdout: true}
	a := CommandArgs{
		Connection: s.connection(), Stdin: ptr("some input"), Environment: map[string]string{"NAME": "a value"},
	}
	out, failure := run(t, a, `cat; echo; echo "$NAME, $PULUMI_COMMAND_STDOUT, ${PULUMI_COMMAND_STDERR-unset}" >&2`)
	want := lifecycle.Outputs{Stdout: "some input", Stderr: "a value, before, unset"}
	if failure != "" || out != want {
		t.Errorf("found %+v, %s", out, failure)
	}
	a.AddPreviousOutputInEnv = ptr(false)
	if out, failure := run(t, a, `echo "${PULUMI_COMMAND_STDOUT-unset}"`); out.Stdout != "unset" {
		t.Errorf("the previous output is there: %+v, %s", out, failure)
	}
}

func TestStdinThatNobodyReads(t *testing.T) {
	a := CommandArgs{Connection: newServer(t).start().connection(), Stdin: ptr(strings.Repeat("x", 10<<20))}
	for range 10 {
		if out, failure := run(t, a, "echo done"); out.Stdout != "done" {
			t.Fatalf("found %+v, %s", out, failure)
		}
	}
	if _, failure := run(t, a, "exit 3"); !strings.Contains(failure, "exit status 3") {
		t.Errorf("found %s", failure)
	}
}

func TestRefusedEnvironment(t *testing.T) {
	s := newServer(t).start()
	a := CommandArgs{Connection: s.connection()}
	if out, failure := run(t, a, "echo ran"); failure != "" || out.Stdout != "ran" {
		t.Errorf("without the previous output the command must run: %+v, %s", out, failure)
	}
	a.Environment = map[string]string{"NAME": "a value"}
	_, failure := run(t, a, "echo ran")
	for _, part := range []string{"environment variable NAME", "AcceptEnv", s.connection().where()} {
		if !strings.Contains(failure, part) {
			t.Errorf("%q is missing in: %s", part, failure)
		}
	}
	if strings.Contains(failure, "a value") {
		t.Errorf("the value is shown: %s", failure)
	}
}

func TestFailure(t *testing.T) {
	s := newServer(t).start()
	s.accept["NAME"] = true
	a := CommandArgs{
		Connection: s.connection(), Stdin: ptr("given by stdin"), Environment: map[string]string{"NAME": "given by env"},
	}
	_, failure := run(t, a, "cat >/dev/null; echo last words; echo and these >&2; exit 7")
	for _, part := range []string{s.connection().where(), "exit status 7, expected 0", `running "cat`, "last words", "and these"} {
		if !strings.Contains(failure, part) {
			t.Errorf("%q is missing in: %s", part, failure)
		}
	}
	for _, part := range []string{"given by stdin", "given by env", testPassword} {
		if strings.Contains(failure, part) {
			t.Errorf("%q is in: %s", part, failure)
		}
	}
	a.Logging = ptr(Logging("none"))
	_, failure = run(t, a, "echo last words; exit 7")
	if strings.Contains(failure, "last words\n") || !strings.Contains(failure, "exit status 7") {
		t.Errorf("with logging none: %s", failure)
	}
}

func TestLargeOutput(t *testing.T) {
	a := CommandArgs{Connection: newServer(t).start().connection()}
	const size = 20 << 20
	out, failure := run(t, a, "yes 0123456789abcde | head -c "+strconv.Itoa(size))
	if failure != "" || out.Stdout != strings.TrimSuffix(strings.Repeat("0123456789abcde\n", size/16), "\n") {
		t.Errorf("%d of %d bytes came: %.300s", len(out.Stdout), size, failure)
	}
}

func TestConnectionDroppedWithinOutput(t *testing.T) {
	s := newServer(t)
	s.dropAfter = 100_000
	s.start()
	_, failure := run(t, CommandArgs{Connection: s.connection()}, "echo begin; yes word | head -c 5000000; sleep 60")
	for _, part := range []string{s.connection().where(), "connection was lost before an exit status came", "word\nword"} {
		if !strings.Contains(failure, part) {
			t.Errorf("%q is missing in: %.500s", part, failure)
		}
	}
}

func TestHostThatFallsSilentIsGivenUp(t *testing.T) {
	sleep := func(s *server) error {
		c := s.start().connection()
		connected, err := c.attempt(context.Background(), (&net.Dialer{}).DialContext)
		if err != nil {
			t.Fatal(err)
		}
		host := newClient(connected, c.where(), keepalive{interval: 100 * time.Millisecond, patience: 300 * time.Millisecond, start: time.Minute})
		defer host.Close()
		return host.execute(context.Background(), task{command: "sleep 2"})
	}
	if err := sleep(newServer(t)); err != nil {
		t.Errorf("a host that answers must not be given up: %v", err)
	}
	silent := newServer(t)
	silent.mute = true
	if err := sleep(silent); err == nil || !strings.Contains(err.Error(), "answered no keepalive for 300ms") {
		t.Errorf("found %v", err)
	}
}

func TestCancellationEndsTheCommand(t *testing.T) {
	checkCancellation(t, newServer(t).start().connection())
}

// checkCancellation cancels a command that runs over the connection, and looks whether its processes end.
func checkCancellation(t *testing.T, c Connection) {
	t.Helper()
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if text, _ := os.ReadFile(pids); strings.Count(string(text), "\n") == 2 {
				cancel()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	command := "echo begun; sleep 300 & echo $! >>" + pids + "; echo $$ >>" + pids + "; wait"
	started := time.Now()
	_, err := CommandArgs{Connection: c}.run(ctx, command, lifecycle.Outputs{})
	if err == nil || !strings.Contains(err.Error(), "because the update was cancelled") || !strings.Contains(err.Error(), "begun") {
		t.Errorf("found %v", err)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	text, _ := os.ReadFile(pids)
	for _, field := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(field)
		if !gone(pid, 3*time.Second) {
			t.Errorf("process %d of the command is still there", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func gone(pid int, within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		if status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(status), ") Z ") {
			return true // its exit status has not been collected yet
		}
	}
	return false
}
