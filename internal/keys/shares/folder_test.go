package shares

import (
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The names of all folders that are made are written down for good, from the lowest to
// the one in a folder that was there.
func TestNewNames(t *testing.T) {
	base := t.TempDir()
	deep := filepath.Join(base, "a", "b", "c")
	if got := newNames(deep + "/"); !slices.Equal(got, []string{filepath.Join(base, "a", "b"), filepath.Join(base, "a"), base}) {
		t.Errorf("%q", got)
	}
	if err := os.MkdirAll(filepath.Dir(deep), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := newNames(deep); !slices.Equal(got, []string{filepath.Join(base, "a", "b")}) {
		t.Errorf("%q", got)
	}
	if got := newNames(base); got != nil {
		t.Errorf("%q", got)
	}
	t.Chdir(base)
	if got := newNames("x/y"); !slices.Equal(got, []string{"x", "."}) {
		t.Errorf("%q", got)
	}
	_, rs := custodians(t, 2)
	if _, _, err := Split([]string{"x/y"}, elliptic.P256(), 2, rs, rand.Reader); err != nil {
		t.Error(err)
	}
}
