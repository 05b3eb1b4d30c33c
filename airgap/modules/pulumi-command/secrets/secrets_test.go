package secrets

import (
	"context"
	"errors"
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

func secret(text string) property.Value { return property.New(text).WithSecret(true) }

func TestRedactMasksWhatIsSecretAndNothingElse(t *testing.T) {
	redactor := New(property.NewMap(map[string]property.Value{
		"stdin":       secret("token: s3cr3t-token\nend\n"),
		"create":      property.New("kubeadm join"),
		"environment": property.New(map[string]property.Value{"A": secret("alpha-value"), "B": property.New("beta-value")}),
		"triggers":    property.New([]property.Value{secret("yes"), property.New("gamma-value")}),
		"connection": property.New(map[string]property.Value{
			"host":       property.New("172.31.1.10"),
			"privateKey": property.New("-----BEGIN KEY-----\nbase64base64\n"),
			"proxy":      property.New(map[string]property.Value{"password": property.New("hunter2"), "user": property.New("rocky")}),
		}).WithSecret(true),
	}))
	for text, want := range map[string]string{
		"token: s3cr3t-token\nend\n":       mask,
		"line token: s3cr3t-token here":    "line [secret] here",
		"kubeadm join":                     "kubeadm join",
		"alpha-value beta-value":           "[secret] beta-value",
		"yes gamma-value end":              "yes gamma-value end",
		"rocky@172.31.1.10 hunter2":        "rocky@172.31.1.10 [secret]",
		"cat: base64base64: no such file":  "cat: [secret]: no such file",
		"-----BEGIN KEY-----\nbase64base6": "[secret]\nbase64base6",
	} {
		if got := redactor.Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, expected %q", text, got, want)
		}
	}
}

func TestWrapMasksErrorsAndHandsTheRedactorOn(t *testing.T) {
	seen := ""
	provider := Wrap(p.Provider{Delete: func(ctx context.Context, _ p.DeleteRequest) error {
		seen = From(ctx).Redact("log hunter2")
		return errors.New("failed with hunter2")
	}})
	properties := property.NewMap(map[string]property.Value{"stdin": secret("hunter2")})
	err := provider.Delete(context.Background(), p.DeleteRequest{Properties: properties})
	if err == nil || err.Error() != "failed with [secret]" {
		t.Errorf("the error is %q, expected it masked", err)
	}
	if seen != "log [secret]" {
		t.Errorf("the call's own redactor made %q", seen)
	}
	if got := From(context.Background()).Redact("hunter2"); strings.Contains(got, mask) {
		t.Errorf("a context of no call masks: %q", got)
	}
}
