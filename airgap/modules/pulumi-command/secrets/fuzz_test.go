package secrets

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// A secret is never shown, wherever it stands and whatever it is made of.
func FuzzRedact(f *testing.F) {
	f.Add("before ", "hunter2", " after")
	f.Add("", "-----BEGIN KEY-----\nbase64base64\n", "base64base64")
	f.Add("[sec", "[secret]", "ret]")
	f.Fuzz(func(t *testing.T, before, hidden, after string) {
		if len(strings.TrimSpace(hidden)) < shortest || strings.Contains(mask, hidden) {
			return
		}
		redactor := New(property.NewMap(map[string]property.Value{"stdin": secret(hidden)}))
		clear := redactor.Redact("before and after")
		got := redactor.Redact(before + "\x00" + hidden + "\x00" + after)
		// what stands between two masks may by chance join to the secret's text; the mask itself is ours
		for _, part := range strings.Split(got, mask) {
			if strings.Contains(part, hidden) {
				t.Errorf("%q is in %q", hidden, got)
			}
		}
		if !strings.Contains("before and after", strings.TrimSpace(hidden)) && !strings.Contains(hidden, "\n") && clear != "before and after" {
			t.Errorf("a text without the secret became %q", clear)
		}
	})
}
