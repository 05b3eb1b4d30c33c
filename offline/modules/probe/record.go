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

// second is one line of output: what one probe saw within a second.
type second struct {
	Probe   string    `json:"probe"`
	Second  int64     `json:"second"` // Unix time
	Sent    int       `json:"sent"`
	Failed  int       `json:"failed"`
	Latency []float64 `json:"latency_ms"` // of each answer
	Gap     float64   `json:"gap_ms"`     // longest time between two answers, the last one of which came in this second
}

// event is the other kind of line: a failure, or the end of a lasting connection.
type event struct {
	Probe string  `json:"probe"`
	At    float64 `json:"at"` // Unix time of the request
	What  string  `json:"event"`
	Why   string  `json:"why"`
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
		// Nobody reads any more: there is nothing left to measure for.
		os.Exit(1)
	}
}

// record collects what one probe sees.
type record struct {
	name  string
	out   *printer
	mutex sync.Mutex
	now   second
	last  time.Time // of the last answer
}

func newRecord(name string, out *printer) *record {
	return &record{name: name, out: out, last: time.Now()}
}

func (r *record) answered(sent time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	now := time.Now()
	r.now.Sent++
	r.now.Latency = append(r.now.Latency, milliseconds(now.Sub(sent)))
	r.now.Gap = max(r.now.Gap, milliseconds(now.Sub(r.last)))
	r.last = now
}

func (r *record) failed(sent time.Time, err error) {
	r.mutex.Lock()
	r.now.Sent++
	r.now.Failed++
	r.mutex.Unlock()
	r.out.print(event{r.name, unix(sent), "failed", err.Error()})
}

// ended tells how a lasting connection or a socket ended.
func (r *record) ended(at time.Time, err error) {
	r.out.print(event{r.name, unix(at), "ended", ending(err)})
}

func (r *record) flush() {
	r.mutex.Lock()
	line := r.now
	r.now = second{}
	r.mutex.Unlock()
	line.Probe, line.Second = r.name, time.Now().Unix()
	if line.Latency == nil {
		line.Latency = []float64{}
	}
	r.out.print(line)
}

func (r *record) flushEverySecond(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.flush()
		case <-ctx.Done():
			// What is on its way may still be answered.
			time.Sleep(limit + limit/5)
			r.flush()
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
