package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func print(t *testing.T, logging Logging, stdout, stderr string) *Recorder {
	t.Helper()
	r := Record(context.Background(), logging)
	fmt.Fprint(r.Stdout(), stdout)
	fmt.Fprint(r.Stderr(), stderr)
	r.Close()
	return r
}

func TestOutputsLoseOneLineFeed(t *testing.T) {
	got := print(t, None, "a\n\n", "b").Outputs()
	if got.Stdout != "a\n" || got.Stderr != "b" {
		t.Errorf("found %q and %q", got.Stdout, got.Stderr)
	}
}

func TestFailureHoldsPlaceCauseCommandAndOutput(t *testing.T) {
	err := print(t, StdoutAndStderr, "out\n", "err\n").Failure("root@h:22", errors.New("exit status 3, expected 0"), "a \"b\"")
	want := "root@h:22: exit status 3, expected 0: running \"a \\\"b\\\"\":\nout\nerr\n"
	if err.Error() != want {
		t.Errorf("found %q, expected %q", err, want)
	}
}

func TestFailureWithoutLoggingHoldsNoOutput(t *testing.T) {
	err := print(t, None, "token", "").Failure("h", errors.New("exit status 1"), "x")
	if strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("found %q", err)
	}
}

func TestFailureHoldsNoMoreThanIsLogged(t *testing.T) {
	err := print(t, Stderr, "the kubeconfig", "no such file").Failure("h", errors.New("exit status 1"), "x")
	if strings.Contains(err.Error(), "the kubeconfig") || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("found %q", err)
	}
}

func TestFailureCutsLongOutputAtALine(t *testing.T) {
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 1000) + "the last words\n"
	message := print(t, Stdout, text, "").Failure("h", errors.New("failed"), strings.Repeat("c", 1000)).Error()
	if len(message) > shownOutput+shownCommand+200 || !strings.HasSuffix(message, "the last words\n") {
		t.Errorf("%d bytes, ending %q", len(message), message[len(message)-40:])
	}
	_, rest, found := strings.Cut(message, "earlier bytes are left out)\n")
	if !found || !strings.HasPrefix(rest, strings.Repeat("x", 99)+"\n") {
		t.Errorf("the output is not cut at a line: %q", rest[:120])
	}
	if !strings.Contains(message, "… (1000 bytes)") {
		t.Errorf("the command is not cut: %q", message[:600])
	}
}

func TestLinesAreShownAsTheyCome(t *testing.T) {
	shown := make(chan string)
	l := newLineLog(func(text string) { shown <- text })
	one, two := l.stream(), l.stream()
	fmt.Fprint(one, "fir")
	fmt.Fprint(two, "second\r\n")
	expect(t, shown, "second")
	fmt.Fprint(one, "st\nrest")
	expect(t, shown, "first")
	go l.close()
	expect(t, shown, "rest")
}

func expect(t *testing.T, shown <-chan string, want string) {
	t.Helper()
	select {
	case got := <-shown:
		if got != want {
			t.Errorf("shown %q, expected %q", got, want)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%q was not shown", want)
	}
}

func TestASlowLogHoldsNobodyUpAndLosesNothing(t *testing.T) {
	var shown bytes.Buffer
	messages := 0
	l := newLineLog(func(text string) {
		time.Sleep(10 * time.Millisecond)
		fmt.Fprintln(&shown, text)
		messages++
	})
	stream := l.stream()
	const lines = 5000
	started := time.Now()
	for i := range lines {
		fmt.Fprintf(stream, "line %d\n", i)
	}
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("the command was held up for %v", took)
	}
	l.close()
	if got := strings.Count(shown.String(), "\n"); got != lines || messages > lines/10 {
		t.Errorf("%d of %d lines in %d messages", got, lines, messages)
	}
}

func TestLoggingSaysWhichStreamIsShown(t *testing.T) {
	for logging, want := range map[Logging][2]bool{
		Stdout: {true, false}, Stderr: {false, true}, StdoutAndStderr: {true, true}, None: {false, false},
	} {
		text := captureLog(t, func() { print(t, logging, "out-line\n", "err-line\n") })
		got := [2]bool{strings.Contains(text, "out-line"), strings.Contains(text, "err-line")}
		if got != want {
			t.Errorf("logging %q shows stdout, stderr: %v, expected %v", logging, got, want)
		}
	}
}

// captureLog returns what is logged while f runs: without an engine the provider library logs to slog.
func captureLog(t *testing.T, f func()) string {
	t.Helper()
	sink := &lockedBuffer{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(sink, nil)))
	defer slog.SetDefault(before)
	f()
	return sink.String()
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
