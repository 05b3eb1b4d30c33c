package local

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cilium-lab/pulumi-command/lifecycle"
)

func run(t *testing.T, s Settings, command string) Results {
	t.Helper()
	results, err := s.run(context.Background(), command, Results{Outputs: lifecycle.Outputs{Stdout: "before"}})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func ptr[T any](v T) *T { return &v }

func TestSettings(t *testing.T) {
	folder := t.TempDir()
	s := Settings{
		Stdin: ptr("input"), Dir: &folder, Environment: map[string]string{"NAME": "value"},
		Interpreter: []string{"/bin/sh", "-e", "-c"},
	}
	got := run(t, s, `cat; echo; pwd; echo "$NAME $PULUMI_COMMAND_STDOUT ${PULUMI_COMMAND_STDERR-unset}" >&2`).Outputs
	if want := (lifecycle.Outputs{Stdout: "input\n" + folder, Stderr: "value before unset"}); got != want {
		t.Errorf("found %+v, expected %+v", got, want)
	}
	s.AddPreviousOutputInEnv = ptr(false)
	if got := run(t, s, `echo "${PULUMI_COMMAND_STDOUT-unset}"`).Stdout; got != "unset" {
		t.Errorf("the previous output is there: %q", got)
	}
}

func TestFailures(t *testing.T) {
	for command, want := range map[string]string{
		"echo last words; exit 7": "this machine: exit status 7, expected 0: running \"echo last words; exit 7\":\nlast words\n",
		"kill -TERM $$":           "ended by signal: terminated",
	} {
		_, err := Settings{}.run(context.Background(), command, Results{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	_, err := Settings{Dir: ptr("/nonexistent")}.run(context.Background(), "true", Results{})
	if err == nil || !strings.Contains(err.Error(), "this machine, in /nonexistent: the command did not start") {
		t.Errorf("found %v", err)
	}
}

func TestLargeOutputAndWhatComesAfterIt(t *testing.T) {
	const size = 20 << 20
	before := run(t, Settings{}, "head -c "+strconv.Itoa(size)+" /dev/zero | tr '\\0' x")
	if len(before.Stdout) != size {
		t.Fatalf("%d of %d bytes came", len(before.Stdout), size)
	}
	after, err := Settings{}.run(context.Background(), "echo ${PULUMI_COMMAND_STDOUT-unset}", before)
	if err != nil || after.Stdout != "unset" {
		t.Errorf("found %q, %v: what does not fit into the environment must be left out", after.Stdout, err)
	}
}

func TestADaemonThatKeepsThePipesIsNotWaitedFor(t *testing.T) {
	started := time.Now()
	got := run(t, Settings{}, "sleep 300 & echo $!")
	if took := time.Since(started); took > 2*pipeGrace {
		t.Errorf("it took %v", took)
	}
	pid, err := strconv.Atoi(got.Stdout)
	if err != nil {
		t.Fatalf("found %q", got.Stdout)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon was ended with the command: %v", err)
	}
}

func TestCancellationEndsTheWholeGroup(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	// The child ignores the polite signal, and the shell dies of it.
	_, err := Settings{}.run(ctx, "sh -c 'trap \"\" TERM; sleep 300 & wait' & echo $! >"+pids+"; wait", Results{})
	if err == nil || !strings.Contains(err.Error(), "the resource's timeout was over") {
		t.Errorf("found %v", err)
	}
	text, _ := os.ReadFile(pids)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	time.Sleep(100 * time.Millisecond)
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("the child is still there: %s", stat)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestFiles(t *testing.T) {
	folder := t.TempDir()
	s := Settings{
		Dir: &folder, AssetPaths: []string{"assets/**", "src/**.js", "!**secret.*"}, ArchivePaths: []string{"src/*"},
	}
	results := run(t, s, "mkdir -p assets/logos src; touch assets/logos/logo.svg src/index.js src/secret.js src/other.c")
	if got := slices.Sorted(maps.Keys(*results.Assets)); !slices.Equal(got, []string{"assets/logos/logo.svg", "src/index.js"}) {
		t.Errorf("assets: %v", got)
	}
	if got := (*results.Assets)["src/index.js"].Asset.Path; got != filepath.Join(folder, "src/index.js") {
		t.Errorf("the asset's path is %s", got)
	}
	archived, isAssets := results.Archive.GetAssets()
	if got := slices.Sorted(maps.Keys(archived)); !isAssets || !slices.Equal(got, []string{"src/index.js", "src/other.c", "src/secret.js"}) {
		t.Errorf("archive: %v", got)
	}
}
