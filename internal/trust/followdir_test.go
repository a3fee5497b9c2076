package trust

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/pki"
)

// A folder of anchors follows a link as a store does, and says what the new root is for.
func TestFollowDir(t *testing.T) {
	const table = `# who may sign what
as_of: 2026-06-01T00:00:00Z
anchors:
  iaca.pem: {purposes: [issue-mdoc, status-list], doctypes: [org.iso.18013.5.1.mDL]} # roads
  readers.pem: {purposes: [reader]}
`
	put := func(t *testing.T, dir, name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder := func(t *testing.T, r *rollover, table string) string {
		dir := t.TempDir()
		put(t, dir, "iaca.pem", pki.EncodePEM(r.IACA.Cert))
		if table != "" {
			put(t, dir, "readers.pem", pki.EncodePEM(r.ReaderCA.Cert))
			put(t, dir, "trust.yaml", []byte(table))
		}
		return dir
	}
	anchors := func(t *testing.T, dir string) int {
		t.Helper()
		s, err := LoadDir(dir, fallback)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Anchors(Reader, "")) > 1 {
			t.Error("the new root counts for readers")
		}
		return len(s.Anchors(IssueMdoc, mdlType))
	}
	for name, text := range map[string]string{"with trust.yaml": table, "without": ""} {
		t.Run(name, func(t *testing.T) {
			r := newRollover(t, utopia("Utopia IACA"))
			dir := folder(t, r, text)
			file, err := FollowDir(dir, fallback, r.link, r.nextCert, r.now)
			if err != nil || filepath.Dir(file) != dir || anchors(t, dir) != 2 {
				t.Fatalf("%s, %v", file, err)
			}
			if again, err := FollowDir(dir, fallback, r.link, r.nextCert, r.now); err != nil || again != "" || anchors(t, dir) != 2 {
				t.Errorf("again: %s, %v", again, err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "trust.yaml")); text != "" && (err != nil || !strings.Contains(string(got), "# who may sign what") || !strings.Contains(string(got), "# roads") || !strings.Contains(string(got), "as_of: 2026-06-01")) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	t.Run("cut off before the last step", func(t *testing.T) {
		r := newRollover(t, utopia("Utopia IACA"))
		dir := folder(t, r, table)
		file, err := FollowDir(dir, fallback, r.link, r.nextCert, r.now)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file, filepath.Join(dir, "."+filepath.Base(file))); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDir(dir, fallback); !errors.Is(err, ErrFolder) {
			t.Errorf("half of it is read: %v", err)
		}
		if again, err := FollowDir(dir, fallback, r.link, r.nextCert, r.now); err != nil || again != file || anchors(t, dir) != 2 {
			t.Errorf("%s, %v", again, err)
		}
	})
	t.Run("cut off before trust.yaml", func(t *testing.T) {
		r := newRollover(t, utopia("Utopia IACA"))
		dir := folder(t, r, table)
		put(t, dir, ".linked-stray.pem", pki.EncodePEM(r.nextCert))
		if _, err := FollowDir(dir, fallback, r.link, r.nextCert, r.now); err != nil || anchors(t, dir) != 2 {
			t.Error(err)
		}
	})
	for name, text := range map[string]string{"anchors are a list": "anchors: []\n", "not named": "anchors:\n  readers.pem: {purposes: [reader]}\n"} {
		t.Run(name, func(t *testing.T) {
			r := newRollover(t, utopia("Utopia IACA"))
			dir := folder(t, r, text)
			if file, err := FollowDir(dir, Scope{}, r.link, r.nextCert, r.now); file != "" || !errors.Is(err, ErrFolder) {
				t.Errorf("%s, %v", file, err)
			}
		})
	}
	t.Run("a link of nobody's", func(t *testing.T) {
		r := newRollover(t, utopia("Utopia IACA"))
		dir := folder(t, r, table)
		if file, err := FollowDir(dir, fallback, r.back, r.nextCert, r.now); file != "" || !errors.Is(err, ErrLink) || anchors(t, dir) != 1 {
			t.Errorf("%s, %v", file, err)
		}
	})
}

var fallback = Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: []string{mdlType}}
