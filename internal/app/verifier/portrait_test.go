package verifier

import (
	"os"
	"path/filepath"
	"testing"
)

// A portrait is for its owner alone, also in the place of a file that everybody
// reads, and goes to no other place by a link that somebody has laid there.
func TestWritePortrait(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("open"), []byte("old"), 0o666))
	must(os.Chmod(at("open"), 0o666))
	must(os.WriteFile(at("other"), []byte("precious"), 0o600))
	must(os.Symlink(at("other"), at("link")))
	must(os.Symlink(at("nowhere"), at("dangling")))
	for _, name := range []string{"new", "open", "link", "dangling"} {
		must(WritePortrait(at(name), []byte("picture")))
		info, err := os.Lstat(at(name))
		must(err)
		if got, err := os.ReadFile(at(name)); info.Mode() != 0o600 || string(got) != "picture" || err != nil {
			t.Errorf("%s: mode %v, %q, %v", name, info.Mode(), got, err)
		}
	}
	if got, err := os.ReadFile(at("other")); string(got) != "precious" {
		t.Errorf("the file behind the link: %q, %v", got, err)
	}
	if _, err := os.Lstat(at("nowhere")); err == nil {
		t.Error("a link has made a file")
	}
	if err := WritePortrait(dir, []byte("picture")); err == nil {
		t.Error("a folder is taken for a file")
	}
	must(WritePortrait(os.DevNull, []byte("picture")))
}
