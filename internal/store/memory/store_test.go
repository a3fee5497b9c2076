package memory_test

import (
	"crypto/rand"
	"testing"

	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

func open(t *testing.T, o storetest.Options) storetest.Store {
	t.Helper()
	s, err := memory.New(memory.Options{
		PublicURL: o.PublicURL, Rand: o.Rand, Schedule: o.Schedule, OpenLists: o.OpenLists, Rotate: o.Rotate, Pseudonyms: o.Pseudonyms,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestNewNeedsItsOptions(t *testing.T) {
	for _, opts := range []memory.Options{{}, {PublicURL: "https://x"}, {Rand: rand.Reader}, {PublicURL: "https://x", Rand: rand.Reader, OpenLists: 257}, {PublicURL: "https://x", Rand: rand.Reader, Rotate: -1}} {
		if _, err := memory.New(opts); err == nil {
			t.Errorf("%+v is enough", opts)
		}
	}
}

// A store that got no pseudonyms makes its own: a person is never written, and
// the same person is the same throughout.
func TestOwnPseudonyms(t *testing.T) {
	s, err := memory.New(memory.Options{PublicURL: "https://x", Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	e := storetest.AuditEvent("")
	e.Person = "P-1"
	for range 2 {
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	storetest.CheckAudit(t, s)
}
