package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// second is one line of output: what came back to one probe, or failed, within a whole second of Unix time.
type second struct {
	Probe   string    `json:"probe"`
	Second  int64     `json:"second"`
	Sent    int       `json:"sent"`
	Failed  int       `json:"failed"`
	Latency []float64 `json:"latency_ms"` // of each answer
	Outage  float64   `json:"outage_ms"`  // longest time between two answers, the last one of which came in this second
	Net     float64   `json:"net_ms"`     // the same without the time in which this process waited for a processor
	Waited  float64   `json:"waited_ms"`  // longest time that this process waited for a processor, noticed in this second
}

// event is the other kind of line: a failure, the end of a lasting connection, or the beginning and end of a run, so that
// the time between two runs is known for what it is.
type event struct {
	Probe string  `json:"probe"`
	At    float64 `json:"at"`    // Unix time; of a failure, when the request was sent
	What  string  `json:"event"` // begins, failed, ended, ends
	Why   string  `json:"why"`   // begins: KIND:HOST:PORT[/PATH]@RATE; ended: fin, reset, destroyed, timeout or other words
}

// printer writes one JSON value a line, from any goroutine.
type printer struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func newPrinter(out io.Writer) *printer { return &printer{encoder: json.NewEncoder(out)} }

func (p *printer) print(value any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err := p.encoder.Encode(value); err != nil {
		// The reader is gone: there is nothing left to measure for.
		os.Exit(1)
	}
}

// record collects what one probe sees.
type record struct {
	name   string
	out    *printer
	clock  func() time.Time
	pulse  *pulse
	mutex  sync.Mutex
	now    second
	last   time.Time     // of the last answer
	waited time.Duration // of the pulse, at the last answer
}

// newRecord makes one of a probe, with a pulse of its own.
func newRecord(name string, out *printer) *record {
	return newRecordBy(time.Now, name, out)
}

func newRecordBy(clock func() time.Time, name string, out *printer) *record {
	return &record{name: name, out: out, clock: clock, pulse: newPulse(clock), last: clock()}
}

func (r *record) answered(sent time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	now, waited := r.clock(), r.pulse.total()
	silence := now.Sub(r.last)
	r.now.Sent++
	r.now.Latency = append(r.now.Latency, milliseconds(now.Sub(sent)))
	r.now.Outage = max(r.now.Outage, milliseconds(silence))
	r.now.Net = max(r.now.Net, milliseconds(max(0, silence-(waited-r.waited))))
	r.last, r.waited = now, waited
}

func (r *record) failed(sent time.Time, err error) {
	r.mutex.Lock()
	r.now.Sent++
	r.now.Failed++
	r.mutex.Unlock()
	r.out.print(event{r.name, unix(sent), "failed", err.Error()})
}

// ended prints how a lasting connection or a socket ended.
func (r *record) ended(at time.Time, err error) {
	r.out.print(event{r.name, unix(at), "ended", ending(err)})
}

func (r *record) began(to target) { r.out.print(event{r.name, unix(time.Now()), "begins", to.text}) }

// flush prints what was seen since the last time, as that of a second.
func (r *record) flush(of int64) {
	r.mutex.Lock()
	line := r.now
	line.Waited = milliseconds(r.pulse.takeLongest())
	r.now = second{}
	r.mutex.Unlock()
	line.Probe, line.Second = r.name, of
	if line.Latency == nil {
		line.Latency = []float64{}
	}
	r.out.print(line)
}

// flushEverySecond flushes when a second of Unix time is over, and goes on after the end for as long as a request
// that was sent before may still be answered.
func (r *record) flushEverySecond(ctx context.Context) {
	stopped, last := ctx.Done(), (<-chan time.Time)(nil)
	var stoppedAt time.Time
	for {
		now := time.Now()
		next := now.Truncate(time.Second).Add(time.Second)
		select {
		case <-time.After(time.Until(next)):
			r.flush(next.Unix() - 1)
		case <-stopped:
			stopped, stoppedAt = nil, time.Now()
			last = time.After(limit + limit/5)
		case <-last:
			r.flush(time.Now().Unix())
			r.out.print(event{r.name, unix(stoppedAt), "ends", ""})
			return
		}
	}
}

func ending(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, io.EOF):
		return "fin"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, syscall.ECONNABORTED):
		return "destroyed"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return err.Error()
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}

func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
