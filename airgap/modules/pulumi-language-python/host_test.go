package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

func program(t *testing.T, options map[string]any) *pulumirpc.ProgramInfo {
	t.Helper()
	converted, err := structpb.NewStruct(options)
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{RootDirectory: "/root", ProgramDirectory: "/root/sub", EntryPoint: ".", Options: converted}
}

func TestOptions(t *testing.T) {
	got, err := parseOptions(program(t, map[string]any{"toolchain": "pip", "virtualenv": ".venv", "typechecker": "pyright"}))
	want := toolchain.PythonOptions{
		Root: "/root", ProgramDir: "/root/sub", Virtualenv: ".venv", Toolchain: toolchain.Pip,
		Typechecker: toolchain.TypeCheckerPyright,
	}
	if err != nil || got != want {
		t.Errorf("found %+v, %v", got, err)
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for want, options := range map[string]map[string]any{
		`"toolchain": expected one of auto, pip, uv, poetry, found "conda"`: {"toolchain": "conda"},
		`"typechecker": expected one of none, mypy, pyright, found "ty"`:    {"typechecker": "ty"},
		`"venv" is unknown`:                        {"venv": ".venv"},
		`"virtualenv": expected a string, found 3`: {"virtualenv": 3, "zzz": 1},
	} {
		if _, err := parseOptions(program(t, options)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestProgramArguments(t *testing.T) {
	h := newHost("/bin/executor", "127.0.0.1:1", "", context.Background(), func() {})
	got := h.programArgs(&pulumirpc.RunRequest{
		MonitorAddress: "127.0.0.1:2", Project: "p", Stack: "s", Pwd: "/root/sub", Parallel: 4, Args: []string{"x"},
		Organization: "o", Info: program(t, nil),
	})
	want := "-u /bin/executor --monitor 127.0.0.1:2 --engine 127.0.0.1:1 --project p --root_directory /root --stack s" +
		" --pwd /root/sub --dry_run false --parallel 4 --organization o /root/sub x"
	if strings.Join(got, " ") != want {
		t.Errorf("found %q", got)
	}
}

func TestPolicyPackArguments(t *testing.T) {
	req := &pulumirpc.RunPluginRequest{Kind: "analyzer", Args: []string{"-v=9", "127.0.0.1:1"}, Info: program(t, nil)}
	if got := strings.Join(pluginArgs(req), " "); got != "-u -m pulumi.policy -v=9 127.0.0.1:1 /root/sub" {
		t.Errorf("found %q", got)
	}
}

func TestConfigIsNeverNull(t *testing.T) {
	got, err := configEnvironment(&pulumirpc.RunRequest{})
	if want := []string{"PULUMI_CONFIG={}", "PULUMI_CONFIG_SECRET_KEYS=[]"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("found %q, %v", got, err)
	}
}

func TestDependencies(t *testing.T) {
	for want, p := range map[string]installed{
		"command v1.2.1": {Name: "pulumi-command", Version: "1.2.1", Plugin: &plugin.PulumiPluginJSON{Resource: true, Name: "command"}},
		"old v2.0.0":     {Name: "pulumi-old", Version: "2.0.0"},
		"none":           {Name: "pulumi-none", Version: "1.0.0", Plugin: &plugin.PulumiPluginJSON{}},
		"none ":          {Name: "pulumi-pre", Version: "4.25.0a1"},
		"other v3.1.0":   {Name: "mine", Version: "1.0", Plugin: &plugin.PulumiPluginJSON{Resource: true, Name: "other", Version: "3.1.0"}},
	} {
		got := "none"
		if d := p.dependency(); d != nil {
			got = d.Name + " " + d.Version
		}
		if got != strings.TrimSpace(want) {
			t.Errorf("%s needs %q, expected %q", p.Name, got, want)
		}
	}
}

// TestPackagesOfAPython lets packages.py look at a folder with three made-up packages.
func TestPackagesOfAPython(t *testing.T) {
	site := t.TempDir()
	for name, manifest := range map[string]string{
		"pulumi_one": `{"resource": true, "name": "one", "version": "1.0.0"}`, "unrelated": "", "pulumi_policy": "",
	} {
		info := filepath.Join(site, name+"-1.0.0.dist-info")
		write(t, filepath.Join(info, "METADATA"), "Metadata-Version: 2.1\nName: "+name+"\nVersion: 1.0.0\n")
		record := ""
		if manifest != "" {
			write(t, filepath.Join(site, name, "pulumi-plugin.json"), manifest)
			record = name + "/pulumi-plugin.json,,\n"
		}
		write(t, filepath.Join(info, "RECORD"), record)
	}
	cmd := exec.Command("python3", "-S", "-c", packagesScript)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site)
	printed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []installed
	if err := json.Unmarshal(printed, &found); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Name != "pulumi-one" || found[0].Plugin.Name != "one" {
		t.Errorf("found %+v", found)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestExitStatuses(t *testing.T) {
	for script, want := range map[string]*pulumirpc.RunResponse{
		"exit 0":        {},
		"exit 32":       {Bail: true},
		"exit 3":        {Error: "the Python program ended with exit status 3"},
		"kill -KILL $$": {Error: "running the Python program: signal: killed"},
	} {
		got := runResponse(finish(exec.CommandContext(context.Background(), "/bin/sh", "-c", script)))
		if got.String() != want.String() {
			t.Errorf("%s: found %v, expected %v", script, got, want)
		}
	}
}

// TestEndOfAProgram looks at both halves of what the engine relies on: the program is in this host's process group,
// and an interrupt to that group does not reach it, but the end of the context does.
func TestEndOfAProgram(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	script := "import os, sys, time; open(sys.argv[1] + '.new', 'w').write(str(os.getpid()));" +
		"os.rename(sys.argv[1] + '.new', sys.argv[1]); time.sleep(60)"
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-c", script, ready)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	ended := make(chan error, 1)
	go func() { ended <- finish(cmd) }()
	pid := 0
	for deadline := time.Now().Add(20 * time.Second); pid == 0; time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(ready)
		pid, _ = strconv.Atoi(string(text))
		if time.Now().After(deadline) {
			t.Fatal("the program did not start")
		}
	}
	if group, _ := syscall.Getpgid(pid); group != syscall.Getpgrp() {
		t.Errorf("the program is in group %d, expected %d", group, syscall.Getpgrp())
	}
	_ = syscall.Kill(pid, syscall.SIGINT)
	select {
	case err := <-ended:
		t.Fatalf("an interrupt has ended the program: %v\n%s", err, stderr.String())
	case <-time.After(300 * time.Millisecond):
	}
	cancel()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) && !errors.Is(err, context.Canceled) {
			t.Errorf("found %v", err)
		}
	case <-time.After(2 * grace):
		t.Fatal("the program did not end")
	}
	if stderr.Len() > 0 {
		t.Errorf("the program has printed: %s", stderr.String())
	}
}
