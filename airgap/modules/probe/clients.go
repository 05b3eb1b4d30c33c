package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// each calls request at a fixed rate, whether or not earlier calls have ended, and waits for all of them at the end.
func each(ctx context.Context, every time.Duration, request func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var sent sync.WaitGroup
	defer sent.Wait()
	for {
		select {
		case <-ticker.C:
			start(&sent, request)
		case <-ctx.Done():
			return
		}
	}
}

// runHTTP requests the path on a new connection each time. An answer below 400 within the limit counts, also a redirect,
// which is not followed: the server that was reached has answered.
func runHTTP(ctx context.Context, to target, r *record) {
	each(ctx, to.every, func() {
		sent := time.Now()
		if err := getPage(to.address, to.path, sent.Add(limit)); err != nil {
			r.failed(sent, err)
			return
		}
		r.answered(sent)
	})
}

// getPage closes the connection before the server does, as curl and browsers do. The side that closes first keeps the pair
// of addresses for a minute: a client's own kernel then gives the port to no other connection, while a server may refuse
// a connection to which a node has given the same source again.
func getPage(address, path string, deadline time.Time) error {
	connection, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: probe\r\n\r\n", path); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("answer %s", answer.Status)
	}
	return nil
}

// runStream keeps one connection and sends a number on it at each tick, which has to come back.
func runStream(ctx context.Context, to target, r *record) {
	var number uint64
	for ctx.Err() == nil {
		began := time.Now()
		connection, err := net.DialTimeout("tcp", to.address, limit)
		if err != nil {
			r.failed(began, err)
			time.Sleep(to.every)
			continue
		}
		err = talk(ctx, connection, to.every, &number, r)
		connection.Close()
		if err != nil {
			r.ended(time.Now(), err)
			if ending(err) != "fin" {
				r.failed(time.Now(), err)
			}
		}
	}
}

func talk(ctx context.Context, connection net.Conn, every time.Duration, number *uint64, r *record) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	out, in := make([]byte, 8), make([]byte, 8)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		*number++
		sent := time.Now()
		binary.BigEndian.PutUint64(out, *number)
		if err := connection.SetDeadline(sent.Add(limit)); err != nil {
			return err
		}
		if _, err := connection.Write(out); err != nil {
			return err
		}
		if _, err := io.ReadFull(connection, in); err != nil {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return err
		}
		if !bytes.Equal(in, out) {
			return fmt.Errorf("sent %x, got %x back", out, in)
		}
		r.answered(sent)
	}
}

// runDatagrams sends numbers from one connected socket; each has to come back within the limit. Cilium's socket load
// balancer gives such a socket its backend when it connects, and destroys it when the backend goes: then it is re-created.
func runDatagrams(ctx context.Context, to target, r *record) {
	var number atomic.Uint64
	for ctx.Err() == nil {
		connection, err := net.Dial("udp", to.address)
		if err != nil {
			r.failed(time.Now(), err)
			time.Sleep(to.every)
			continue
		}
		err = exchange(ctx, connection, to.every, &number, r)
		connection.Close()
		if err != nil {
			r.ended(time.Now(), err)
		}
	}
}

// exchange returns what ended the socket, or nil when the context ended.
func exchange(ctx context.Context, connection net.Conn, every time.Duration, number *atomic.Uint64, r *record) error {
	var waiting sync.Map // number -> channel that is closed when it is back
	alive, end := context.WithCancelCause(ctx)
	defer end(nil)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		in := make([]byte, 16)
		for {
			size, err := connection.Read(in)
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue // an ICMP error about one datagram, which is missed in time
			}
			if err != nil {
				end(err)
				return
			}
			if size == 8 {
				if back, sent := waiting.LoadAndDelete(binary.BigEndian.Uint64(in)); sent {
					close(back.(chan struct{}))
				}
			}
		}
	}()
	each(alive, every, func() {
		sent, back, mine := time.Now(), make(chan struct{}), number.Add(1)
		waiting.Store(mine, back)
		defer waiting.Delete(mine)
		if _, err := connection.Write(binary.BigEndian.AppendUint64(nil, mine)); err != nil {
			r.failed(sent, err)
			return
		}
		select {
		case <-back:
			r.answered(sent)
		case <-time.After(limit):
			r.failed(sent, fmt.Errorf("datagram %d did not come back", mine))
		case <-gone: // and with the socket what was on its way; the next socket does not wait for that
			r.failed(sent, fmt.Errorf("datagram %d did not come back before its socket ended", mine))
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(alive)
}

// runDNS queries the address of the name in the kind, each time from a new socket.
func runDNS(ctx context.Context, to target, r *record) {
	_, name, _ := strings.Cut(to.kind, "/")
	question := dnsQuestion(name)
	each(ctx, to.every, func() {
		sent := time.Now()
		if err := queryDNS(to.address, question, sent.Add(limit)); err != nil {
			r.failed(sent, err)
			return
		}
		r.answered(sent)
	})
}

// dnsQuestion is a query for an A record (RFC 1035, section 4) with recursion desired.
func dnsQuestion(name string) []byte {
	packet := []byte{0x43, 0x4c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		packet = append(append(packet, byte(len(label))), label...)
	}
	return append(packet, 0, 0, 1, 0, 1)
}

func queryDNS(server string, question []byte, deadline time.Time) error {
	connection, err := (&net.Dialer{Deadline: deadline}).Dial("udp", server)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := connection.Write(question); err != nil {
		return err
	}
	answer := make([]byte, 1500)
	size, err := connection.Read(answer)
	if err != nil {
		return err
	}
	if size < 12 || answer[3]&0x0f != 0 || binary.BigEndian.Uint16(answer[6:]) == 0 {
		return fmt.Errorf("answer without an address: % x", answer[:min(size, 12)])
	}
	return nil
}
