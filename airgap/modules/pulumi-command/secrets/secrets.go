// Package secrets keeps values that Pulumi marks as secret out of logs and error messages.
package secrets

import (
	"context"
	"errors"
	"sort"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// mask stands where a secret stood.
const mask = "[secret]"

// shortest is the length in bytes below which a value is not masked: a "1" or "yes" would make every text unreadable,
// and masking it hides nothing.
const shortest = 4

// shortestLine is the same for one line of a longer secret, which often begins or ends with a word of the language.
const shortestLine = 8

// connection is an input that is secret as a whole, because of three of its fields; the others belong into messages.
const connection = "connection"

var connectionSecrets = []string{"password", "privateKey", "privateKeyPassword"}

// Redactor masks secrets. The zero value masks nothing.
type Redactor struct{ replacer *strings.Replacer }

// Redact returns the text with every secret masked.
func (r Redactor) Redact(text string) string {
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

type contextKey struct{}

// From returns the redactor of the call that ctx belongs to.
func From(ctx context.Context) Redactor {
	redactor, _ := ctx.Value(contextKey{}).(Redactor)
	return redactor
}

// New makes a redactor of every secret in the given inputs and states.
func New(properties ...property.Map) Redactor {
	found := map[string]bool{}
	for _, m := range properties {
		for name, value := range m.All {
			if name == connection {
				collectConnection(value, found)
			} else {
				collect(value, false, found)
			}
		}
	}
	if len(found) == 0 {
		return Redactor{}
	}
	values := make([]string, 0, len(found))
	for value := range found {
		values = append(values, value)
	}
	// The longest first: a line of a secret must not be masked before the whole is found.
	sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
	pairs := make([]string, 0, 2*len(values))
	for _, value := range values {
		pairs = append(pairs, value, mask)
	}
	return Redactor{strings.NewReplacer(pairs...)}
}

func collectConnection(value property.Value, found map[string]bool) {
	if !value.IsMap() {
		return
	}
	fields := value.AsMap()
	for _, name := range connectionSecrets {
		collect(fields.Get(name), true, found)
	}
	collectConnection(fields.Get("proxy"), found)
}

func collect(value property.Value, secret bool, found map[string]bool) {
	secret = secret || value.Secret()
	switch {
	case value.IsMap():
		for _, field := range value.AsMap().All {
			collect(field, secret, found)
		}
	case value.IsArray():
		for _, item := range value.AsArray().All {
			collect(item, secret, found)
		}
	case value.IsString() && secret:
		add(value.AsString(), found)
	}
}

func add(text string, found map[string]bool) {
	if len(strings.TrimSpace(text)) < shortest {
		return
	}
	found[text] = true
	found[strings.TrimSpace(text)] = true
	if !strings.Contains(text, "\n") {
		return
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= shortestLine {
			found[line] = true
		}
	}
}

// Wrap gives every call that runs a command a redactor of its own, and masks the errors that it returns.
func Wrap(provider p.Provider) p.Provider {
	wrapped := provider
	wrapped.Create = func(ctx context.Context, req p.CreateRequest) (p.CreateResponse, error) {
		return guard(ctx, New(req.Properties), req, provider.Create)
	}
	wrapped.Update = func(ctx context.Context, req p.UpdateRequest) (p.UpdateResponse, error) {
		return guard(ctx, New(req.Inputs, req.State), req, provider.Update)
	}
	wrapped.Delete = func(ctx context.Context, req p.DeleteRequest) error {
		_, err := guard(ctx, New(req.Properties), req, func(ctx context.Context, req p.DeleteRequest) (struct{}, error) {
			return struct{}{}, provider.Delete(ctx, req)
		})
		return err
	}
	wrapped.Invoke = func(ctx context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
		return guard(ctx, New(req.Args), req, provider.Invoke)
	}
	return wrapped
}

func guard[Req, Resp any](
	ctx context.Context, redactor Redactor, req Req, call func(context.Context, Req) (Resp, error),
) (Resp, error) {
	resp, err := call(context.WithValue(ctx, contextKey{}, redactor), req)
	if err == nil {
		return resp, nil
	}
	if masked := redactor.Redact(err.Error()); masked != err.Error() {
		err = errors.New(masked)
	}
	return resp, err
}
