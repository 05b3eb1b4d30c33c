package main

import (
	"context"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// command is one resource in the hands of the provider, as the engine would drive it.
type command struct {
	t      *testing.T
	server integration.Server
	urn    resource.URN
	inputs property.Map
	state  property.Map
}

func newCommand(t *testing.T, token string) *command {
	t.Helper()
	server, err := integration.NewServer(context.Background(), "command", semver.MustParse("1.2.1"),
		integration.WithProvider(newProvider()))
	if err != nil {
		t.Fatal(err)
	}
	return &command{t: t, server: server, urn: resource.URN("urn:pulumi:s::p::" + token + "::name")}
}

func properties(values map[string]any) property.Map {
	converted := map[string]property.Value{}
	for name, v := range values {
		switch v := v.(type) {
		case string:
			converted[name] = property.New(v)
		case property.Value:
			converted[name] = v
		case []string:
			items := []property.Value{}
			for _, item := range v {
				items = append(items, property.New(item))
			}
			converted[name] = property.New(items)
		}
	}
	return property.NewMap(converted)
}

func (c *command) check(values map[string]any) property.Map {
	c.t.Helper()
	resp, err := c.server.Check(p.CheckRequest{Urn: c.urn, Inputs: properties(values)})
	if err != nil || len(resp.Failures) > 0 {
		c.t.Fatalf("check: %v %v", err, resp.Failures)
	}
	return resp.Inputs
}

func (c *command) create(values map[string]any) error {
	c.t.Helper()
	c.inputs = c.check(values)
	preview, err := c.server.Create(p.CreateRequest{Urn: c.urn, Properties: c.inputs, DryRun: true})
	if err != nil {
		c.t.Fatalf("preview: %v", err)
	}
	if out := preview.Properties.Get("stdout"); !out.IsComputed() {
		c.t.Errorf("the preview knows the output: %v", out)
	}
	resp, err := c.server.Create(p.CreateRequest{Urn: c.urn, Properties: c.inputs})
	c.state = resp.Properties
	return err
}

// update applies new inputs and returns how they differ.
func (c *command) update(values map[string]any) map[string]p.DiffKind {
	c.t.Helper()
	inputs := c.check(values)
	diff, err := c.server.Diff(p.DiffRequest{Urn: c.urn, State: c.state, OldInputs: c.inputs, Inputs: inputs})
	if err != nil {
		c.t.Fatalf("diff: %v", err)
	}
	resp, err := c.server.Update(p.UpdateRequest{Urn: c.urn, State: c.state, OldInputs: c.inputs, Inputs: inputs})
	if err != nil {
		c.t.Fatalf("update: %v", err)
	}
	c.inputs, c.state = inputs, resp.Properties
	kinds := map[string]p.DiffKind{}
	for name, change := range diff.DetailedDiff {
		kinds[name] = change.Kind
	}
	return kinds
}

func (c *command) delete() {
	c.t.Helper()
	if err := c.server.Delete(p.DeleteRequest{Urn: c.urn, Properties: c.state}); err != nil {
		c.t.Fatalf("delete: %v", err)
	}
}
