package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// readFiles fills in the files that the command was to leave behind.
func (s Settings) readFiles(results *Results) error {
	if s.AssetPaths != nil {
		found, err := s.find(s.AssetPaths)
		if err != nil {
			return fmt.Errorf("assetPaths: %w", err)
		}
		assets := map[string]*types.AssetOrArchive{}
		for name, asset := range found {
			assets[name] = &types.AssetOrArchive{Asset: asset}
		}
		results.Assets = &assets
	}
	if s.ArchivePaths != nil {
		found, err := s.find(s.ArchivePaths)
		if err != nil {
			return fmt.Errorf("archivePaths: %w", err)
		}
		content := map[string]any{}
		for name, asset := range found {
			content[name] = asset
		}
		if results.Archive, err = resource.NewAssetArchive(content); err != nil {
			return fmt.Errorf("archivePaths: %w", err)
		}
	}
	return nil
}

// rule is one pattern; the last one that matches a file decides about it.
type rule struct {
	glob    glob.Glob
	exclude bool
}

// find returns the files under the command's folder that the patterns name, by their path relative to it.
func (s Settings) find(patterns []string) (map[string]*resource.Asset, error) {
	rules := make([]rule, 0, len(patterns))
	for _, pattern := range patterns {
		bare, exclude := strings.CutPrefix(pattern, "!")
		compiled, err := glob.Compile(bare, '/')
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		rules = append(rules, rule{compiled, exclude})
	}
	folder, err := s.folder()
	if err != nil {
		return nil, err
	}
	found := map[string]*resource.Asset{}
	err = fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !wanted(name, rules) {
			return err
		}
		found[name], err = resource.NewPathAsset(filepath.Join(folder, name))
		return err
	})
	return found, err
}

func wanted(name string, rules []rule) bool {
	include := false
	for _, r := range rules {
		if r.glob.Match(name) {
			include = !r.exclude
		}
	}
	return include
}

// folder is where the command ran.
func (s Settings) folder() (string, error) {
	if s.Dir != nil {
		return *s.Dir, nil
	}
	return os.Getwd()
}
