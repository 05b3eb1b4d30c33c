package output

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// largestMessage bounds what is shown at once, in bytes, when lines come faster than they can be shown.
const largestMessage = 64 << 10

// lineLog shows complete lines from several streams. A line is shown as soon as the one before it has been; lines that
// came in between go out together, so that a command with much to say is not held up by the log.
type lineLog struct {
	show func(text string)
	done chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	lines   []string
	streams []*lineStream
	closed  bool
}

func newLineLog(show func(text string)) *lineLog {
	l := &lineLog{show: show, done: make(chan struct{})}
	l.changed = sync.NewCond(&l.mu)
	go l.work()
	return l
}

// lineStream cuts one stream into lines.
type lineStream struct {
	log  *lineLog
	rest []byte
}

func (l *lineLog) stream() io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &lineStream{log: l}
	l.streams = append(l.streams, s)
	return s
}

func (s *lineStream) Write(data []byte) (int, error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	left := data
	for {
		line, after, found := bytes.Cut(left, []byte("\n"))
		s.rest = append(s.rest, line...)
		if !found {
			return len(data), nil
		}
		s.log.push(s.rest)
		s.rest, left = s.rest[:0], after
	}
}

// push queues a line; the caller holds the lock.
func (l *lineLog) push(line []byte) {
	l.lines = append(l.lines, strings.TrimSuffix(string(line), "\r"))
	l.changed.Signal()
}

func (l *lineLog) close() {
	l.mu.Lock()
	for _, s := range l.streams {
		if len(s.rest) > 0 {
			l.push(s.rest)
		}
		s.rest = nil
	}
	l.closed = true
	l.changed.Signal()
	l.mu.Unlock()
	<-l.done
}

func (l *lineLog) work() {
	defer close(l.done)
	for {
		text, more := l.next()
		if !more {
			return
		}
		l.show(text)
	}
}

// next waits for lines and takes as many as one message holds; false when there will be no more.
func (l *lineLog) next() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.lines) == 0 && !l.closed {
		l.changed.Wait()
	}
	if len(l.lines) == 0 {
		return "", false
	}
	count, size := 0, 0
	for count < len(l.lines) && (count == 0 || size+len(l.lines[count]) < largestMessage) {
		size += len(l.lines[count]) + 1
		count++
	}
	text := strings.Join(l.lines[:count], "\n")
	l.lines = l.lines[count:]
	return text, true
}
