// Package output keeps what a command prints, shows it line by line while it runs, and makes the message of its
// failure.
package output

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"

	"cilium-lab/pulumi-command/lifecycle"
	"cilium-lab/pulumi-command/secrets"
)

// Logging says which streams the user gets to see. The values are those of pulumi-command's enumeration.
type Logging string

// The values of Logging.
const (
	Stdout          Logging = "stdout"
	Stderr          Logging = "stderr"
	StdoutAndStderr Logging = "stdoutAndStderr"
	None            Logging = "none"
)

// Recorder takes the output of one command. Close it when the command has ended.
type Recorder struct {
	logging  Logging
	redactor secrets.Redactor
	log      *lineLog

	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	joint  bytes.Buffer // the streams that are shown, in the order in which they came, for the message of a failure
}

// Record starts to record a command whose output is shown in the log of the resource that ctx belongs to.
func Record(ctx context.Context, logging Logging) *Recorder {
	r := &Recorder{logging: logging, redactor: secrets.From(ctx)}
	logger := p.GetLogger(context.WithoutCancel(ctx)) // a cancelled command's last words are worth showing
	r.log = newLineLog(func(text string) { logger.InfoStatus(readable(r.redactor.Redact(text))) })
	return r
}

// Stdout is where the command writes its standard output.
func (r *Recorder) Stdout() io.Writer {
	return r.writer(&r.stdout, r.logging == Stdout || r.logging == StdoutAndStderr)
}

// Stderr is where the command writes its standard error.
func (r *Recorder) Stderr() io.Writer {
	return r.writer(&r.stderr, r.logging == Stderr || r.logging == StdoutAndStderr)
}

// Close shows what is left and waits until everything has been shown.
func (r *Recorder) Close() { r.log.close() }

// Outputs are what the command has printed.
func (r *Recorder) Outputs() lifecycle.Outputs {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lifecycle.Outputs{
		Stdout: readable(strings.TrimSuffix(r.stdout.String(), "\n")),
		Stderr: readable(strings.TrimSuffix(r.stderr.String(), "\n")),
	}
}

// readable puts U+FFFD where bytes are no UTF-8. The engine's protocol carries nothing else: an answer with such bytes
// would be lost, and with it the note that the command has run.
func readable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func (r *Recorder) writer(own *bytes.Buffer, shown bool) io.Writer {
	keep := writerFunc(func(data []byte) (int, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		own.Write(data)
		if shown {
			r.joint.Write(data)
		}
		return len(data), nil
	})
	if !shown {
		return keep
	}
	return io.MultiWriter(keep, r.log.stream())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }
