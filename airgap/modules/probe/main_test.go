package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// served starts a server on free ports; the function ends it.
func served(t *testing.T) (pages, echo string, end func()) {
	t.Helper()
	free := func() string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	pages, echo = free(), free()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, []string{"-http", pages, "-echo", echo, "-leave", "300ms"}) }()
	for range 100 {
		if connection, err := net.Dial("tcp", pages); err == nil {
			connection.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return pages, echo, func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func lines(t *testing.T, out *bytes.Buffer) (seconds []second, events []event) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var kind struct{ Event string }
		if err := json.Unmarshal([]byte(line), &kind); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if kind.Event == "" {
			var one second
			json.Unmarshal([]byte(line), &one)
			seconds = append(seconds, one)
		} else {
			var one event
			json.Unmarshal([]byte(line), &one)
			events = append(events, one)
		}
	}
	return seconds, events
}

func TestEveryKindGetsItsAnswers(t *testing.T) {
	pages, echo, end := served(t)
	defer end()
	for kind, address := range map[string]string{"http": pages, "tcp": echo, "udp": echo} {
		ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
		var out bytes.Buffer
		r := newRecord(kind, newPrinter(&out))
		runners[kind](ctx, target{kind, kind, address, "/", 10 * time.Millisecond, ""}, r)
		stop()
		r.flush(7)
		seconds, events := lines(t, &out)
		if len(events) != 0 || seconds[0].Failed != 0 || seconds[0].Sent < 20 || len(seconds[0].Latency) != seconds[0].Sent {
			t.Errorf("%s: %+v %+v", kind, seconds, events)
		}
	}
}

func TestAClosedPortIsAFailure(t *testing.T) {
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	address := listener.Addr().String()
	listener.Close()
	for kind, run := range runners {
		ctx, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
		var out bytes.Buffer
		r := newRecord(kind, newPrinter(&out))
		run(ctx, target{kind, kind + "/a.b", address, "/", 20 * time.Millisecond, ""}, r)
		stop()
		r.flush(7)
		seconds, events := lines(t, &out)
		if len(events) == 0 || seconds[len(seconds)-1].Failed == 0 || len(seconds[0].Latency) != 0 {
			t.Errorf("%s: %+v %+v", kind, seconds, events)
		}
	}
}

func TestALastingConnectionEndsWithAFin(t *testing.T) {
	_, echo, end := served(t)
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	var out bytes.Buffer
	r := newRecord("tcp", newPrinter(&out))
	finished := make(chan struct{})
	go func() {
		runStream(ctx, target{"tcp", "tcp", echo, "", 5 * time.Millisecond, ""}, r)
		close(finished)
	}()
	time.Sleep(200 * time.Millisecond)
	end()
	<-finished
	_, events := lines(t, &out)
	if events[0].What != "ended" || events[0].Why != "fin" {
		t.Errorf("%+v", events)
	}
}

func TestTheLongestOutageIsBetweenAnswers(t *testing.T) {
	r := newRecord("x", newPrinter(io.Discard))
	r.answered(time.Now())
	time.Sleep(60 * time.Millisecond)
	r.answered(time.Now())
	r.answered(time.Now())
	if r.now.Outage < 55 || r.now.Outage > 500 {
		t.Errorf("outage %v", r.now.Outage)
	}
}

func TestAProcessThatDoesNotRunIsNoOutage(t *testing.T) {
	clock := time.Unix(1000, 0)
	p := newPulse(func() time.Time { return clock })
	for range 100 { // it runs, every ten milliseconds
		clock = clock.Add(beat)
		if p.total() != 0 {
			t.Fatalf("%v waited while it ran", p.total())
		}
	}
	clock = clock.Add(310 * time.Millisecond) // whoever runs first after this has it counted
	if got := p.total(); got != 300*time.Millisecond {
		t.Errorf("%v waited", got)
	}
	clock = clock.Add(beat)
	if got := p.takeLongest(); got != 300*time.Millisecond {
		t.Errorf("%v the longest", got)
	}
	if got := p.takeLongest(); got != 0 || p.total() != 300*time.Millisecond {
		t.Errorf("%v the longest of nothing, %v in all", got, p.total())
	}
}

func TestAnOutageIsToldWithAndWithoutTheProcesssOwnWait(t *testing.T) {
	clock := time.Unix(1000, 0)
	r := newRecordBy(func() time.Time { return clock }, "x", newPrinter(io.Discard))
	answer := func() second {
		r.now = second{}
		r.answered(clock)
		return r.now
	}
	answer()
	clock = clock.Add(310 * time.Millisecond) // nothing of the process ran
	if got := answer(); got.Outage != 310 || got.Net != 10 {
		t.Errorf("outage %v, net %v", got.Outage, got.Net)
	}
	for range 30 { // it runs, and there is no answer
		clock = clock.Add(beat)
		r.pulse.total()
	}
	if got := answer(); got.Outage != 300 || got.Net != 300 {
		t.Errorf("outage %v, net %v", got.Outage, got.Net)
	}
}

func TestHowAConnectionEnds(t *testing.T) {
	for err, want := range map[error]string{
		io.EOF: "fin", syscall.ECONNRESET: "reset", syscall.EPIPE: "reset", os.ErrDeadlineExceeded: "timeout",
	} {
		if got := ending(&net.OpError{Op: "read", Err: err}); got != want {
			t.Errorf("%v: %s, not %s", err, got, want)
		}
	}
}

func TestTargets(t *testing.T) {
	got, err := parseTarget("dns=dns/a.b.c:10.96.0.10:53@50")
	if err != nil || got != (target{"dns", "dns/a.b.c", "10.96.0.10:53", "", 20 * time.Millisecond, "dns/a.b.c:10.96.0.10:53@50"}) {
		t.Errorf("%+v %v", got, err)
	}
	for text, path := range map[string]string{"http:h:1@5": "/", "http:h:1/@5": "/", "http:h:1/a@b/c?d=e@5": "/a@b/c?d=e"} {
		got, err := parseTarget("page=" + text)
		if err != nil || got != (target{"page", "http", "h:1", path, 200 * time.Millisecond, text}) {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, wrong := range []string{
		"", "x", "@5", "a=http:h:1", "a=nope:h:1@5", "a=http:h:1@0", "a=http:h:1@x", "a=http:h:1/@", "a=tcp:h:1/a@5",
	} {
		if _, err := parseTarget(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestTheQuestionIsADNSPacket(t *testing.T) {
	want := []byte{0x43, 0x4c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 2, 'b', 'c', 0, 0, 1, 0, 1}
	if got := dnsQuestion("a.bc."); !bytes.Equal(got, want) {
		t.Errorf("% x", got)
	}
}

func TestLinesBelongToWholeSecondsAndTellOfTheRun(t *testing.T) {
	pages, _, end := served(t)
	defer end()
	file := filepath.Join(t.TempDir(), "lines")
	before := time.Now()
	if err := run(context.Background(), []string{"-for", "1500ms", "-out", file, "page=http:" + pages + "@100"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seconds, events := lines(t, bytes.NewBuffer(text))
	if len(events) != 2 || events[0].What != "begins" || events[0].Why != "http:"+pages+"@100" || events[1].What != "ends" {
		t.Errorf("%+v", events)
	}
	if last := seconds[len(seconds)-1].Waited + seconds[len(seconds)-2].Waited; last > 900 {
		t.Errorf("a process that waits for the last answers runs, and is said to have waited %v ms", last)
	}
	if lasted := events[1].At - events[0].At; lasted < 1.4 || lasted > 2 {
		t.Errorf("from begins to ends %v s", lasted)
	}
	sent := 0
	for i, one := range seconds {
		sent += one.Sent
		if i > 0 && one.Second != seconds[i-1].Second+1 {
			t.Errorf("second %d behind %d", one.Second, seconds[i-1].Second)
		}
	}
	if seconds[0].Second != before.Unix() || seconds[0].Sent > 105*(1000-before.Nanosecond()/1e6)/1000+2 {
		t.Errorf("first line %+v of a run that began at %v", seconds[0], before)
	}
	if sent < 100 || sent > 160 {
		t.Errorf("%d requests", sent)
	}
}

func TestARunWhoseTimeIsOverRequestsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lines")
	if err := run(context.Background(), []string{"-until", "2020-01-01T00:00:00Z", "-out", file, "a=http:127.0.0.1:1@5"}); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file)
	seconds, _ := lines(t, bytes.NewBuffer(text))
	for _, one := range seconds {
		if one.Sent != 0 {
			t.Errorf("%+v", one)
		}
	}
	if run(context.Background(), []string{"-until", "tomorrow", "a=http:127.0.0.1:1@5"}) == nil {
		t.Error("a time that is none was taken")
	}
}

func TestAServerThatLeavesSaysSoAndStillAnswers(t *testing.T) {
	pages, _, end := served(t)
	defer end()
	ready := func() int {
		answer, err := http.Get("http://" + pages + "/ready")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if ready() != http.StatusOK {
		t.Error("not ready at the beginning")
	}
	began, left := time.Now(), make(chan time.Duration, 1)
	go func() {
		http.Get("http://" + pages + "/leave")
		left <- time.Since(began)
	}()
	time.Sleep(100 * time.Millisecond)
	if ready() != http.StatusServiceUnavailable {
		t.Error("ready while it leaves")
	}
	if err := getPage(pages, "/", time.Now().Add(time.Second)); err != nil {
		t.Error(err)
	}
	if took := <-left; took < 300*time.Millisecond {
		t.Errorf("/leave was answered after %v", took)
	}
}

func TestAnEndedSocketIsReplacedWithoutWaitingForLostDatagrams(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	connection, err := net.Dial("udp", silent.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var number atomic.Uint64
	r := newRecord("udp", newPrinter(&out))
	time.AfterFunc(100*time.Millisecond, func() { connection.Close() })
	began := time.Now()
	if err := exchange(context.Background(), connection, 10*time.Millisecond, &number, r); err == nil {
		t.Error("an ended socket should be an error")
	}
	if took := time.Since(began); took > limit/2 {
		t.Errorf("the next socket would have been made after %v", took)
	}
	r.flush(7)
	seconds, events := lines(t, &out)
	if failed := seconds[len(seconds)-1].Failed; failed < 5 || failed != len(events) {
		t.Errorf("what was on its way is lost: %d failed, %+v", failed, events)
	}
}

func TestAnAnswerBelow400IsAnAnswer(t *testing.T) {
	requested := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requested <- r.URL.RequestURI()
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	for status, answered := range map[int]bool{200: true, 204: true, 302: true, 399: true, 400: false, 404: false, 503: false} {
		path := fmt.Sprintf("/a/page?status=%d", status)
		err := getPage(address, path, time.Now().Add(time.Second))
		if (err == nil) != answered {
			t.Errorf("%d: %v", status, err)
		}
		if err != nil && !strings.Contains(err.Error(), strconv.Itoa(status)) {
			t.Errorf("%d is not in %q", status, err)
		}
		if got := <-requested; got != path {
			t.Errorf("%s was requested, not %s", got, path)
		}
	}
}

func TestAPageBehindARedirectIsProbed(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/graph", http.StatusFound))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "lines")
	page := "page=" + strings.Replace(server.URL, "//", "", 1) + "@50"
	if err := run(context.Background(), []string{"-for", "300ms", "-out", file, page}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seconds, events := lines(t, bytes.NewBuffer(text))
	answers := 0
	for _, one := range seconds {
		answers += len(one.Latency)
	}
	if answers < 5 || len(events) != 2 {
		t.Errorf("%d answers, %+v", answers, events)
	}
}
