package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"vidimus/internal/outfile"
	"vidimus/internal/pki"
)

// FollowDir trusts a new root in a folder of anchors, for what an old one there counts
// for, by a link certificate from the old one (Store.Follow): it puts the new root
// beside the others and names it in trust.yaml where there is one, comments and all
// else there staying as they are. fallback is as for LoadDir. The answer is the file
// with the new root, "" when the folder trusted it already.
//
// The folder is never between: until the last step it is what it was, or is refused
// with the name of the file that is missing; then the same call again completes it.
// Errors match ErrLink, ErrFolder or ErrAnchor, or come from the file system.
func FollowDir(dir string, fallback Scope, link, next *pki.Certificate, now time.Time) (string, error) {
	name := fmt.Sprintf("linked-%x.pem", next.Fingerprint[:6])
	final, pending := filepath.Join(dir, name), filepath.Join(dir, "."+name)
	text := pki.EncodePEM(next)
	if old, err := os.ReadFile(pending); err == nil && bytes.Equal(old, text) {
		if table, err := readScopes(os.DirFS(dir)); err == nil && table.Anchors[name].scope().check() == nil {
			return final, os.Rename(pending, final) // the last step of a call that was cut off
		}
	}
	store, err := LoadDir(dir, fallback)
	if err != nil {
		return "", err
	}
	added, err := store.Follow(link, next, now)
	if err != nil || len(added) == 0 {
		return "", err
	}
	var scope Scope // of all the entries of the old root together
	for _, a := range added {
		scope = joined(scope, a.Scope)
	}
	if err := outfile.Replace(pending, text, 0o644); err != nil {
		return "", err
	}
	table, err := os.ReadFile(filepath.Join(dir, scopeFile))
	switch {
	case errors.Is(err, fs.ErrNotExist): // every file counts for the same
	case err != nil:
		return "", err
	default:
		if table, err = named(table, name, scope); err != nil {
			return "", err
		}
		if err := outfile.Replace(filepath.Join(dir, scopeFile), table, 0o644); err != nil {
			return "", err
		}
	}
	return final, os.Rename(pending, final)
}

// joined is what two scopes count for together.
func joined(a, b Scope) Scope {
	return Scope{Purposes: union(a.Purposes, b.Purposes), DocTypes: union(a.DocTypes, b.DocTypes), VCTs: union(a.VCTs, b.VCTs)}
}

func union[T comparable](a, b []T) []T {
	seen := map[T]bool{}
	var out []T
	for _, list := range [][]T{a, b} {
		for _, v := range list {
			if !seen[v] {
				seen[v], out = true, append(out, v)
			}
		}
	}
	return out
}

// named is a trust.yaml with one more file.
func named(table []byte, name string, scope Scope) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(table, &doc); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFolder, scopeFile, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: %s is no map: name %s there by hand", ErrFolder, scopeFile, name)
	}
	var anchors *yaml.Node
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "anchors" {
			anchors = top.Content[i+1]
		}
	}
	if anchors == nil || anchors.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: %s has no map anchors: name %s there by hand", ErrFolder, scopeFile, name)
	}
	var value yaml.Node
	in := map[string]any{"purposes": scope.Purposes}
	if len(scope.DocTypes) > 0 {
		in["doctypes"] = scope.DocTypes
	}
	if len(scope.VCTs) > 0 {
		in["vcts"] = scope.VCTs
	}
	if err := value.Encode(in); err != nil {
		return nil, err
	}
	anchors.Style = 0
	anchors.Content = append(anchors.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, &value)
	return yaml.Marshal(&doc)
}
