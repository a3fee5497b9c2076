package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/verifier"
	"vidimus/internal/policy"
)

// The ages and the sources of docs/READER.md are what the program reads.
func TestDocumentedBundles(t *testing.T) {
	ages, sources := 0, 0
	for _, text := range blocks(t, "yaml") {
		switch {
		case strings.HasPrefix(text, "version:"):
			p, err := policy.Load(policy.File{Name: "ages", Data: []byte(text)})
			if err != nil || p.FreshnessOf(policy.StatusKnowledge, 121*time.Hour) != policy.PastUse {
				t.Errorf("%v", err)
			}
			ages++
		case strings.HasPrefix(text, "publisher:"):
			name := filepath.Join(t.TempDir(), "sources.yaml")
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := verifier.ReadSources(name, nil); err != nil || len(s.Anchors) != 4 || s.Days != 14 {
				t.Errorf("%+v, %v", s, err)
			}
			sources++
		}
	}
	if ages != 1 || sources != 1 {
		t.Errorf("%d blocks of ages, %d of sources", ages, sources)
	}
	// What help bundle shows is read as well.
	_, text, _ := strings.Cut(bundles.Long, "--signer:\n\n")
	text, _, _ = strings.Cut(text, "\n\nWhat was left out")
	name := filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := verifier.ReadSources(name, nil); err != nil || len(s.Anchors) != 4 {
		t.Errorf("help: %+v, %v", s, err)
	}
}
