package remote

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// tree makes a folder with two files and returns its path.
func tree(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "source")
	write(t, filepath.Join(folder, "one"), "1")
	write(t, filepath.Join(folder, "sub", "two"), "2")
	return folder
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

func copyTo(t *testing.T, c Connection, source types.AssetOrArchive, to string) error {
	t.Helper()
	return CopyArgs{Connection: c, Source: source, RemotePath: to}.copy(context.Background())
}

func file(path string) types.AssetOrArchive {
	return types.AssetOrArchive{Asset: &resource.Asset{Path: path}}
}

func folder(path string) types.AssetOrArchive {
	return types.AssetOrArchive{Archive: &resource.Archive{Path: path}}
}

func text(content string) types.AssetOrArchive {
	return types.AssetOrArchive{Asset: &resource.Asset{Text: content}}
}

func TestCopyPlacesFiles(t *testing.T) {
	checkCopies(t, newServer(t).start().connection())
}

func checkCopies(t *testing.T, c Connection) {
	t.Helper()
	source := tree(t)
	for name, test := range map[string]struct {
		source types.AssetOrArchive
		to     string
		want   map[string]string
	}{
		"file to a new place":     {file(source + "/one"), "a/b/new", map[string]string{"a/b/new": "1"}},
		"file into a folder":      {file(source + "/one"), "there", map[string]string{"there/one": "1"}},
		"file over a file":        {file(source + "/one"), "old", map[string]string{"old": "1"}},
		"folder to a new place":   {folder(source), "new", map[string]string{"new/source/one": "1", "new/source/sub/two": "2"}},
		"folder into a folder":    {folder(source), "there", map[string]string{"there/source/sub/two": "2"}},
		"content into a folder":   {folder(source + "/"), "there", map[string]string{"there/one": "1", "there/sub/two": "2"}},
		"content to a new place":  {folder(source + "/"), "new", map[string]string{"new/one": "1", "new/sub/two": "2"}},
		"text":                    {text("words"), "a/text", map[string]string{"a/text": "words"}},
		"text over a longer file": {text("w"), "old", map[string]string{"old": "w"}},
	} {
		t.Run(name, func(t *testing.T) {
			target := t.TempDir()
			write(t, filepath.Join(target, "old"), "old content")
			write(t, filepath.Join(target, "there", "before"), "stays")
			if err := copyTo(t, c, test.source, filepath.Join(target, test.to)); err != nil {
				t.Fatal(err)
			}
			for name, want := range test.want {
				if got, err := os.ReadFile(filepath.Join(target, name)); err != nil || string(got) != want {
					t.Errorf("%s holds %q, %v; expected %q", name, got, err, want)
				}
			}
			if got, _ := os.ReadFile(filepath.Join(target, "there", "before")); string(got) != "stays" {
				t.Errorf("a file beside the copy was touched: %q", got)
			}
		})
	}
}

func TestCopyErrors(t *testing.T) {
	c := newServer(t).start().connection()
	target := t.TempDir()
	write(t, filepath.Join(target, "old"), "old content")
	for name, test := range map[string]struct {
		source types.AssetOrArchive
		to     string
		want   string
	}{
		"no such source":       {file("/nonexistent/file"), "x", "/nonexistent/file"},
		"text over a folder":   {text("words"), ".", "is a folder on the host"},
		"folder over a file":   {folder(tree(t)), "old", "making the folder"},
		"file where none fits": {text("words"), "old/below", "looking at"},
	} {
		err := copyTo(t, c, test.source, filepath.Join(target, test.to))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), c.where()) {
			t.Errorf("%s: expected the host and %q in: %v", name, test.want, err)
		}
	}
}

func TestLargeCopy(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 20<<20/16)
	target := filepath.Join(t.TempDir(), "large")
	if err := copyTo(t, newServer(t).start().connection(), text(content), target); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != content {
		t.Errorf("%d of %d bytes, or others", len(got), len(content))
	}
}
