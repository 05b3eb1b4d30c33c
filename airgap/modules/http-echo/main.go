// Command http-echo answers every request with its own name and the request, as plain text.
//
// The first line is "Hostname: NAME"; the addresses, the peer and the request follow. /health is 200 while the server
// accepts traffic. After SIGTERM it is 503 for a moment (-drain) while requests are still served, so that load
// balancers stop sending first; then the server stops listening and finishes the requests that run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// shutdownLimit bounds how long running requests may take once the server has stopped listening.
const shutdownLimit = 10 * time.Second

// server answers requests; draining becomes true on SIGTERM.
type server struct {
	hostname  string
	addresses func() []string
	draining  atomic.Bool
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", s.health)
	mux.HandleFunc("/", s.echo)
	return mux
}

func (s *server) echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "Hostname:", s.hostname)
	for _, address := range s.addresses() {
		fmt.Fprintln(w, "IP:", address)
	}
	fmt.Fprintln(w, "RemoteAddr:", r.RemoteAddr)
	// Write sends the request line and the headers as they came; a client that is gone needs no answer.
	_ = r.Write(w)
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

// serve answers on the listener until stop, then drains and shuts down.
func (s *server) serve(listener net.Listener, stop <-chan os.Signal, drain time.Duration) error {
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-stop:
	}
	s.draining.Store(true)
	time.Sleep(drain)
	limit, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	if err := web.Shutdown(limit); err != nil {
		return fmt.Errorf("requests still running %s after the server stopped listening: %w", shutdownLimit, err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ownAddresses lists the addresses of all interfaces; an unreadable list is shown as empty.
func ownAddresses() []string {
	found, err := net.InterfaceAddrs()
	if err != nil {
		log.Print("interface addresses: ", err)
	}
	addresses := make([]string, 0, len(found))
	for _, address := range found {
		if network, ok := address.(*net.IPNet); ok {
			addresses = append(addresses, network.IP.String())
		}
	}
	return addresses
}

// fallback is the environment's value for a flag's default, so that a manifest may use either.
func fallback(variable, value string) string {
	if set, ok := os.LookupEnv(variable); ok {
		return set
	}
	return value
}

func main() {
	port := flag.String("port", fallback("PORT", "80"), "TCP port to listen on (PORT)")
	drain := flag.Duration("drain", 3*time.Second, "how long to serve on after SIGTERM while /health says no")
	flag.Parse()
	hostname, err := os.Hostname()
	if err != nil {
		log.Fatal("hostname: ", err)
	}
	listener, err := net.Listen("tcp", ":"+*port)
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	log.Printf("%s serves on %s", hostname, listener.Addr())
	if err := (&server{hostname: hostname, addresses: ownAddresses}).serve(listener, stop, *drain); err != nil {
		log.Fatal(err)
	}
}
