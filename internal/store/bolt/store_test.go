package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

func options() Options { return usual(storetest.Usual()) }

func usual(o storetest.Options) Options {
	return Options{
		PublicURL: o.PublicURL, Rand: o.Rand, Schedule: o.Schedule, OpenLists: o.OpenLists, Rotate: o.Rotate, Pseudonyms: o.Pseudonyms,
	}
}

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

// open is a store that must hold together when the test has ended.
func open(t *testing.T, o storetest.Options) storetest.Store {
	s := fresh(t, usual(o))
	t.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDurable(t *testing.T) {
	storetest.RunDurable(t, open, func(t *testing.T, s storetest.Store) storetest.Store {
		path := s.(*Store).db.Path()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return reopened(t, path, options())
	})
}

// plain is the store that the durable one is compared with.
func plain(t *testing.T, o storetest.Options) storetest.Store {
	t.Helper()
	s, err := memory.New(memory.Options{
		PublicURL: o.PublicURL, Rand: o.Rand, Schedule: o.Schedule, OpenLists: o.OpenLists, Rotate: o.Rotate, Pseudonyms: o.Pseudonyms,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The same history on the store that counts and on the one that looks
// everything up. What is drawn must not matter: the schedule draws nothing.
func TestCompare(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			o := storetest.Usual()
			storetest.Compare(t, seed, 400, plain(t, o), open(t, o))
		})
	}
}

// Both stores draw alike: that nobody links the flips of the one, as its own
// test finds, is true of the other.
func TestDraws(t *testing.T) {
	for seed := range byte(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			source := func() io.Reader { return rand.NewChaCha8([32]byte{seed}) }
			randoms := [2]io.Reader{source(), source()}
			storetest.Draws(t, uint64(seed), 400, plain(t, storetest.Mixed(randoms[0])), open(t, storetest.Mixed(randoms[1])), randoms)
		})
	}
}
