package bolt

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// docs/DATA.md says of every bucket what is in it and for how long, and of
// none that there is not.
func TestDataIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/DATA.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile("(?s)## issuer.db\n(.*?)\n## ").FindSubmatch(text)
	if table == nil {
		t.Fatal("docs/DATA.md has no section on issuer.db")
	}
	named := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllSubmatch(table[1], -1) {
		for _, name := range regexp.MustCompile("`([a-z-]+)`").FindAllSubmatch(row[1], -1) {
			named[string(name[1])] = true
			if !slices.Contains(bucketNames[:], string(name[1])) {
				t.Errorf("docs/DATA.md names bucket %s, which there is not", name[1])
			}
		}
	}
	for _, name := range []string{"expiry", "officer-ends"} { // instants of what another row names
		if regexp.MustCompile("\\(`" + name + "`\\)").Match(table[1]) {
			named[name] = true
		}
	}
	for _, name := range bucketNames {
		if !named[name] {
			t.Errorf("docs/DATA.md does not say what bucket %s keeps, and how long", name)
		}
	}
}
