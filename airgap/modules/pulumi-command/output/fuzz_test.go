package output

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever comes, in whatever pieces: the lines that are shown are those of the stream.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\nrest"), uint8(1))
	f.Add([]byte("\n\n\xff\xfe"), uint8(3))
	f.Add(bytes.Repeat([]byte("x"), 70_000), uint8(255))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var shown []string
		l := newLineLog(func(text string) { shown = append(shown, text) })
		stream := l.stream()
		for rest := data; len(rest) > 0; {
			piece := rest[:min(int(size)+1, len(rest))]
			if n, err := stream.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("%d of %d bytes were taken: %v", n, len(piece), err)
			}
			rest = rest[len(piece):]
		}
		l.close()
		lines := strings.Split(string(data), "\n")
		if last := len(lines) - 1; lines[last] == "" {
			lines = lines[:last]
		}
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "\r")
		}
		if got, want := strings.Join(shown, "\n"), strings.Join(lines, "\n"); got != want {
			t.Errorf("shown %q, expected %q", got, want)
		}
	})
}

// The engine's protocol carries UTF-8 alone, and a message must stay readable.
func FuzzOutputsAndFailure(f *testing.F) {
	f.Add([]byte("words"), []byte("errors\n"), "make it")
	f.Add([]byte("\xff\xfe\x00"), []byte("\xc3"), "\xc3\x28")
	f.Add(bytes.Repeat([]byte("é"), 20_000), []byte{}, strings.Repeat("é", 500))
	f.Fuzz(func(t *testing.T, stdout, stderr []byte, command string) {
		r := Record(context.Background(), StdoutAndStderr)
		_, _ = r.Stdout().Write(stdout)
		_, _ = r.Stderr().Write(stderr)
		r.Close()
		out := r.Outputs()
		if !utf8.ValidString(out.Stdout) || !utf8.ValidString(out.Stderr) {
			t.Errorf("found %q and %q", out.Stdout, out.Stderr)
		}
		if utf8.Valid(stdout) && out.Stdout != strings.TrimSuffix(string(stdout), "\n") {
			t.Errorf("found %q, expected %q", out.Stdout, stdout)
		}
		message := r.Failure("host", errors.New("exit status 1"), command).Error()
		if !utf8.ValidString(message) {
			t.Errorf("the message is no text: %q", message)
		}
		if most := 4*shownCommand + 3*shownOutput; len(message) > most {
			t.Errorf("the message has %d bytes, expected %d at most", len(message), most)
		}
	})
}
