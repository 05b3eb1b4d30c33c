package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// trace is a file that commands write to, to show that they ran.
func trace(t *testing.T) (path string, read func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "trace")
	return path, func() string {
		text, _ := os.ReadFile(path)
		_ = os.Remove(path)
		return string(text)
	}
}

func TestEachCommandRunsAtItsTime(t *testing.T) {
	file, ran := trace(t)
	say := func(what string) string {
		return "echo " + what + " after ${PULUMI_COMMAND_STDOUT-nothing} >>" + file + "; echo " + what
	}
	c := newCommand(t, "command:local:Command")
	inputs := map[string]any{"create": say("create"), "update": say("update"), "delete": say("delete")}
	if err := c.create(inputs); err != nil {
		t.Fatal(err)
	}
	if got := ran(); got != "create after nothing\n" {
		t.Errorf("at creation and its preview: %q", got)
	}
	inputs["dir"] = "/"
	if kinds := c.update(inputs); len(kinds) != 1 || kinds["dir"] != p.Add {
		t.Errorf("the difference is %v", kinds)
	}
	if got := ran(); got != "update after create\n" {
		t.Errorf("at an update: %q", got)
	}
	c.delete()
	if got := ran(); got != "delete after update\n" {
		t.Errorf("at deletion: %q", got)
	}
}

func TestWithoutAnUpdateCommandCreateRunsAgain(t *testing.T) {
	file, ran := trace(t)
	c := newCommand(t, "command:local:Command")
	if err := c.create(map[string]any{"create": "echo one | tee -a " + file}); err != nil {
		t.Fatal(err)
	}
	c.update(map[string]any{"create": "echo two | tee -a " + file})
	c.delete()
	if got := ran(); got != "one\ntwo\n" {
		t.Errorf("%q", got)
	}
}

func TestNoCommandIsNoError(t *testing.T) {
	c := newCommand(t, "command:local:Command")
	if err := c.create(map[string]any{"delete": "true"}); err != nil {
		t.Fatal(err)
	}
	c.update(map[string]any{})
	c.delete()
}

// The SDKs are made from the schema, and request a replacement where it has replaceOnChanges.
func TestTriggersReplace(t *testing.T) {
	c := newCommand(t, "command:local:Command")
	if err := c.create(map[string]any{"create": "true", "triggers": []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if kinds := c.update(map[string]any{"create": "true", "triggers": []string{"b"}}); len(kinds) != 1 || kinds["triggers[0]"] == "" {
		t.Errorf("the difference is %v", kinds)
	}
	resp, err := c.server.GetSchema(p.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Resources map[string]struct {
			InputProperties map[string]struct{ ReplaceOnChanges bool }
		}
	}
	if err := json.Unmarshal([]byte(resp.Schema), &schema); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"command:local:Command", "command:remote:Command", "command:remote:CopyToRemote"} {
		for name, input := range schema.Resources[token].InputProperties {
			if input.ReplaceOnChanges != (name == "triggers") {
				t.Errorf("%s %s: replaceOnChanges is %v", token, name, input.ReplaceOnChanges)
			}
		}
		if len(schema.Resources[token].InputProperties) == 0 {
			t.Errorf("%s is not in the schema", token)
		}
	}
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	c := newCommand(t, "command:local:Command")
	err := c.create(map[string]any{
		"create": "cat; echo and in clear; exit 3",
		"stdin":  property.New("s3cr3t").WithSecret(true),
	})
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Fatalf("found %v", err)
	}
	for _, part := range []string{"this machine: exit status 3, expected 0", `running "cat; echo`, "[secret]and in clear"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
}

func TestSecretInputsDoNotMakeTheOutputSecret(t *testing.T) {
	c := newCommand(t, "command:local:Command")
	if err := c.create(map[string]any{"create": "echo word", "stdin": property.New("s3cr3t").WithSecret(true)}); err != nil {
		t.Fatal(err)
	}
	if out := c.state.Get("stdout"); out.Secret() || out.AsString() != "word" {
		t.Errorf("stdout is %v: pulumi-command leaves it public, and programs mark it themselves", out)
	}
	if in := c.state.Get("stdin"); !in.Secret() {
		t.Errorf("the secret stdin is kept in clear: %v", in)
	}
}

func TestConnectionGetsItsDefaultsAndIsSecret(t *testing.T) {
	c := newCommand(t, "command:remote:Command")
	host := property.New(map[string]property.Value{"host": property.New("h")})
	inputs := c.check(map[string]any{"connection": host, "create": "true"})
	connection := inputs.Get("connection")
	if !connection.Secret() {
		t.Error("the connection is not secret")
	}
	for name, want := range map[string]property.Value{
		"user": property.New("root"), "port": property.New(22.0),
		"dialErrorLimit": property.New(10.0), "perDialTimeout": property.New(15.0),
	} {
		if got := connection.AsMap().Get(name); !got.Equals(want) {
			t.Errorf("%s is %v, expected %v", name, got, want)
		}
	}
	if got := inputs.Len(); got != 2 {
		t.Errorf("%d inputs, expected no further defaults: a state made by pulumi-command must show no difference", got)
	}
}

func TestCancelEndsCommands(t *testing.T) {
	c := newCommand(t, "command:local:Command")
	time.AfterFunc(500*time.Millisecond, func() { _ = c.server.Cancel() })
	started := time.Now()
	err := c.create(map[string]any{"create": "echo begun; sleep 300"})
	if err == nil || !strings.Contains(err.Error(), "cancelled") || !strings.Contains(err.Error(), "begun") {
		t.Errorf("found %v", err)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
