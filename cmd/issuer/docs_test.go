package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/app/signer"
	"vidimus/internal/catalog"
	"vidimus/internal/trust"
)

// operations is docs/OPERATIONS.md.
func operations(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "OPERATIONS.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks gives the fenced blocks of a language in docs/OPERATIONS.md.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(operations(t), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("no block of %s", language)
	}
	return out
}

// TestDocumentedCommands holds every issuer command of docs/OPERATIONS.md
// against the program: the command and each of its flags exist.
func TestDocumentedCommands(t *testing.T) {
	seen := map[string]bool{}
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			words := strings.Fields(strings.TrimPrefix(line, "sudo -u vidimus "))
			if len(words) < 2 || words[0] != "issuer" {
				continue
			}
			seen[words[1]] = true
			if err := known(words[1], words[2:]); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(line), err)
			}
		}
	}
	for _, c := range program.Commands {
		if !seen[c.Name] {
			t.Errorf("docs/OPERATIONS.md shows no issuer %s", c.Name)
		}
	}
}

func known(name string, words []string) error {
	for _, c := range program.Commands {
		if c.Name != name {
			continue
		}
		fs := flag.NewFlagSet(name, flag.ContinueOnError)
		var _ command.Run = c.Setup(fs)
		for _, w := range words {
			if strings.HasPrefix(w, "-") && fs.Lookup(strings.TrimLeft(w, "-")) == nil {
				return fmt.Errorf("no flag %s", w)
			}
		}
		return nil
	}
	return fmt.Errorf("no command %s", name)
}

// TestDocumentedFiles takes every YAML block for what it is: a configuration
// of the issuer, one of the signer, one of the catalogue, a trust.yaml.
func TestDocumentedFiles(t *testing.T) {
	for i, text := range blocks(t, "yaml") {
		path := filepath.Join(t.TempDir(), "block.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case strings.HasPrefix(text, "id:"):
			_, err = catalog.Load(path)
		case strings.HasPrefix(text, "anchors:"):
			err = anchors(t, text)
		case strings.HasPrefix(text, "# /etc/vidimus/signer.yaml"):
			var cfg signer.Config
			if cfg, err = signer.LoadConfig(path); err == nil {
				err = cfg.Check()
			}
		default:
			var cfg issuer.Config
			if cfg, err = issuer.LoadConfig(path, false); err == nil {
				err = cfg.Check()
			}
		}
		if err != nil {
			t.Errorf("block %d: %v\n%s", i+1, err, text)
		}
	}
}

// anchors loads a folder with the root of a new office and this trust.yaml.
func anchors(t *testing.T, text string) error {
	t.Helper()
	cfg, err := issuer.DevOnFreePorts(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		return err
	}
	if _, err := issuer.Init(t.Context(), cfg, time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC), rand.Reader); err != nil {
		return err
	}
	dir := t.TempDir()
	root, err := os.ReadFile(cfg.Path(cfg.IACA.Certificate))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "iaca.pem"), root, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "trust.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	_, err = trust.LoadDir(dir, trust.Scope{})
	return err
}

// TestDocumentedMetrics: every metric that the office has stands in the table
// of docs/OPERATIONS.md, and no other.
func TestDocumentedMetrics(t *testing.T) {
	names := func(text, form string) map[string]bool {
		out := map[string]bool{}
		for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(text, -1) {
			out[m[1]] = true
		}
		return out
	}
	var source strings.Builder
	for _, dir := range []string{"internal/app/issuer", "internal/webserver/metrics"} {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	has, shown := names(source.String(), `"(vidimus_[a-z_]+)"`), names(operations(t), "(?m)^\\| `(vidimus_[a-z_]+)")
	if len(has) < 10 {
		t.Fatalf("only %d metrics found: the search is broken", len(has))
	}
	for name := range has {
		if !shown[name] {
			t.Errorf("docs/OPERATIONS.md lacks %s", name)
		}
	}
	for name := range shown {
		if !has[name] {
			t.Errorf("docs/OPERATIONS.md has %s, which is no metric", name)
		}
	}
}

// TestDocumentedLinks: what docs/OPERATIONS.md links to in itself is there.
func TestDocumentedLinks(t *testing.T) {
	text := operations(t)
	heads := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^#+ (.*)$").FindAllStringSubmatch(text, -1) {
		heads[strings.ReplaceAll(regexp.MustCompile("[^a-z0-9 -]").ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if !heads[m[1]] {
			t.Errorf("no section #%s", m[1])
		}
	}
}
