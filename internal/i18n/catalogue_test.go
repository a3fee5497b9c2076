package i18n

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var argument = regexp.MustCompile(`\{[0-9]+\}`)

// Every key exists in every language, says something, and has the same
// arguments.
func TestLanguagesAgree(t *testing.T) {
	if len(Keys()) < 200 {
		t.Fatalf("only %d keys: the catalogue is broken", len(Keys()))
	}
	for _, l := range Languages() {
		for _, key := range Keys() {
			text, ok := catalogues[l][key]
			if !ok || strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: %s: %q", l, key, text)
			}
			want, got := argument.FindAllString(catalogues[Default][key], -1), argument.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if strings.HasPrefix(key, details) {
				// What a parser says in English is left out of other languages.
				want = slices.DeleteFunc(want, func(a string) bool { return !slices.Contains(got, a) })
			}
			if !slices.Equal(want, got) {
				t.Errorf("%s: %s has the arguments %v, not %v", l, key, got, want)
			}
			if !norm.NFC.IsNormalString(text) || strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsAny(text, "<>&\"'") {
				t.Errorf("%s: %s: %q is not plain text with typographic apostrophes", l, key, text)
			}
		}
		for key := range catalogues[l] {
			if !Has(key) {
				t.Errorf("%s: %s is in no other language", l, key)
			}
		}
	}
}

// Every key of the catalogue stands in a page or a source, whole or by its
// prefix ("purpose." + word), and every key that stands there is in the
// catalogue.
func TestKeysAreUsed(t *testing.T) {
	source := readSources(t)
	literals := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z][a-z-]*\.[a-z0-9_.-]*)"`).FindAllStringSubmatch(source, -1) {
		literals[m[1]] = true
	}
	groups := map[string]bool{}
	for _, key := range Keys() {
		group, _, _ := strings.Cut(key, ".")
		groups[group] = true
		whole := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		if !literals[whole] && !literals[group+"."] {
			t.Errorf("%s is used nowhere", key)
		}
		if group == "error" && !literals[key] && !strings.Contains(source, `"`+strings.TrimPrefix(key, "error.")+`"`) {
			t.Errorf("%s is used nowhere", key)
		}
	}
	for _, l := range slices.Sorted(maps.Keys(literals)) {
		group, rest, _ := strings.Cut(l, ".")
		if rest == "" || !groups[group] || strings.HasSuffix(l, ".html") || strings.HasSuffix(l, ".jwt") {
			continue
		}
		if !Has(l) && !Has(l+".other") {
			t.Errorf("a page or source wants %q, which does not exist", l)
		}
	}
}

// readSources gives the pages and sources that speak to people.
func readSources(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, room := range []string{"../consolehttp", "../officer", "../issuerhttp", "../citizenhttp", "../verifierhttp", "../webserver/pages"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html") {
				return err
			}
			raw, err := os.ReadFile(path)
			b.Write(raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{English.Text("refusal.request", "a1"), "Number of the request: a1"},
		{French.Text("refusal.request", "{0}"), "Numéro de la demande\u00a0: {0}"},
		{German.Text("no.such-key"), "no.such-key"},
		{Language("xx").Text("app.name"), "app.name"},
		{English.Count("document.copies", 1), "1 copy on a phone"},
		{English.Count("document.copies", 0), "0 copies on phones"},
		{French.Count("document.copies", 0), "0 copie sur téléphone"},
		{German.Count("document.copies", 1200), "1.200 Kopien auf Telefonen"},
		{fill("{0} {1} {2} {x} {", []any{"a", 2}), "a 2 {2} {x} {"},
		{fill("{1}{0}", []any{"{1}", "b"}), "b{1}"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
