package main

import (
	"context"
	"sync"
	"time"
)

// beat is how long a process may go unseen and still count as one that runs: a shorter wait for the processor is not seen.
const beat = 10 * time.Millisecond

// pulse knows for how long this process wanted to run and could not. A request that is not sent, or an answer that is not
// read, for want of a processor says nothing about the service.
type pulse struct {
	mutex   sync.Mutex
	now     func() time.Time
	last    time.Time // when it was noted last that the process runs
	waited  time.Duration
	longest time.Duration // since the last call of takeLongest
}

func newPulse(now func() time.Time) *pulse { return &pulse{now: now, last: now()} }

func (p *pulse) run(ctx context.Context) {
	ticker := time.NewTicker(beat / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.total()
		case <-ctx.Done():
			return
		}
	}
}

// total is the time that the process has waited for a processor since its beginning. Whoever runs first after such a wait
// has it counted already.
func (p *pulse) total() time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	now := p.now()
	if late := now.Sub(p.last) - beat; late > 0 {
		p.waited += late
		p.longest = max(p.longest, late)
	}
	p.last = now
	return p.waited
}

// takeLongest is the longest wait since the last call.
func (p *pulse) takeLongest() time.Duration {
	p.total()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	longest := p.longest
	p.longest = 0
	return longest
}
