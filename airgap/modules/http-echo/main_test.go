package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, drain time.Duration) (string, chan os.Signal, chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan os.Signal, 1), make(chan error, 1)
	s := &server{hostname: "webpod-1", addresses: func() []string { return []string{"127.0.0.1", "192.168.1.7"} }}
	go func() { done <- s.serve(listener, stop, drain) }()
	return "http://" + listener.Addr().String(), stop, done
}

func get(url string) (int, string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func TestEchoNamesTheServerThenTheRequest(t *testing.T) {
	url, _, _ := start(t, 0)
	code, body, err := get(url + "/some/path?q=1")
	if err != nil || code != http.StatusOK {
		t.Fatalf("status %d, %v", code, err)
	}
	lines := strings.Split(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
	want := []string{"Hostname: webpod-1", "IP: 127.0.0.1", "IP: 192.168.1.7", "RemoteAddr: 127.0.0.1:", "GET /some/path?q=1 HTTP/1.1", "Host: 127.0.0.1:"}
	for i, prefix := range want {
		if !strings.HasPrefix(lines[i], prefix) {
			t.Errorf("line %d is %q, expected it to begin with %q", i, lines[i], prefix)
		}
	}
	if !strings.Contains(body, "User-Agent: Go-http-client") {
		t.Errorf("the request's headers are missing:\n%s", body)
	}
}

func TestTerminationServesOnWhileHealthSaysNo(t *testing.T) {
	drain := 500 * time.Millisecond
	url, stop, done := start(t, drain)
	if code, _, err := get(url + "/health"); err != nil || code != http.StatusOK {
		t.Fatalf("before SIGTERM: status %d, %v", code, err)
	}
	begun := time.Now()
	stop <- syscall.SIGTERM
	time.Sleep(drain / 5)
	if code, _, err := get(url + "/health"); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("while draining /health: status %d, %v", code, err)
	}
	if code, _, err := get(url + "/"); err != nil || code != http.StatusOK {
		t.Errorf("while draining /: status %d, %v", code, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < drain {
		t.Errorf("stopped after %s, expected at least %s", took, drain)
	}
	if _, _, err := get(url + "/"); err == nil {
		t.Error("still answers after shutdown")
	}
}

func TestRunningRequestEndsBeforeTheServerDoes(t *testing.T) {
	url, stop, done := start(t, 0)
	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\nhalf")
	time.Sleep(100 * time.Millisecond) // the server has read half of the body when the signal comes
	stop <- syscall.SIGTERM
	time.Sleep(100 * time.Millisecond)
	fmt.Fprint(connection, "rest")
	answer, err := io.ReadAll(connection)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") || !strings.Contains(string(answer), "halfrest") {
		t.Errorf("answer %q, %v", answer, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestEnvironmentGivesTheDefaultPort(t *testing.T) {
	t.Setenv("PORT", "8080")
	if got := fallback("PORT", "80"); got != "8080" {
		t.Errorf("got %s", got)
	}
	if got := fallback("PORT_NOT_SET", "80"); got != "80" {
		t.Errorf("got %s", got)
	}
}
