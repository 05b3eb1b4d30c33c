// Command probe measures what users of a Service notice, and serves what it measures with.
//
//	probe serve [-http ADDRESS] [-echo ADDRESS] [-leave DURATION]
//	probe run [-for DURATION] [-until TIME] [-out FILE] NAME=KIND:HOST:PORT[/PATH]@RATE...
//
// KIND is http (a new connection each time, one second, / where no PATH is given), tcp (one lasting connection), udp, or
// dns/QUESTION (for example dns/kubernetes.default.svc.cluster.local). RATE is requests a second.
// run prints JSON lines (see record.go) or adds them to FILE, and ends after DURATION, at TIME (RFC 3339) or on SIGTERM,
// when what it has requested is answered or has failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// limit is how long an answer may take before it counts as failed.
const limit = time.Second

// form is that of a target behind its name.
const form = "KIND:HOST:PORT[/PATH]@RATE"

// target is one thing to measure, as written on the command line.
type target struct {
	name, kind, address string
	path                string // of a page; empty for other kinds
	every               time.Duration
	text                string // kind, address, path and rate as they were written
}

func parseTarget(text string) (target, error) {
	name, requested, named := strings.Cut(text, "=")
	at := strings.LastIndex(requested, "@") // a path may have one as well
	kind, place, placed := strings.Cut(requested[:max(at, 0)], ":")
	perSecond, err := strconv.ParseFloat(requested[at+1:], 64)
	if !named || at < 0 || !placed || err != nil || perSecond <= 0 {
		return target{}, fmt.Errorf("%q is not NAME=%s", text, form)
	}
	if plain, _, _ := strings.Cut(kind, "/"); runners[plain] == nil {
		return target{}, fmt.Errorf("%q: there is no kind %q", text, kind)
	}
	address, path, below := strings.Cut(place, "/")
	if below && kind != "http" {
		return target{}, fmt.Errorf("%q: only http has a path", text)
	}
	if kind == "http" {
		path = "/" + path
	}
	return target{name, kind, address, path, time.Duration(float64(time.Second) / perSecond), requested}, nil
}

// runners send requests until the context ends and record what came of them.
var runners = map[string]func(context.Context, target, *record){
	"http": runHTTP, "tcp": runStream, "udp": runDatagrams, "dns": runDNS,
}

func run(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	duration := flags.Duration("for", 0, "how long; 0: until SIGTERM")
	until := flags.String("until", "", "when to end, RFC 3339; empty: never")
	file := flags.String("out", "", "file to add the lines to; empty: standard output")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var targets []target
	for _, text := range flags.Args() {
		parsed, err := parseTarget(text)
		if err != nil {
			return err
		}
		targets = append(targets, parsed)
	}
	if *duration > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, *duration)
		defer stop()
	}
	if *until != "" {
		end, err := time.Parse(time.RFC3339, *until)
		if err != nil {
			return err
		}
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, end)
		defer stop()
	}
	lines := os.Stdout
	if *file != "" {
		var err error
		if lines, err = os.OpenFile(*file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		defer lines.Close()
	}
	out := newPrinter(lines)
	var all sync.WaitGroup
	alive, end := context.WithCancel(context.Background()) // the last answers are waited for after ctx has ended
	defer end()
	for _, one := range targets {
		kind, _, _ := strings.Cut(one.kind, "/")
		recorded := newRecord(one.name, out)
		recorded.began(one)
		go recorded.pulse.run(alive)
		start(&all, func() { recorded.flushEverySecond(ctx) })
		start(&all, func() { runners[kind](ctx, one, recorded) })
	}
	all.Wait()
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := fmt.Errorf("usage: probe serve | probe run NAME=%s...", form)
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		err = serve(ctx, os.Args[2:])
	} else if len(os.Args) > 2 && os.Args[1] == "run" {
		err = run(ctx, os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// start runs a function beside this one and lets the group wait for it.
func start(group *sync.WaitGroup, function func()) {
	group.Add(1)
	go func() {
		defer group.Done()
		function()
	}()
}
