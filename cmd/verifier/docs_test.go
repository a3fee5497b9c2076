package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vidimus/internal/policy"
)

// readerText is docs/READER.md.
func readerText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "READER.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func blocks(t *testing.T, language string) (out []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(readerText(t), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("no block of %s", language)
	}
	return out
}

// Every command and flag of docs/READER.md exists.
func TestDocumentedCommands(t *testing.T) {
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "verifier" {
				continue
			}
			known := false
			for _, c := range program.Commands {
				if c.Name != words[1] {
					continue
				}
				known = true
				fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
				c.Setup(fs)
				for _, w := range words[2:] {
					name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
					if strings.HasPrefix(w, "-") && w != "-" && fs.Lookup(name) == nil {
						t.Errorf("%s: no flag %s", strings.TrimSpace(line), w)
					}
				}
			}
			if !known {
				t.Errorf("no command %s", words[1])
			}
		}
	}
}

// Every policy in docs/READER.md is one, and the built-in profiles that it names
// are there.
func TestDocumentedPolicies(t *testing.T) {
	found := 0
	for i, text := range blocks(t, "yaml") {
		if !strings.HasPrefix(text, "profiles:") && !strings.HasPrefix(text, "status:") {
			continue
		}
		found++
		if _, err := policy.Load(policy.File{Name: "block", Data: []byte(text)}); err != nil {
			t.Errorf("block %d: %v", i+1, err)
		}
	}
	if found == 0 {
		t.Error("no policy is shown")
	}
	for _, p := range policy.Default().Profiles {
		if !strings.Contains(readerText(t), "`"+p.ID+"`") {
			t.Errorf("docs/READER.md does not tell of %s", p.ID)
		}
	}
}
