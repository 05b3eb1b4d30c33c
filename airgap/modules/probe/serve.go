package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// goodbye is how long clients get to close connections that were ended: a process that goes first would reset them.
const goodbye = 2 * time.Second

// serve answers pages on one port and echoes TCP and UDP on another, until the context ends. Lasting connections then
// end with a FIN.
//
// /ready says whether the server wants traffic. A request for /leave makes that a no and is answered after -leave: used as
// a pod's preStop hook, all nodes stop sending there and datagram sockets are re-created elsewhere while everything is
// still answered.
func serve(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	pages := flags.String("http", ":8080", "address for pages")
	echo := flags.String("echo", ":7007", "address for echoes, TCP and UDP")
	pause := flags.Duration("leave", 5*time.Second, "how long an answer to /leave takes")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	stream, err := net.Listen("tcp", *echo)
	if err != nil {
		return err
	}
	datagrams, err := net.ListenPacket("udp", *echo)
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp", *pages)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	var leaving atomic.Bool
	pagesByPath := http.NewServeMux()
	pagesByPath.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "Hostname: %s\n", host) })
	pagesByPath.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if leaving.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	pagesByPath.HandleFunc("/leave", func(http.ResponseWriter, *http.Request) {
		leaving.Store(true)
		time.Sleep(*pause)
	})
	server := &http.Server{Handler: pagesByPath}
	go server.Serve(web)
	go echoDatagrams(datagrams)
	open := &connections{all: map[net.Conn]bool{}}
	go open.accept(stream)
	<-ctx.Done()
	stream.Close()
	open.close()
	open.wait(goodbye)
	return server.Shutdown(context.Background())
}

func echoDatagrams(socket net.PacketConn) {
	packet := make([]byte, 1500)
	for {
		size, from, err := socket.ReadFrom(packet)
		if err != nil {
			return
		}
		socket.WriteTo(packet[:size], from)
	}
}

// connections are those that are open.
type connections struct {
	mutex sync.Mutex
	all   map[net.Conn]bool
}

func (c *connections) accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		c.mutex.Lock()
		c.all[connection] = true
		c.mutex.Unlock()
		go func() {
			io.Copy(connection, connection)
			connection.Close()
			c.mutex.Lock()
			delete(c.all, connection)
			c.mutex.Unlock()
		}()
	}
}

// close ends all of them in both directions, after what has been read was sent back.
func (c *connections) close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for connection := range c.all {
		connection.(*net.TCPConn).CloseWrite()
	}
}

// wait returns when the other ends have closed as well, or after the limit.
func (c *connections) wait(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c.mutex.Lock()
		left := len(c.all)
		c.mutex.Unlock()
		if left == 0 {
			return
		}
	}
}
