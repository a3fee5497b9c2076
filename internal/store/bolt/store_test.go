package bolt

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"vidimus/internal/store/storetest"
)

func options() Options { return Options{PublicURL: storetest.PublicURL, Rand: rand.Reader} }

// fresh makes and opens a database; it is closed at the end of the test.
func fresh(t testing.TB, opts Options) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vidimus.db")
	if err := Create(path, opts); err != nil {
		t.Fatal(err)
	}
	return reopened(t, path, opts)
}

func reopened(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return fresh(t, options()) })
}

func TestDurable(t *testing.T) {
	storetest.RunDurable(t,
		func(t *testing.T) storetest.Store { return fresh(t, options()) },
		func(t *testing.T, s storetest.Store) storetest.Store {
			path := s.(*Store).db.Path()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return reopened(t, path, options())
		})
}
