package bulk

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"vidimus/internal/jose"
)

// example gives a block of docs/BULK.md.
func example(t *testing.T, kind string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/BULK.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```json " + kind + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/BULK.md has no example of a %s", kind)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, m[1]); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What the document shows is what the program takes.
func TestDocs(t *testing.T) {
	w := newWorld(t)
	if got, err := w.parser().parse(example(t, "line")); err != nil || len(got.subject.Documents) != 2 || len(got.subject.Measures) != 1 {
		t.Errorf("%+v, %v", got.subject, err)
	}
	token, err := jose.Sign(w.key, map[string]any{"typ": ManifestType, "kid": "k"}, example(t, "manifest"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := ReadManifest(token, w.source, office, now, 0); err != nil || m.Count() != 3 || m.ID != "load-2026-11" {
		t.Errorf("%+v, %v", m, err)
	}
	// Every kind of finding is explained.
	text, err := os.ReadFile("../../docs/BULK.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("finding.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`Kind += "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(kinds) < 20 {
		t.Fatalf("%d kinds", len(kinds))
	}
	for _, kind := range kinds {
		if !strings.Contains(string(text), "`"+kind[1]+"`") {
			t.Errorf("docs/BULK.md does not explain %s", kind[1])
		}
	}
}
