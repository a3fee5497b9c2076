package memory_test

import (
	"crypto/rand"
	"testing"

	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

func open(t *testing.T) storetest.Store {
	t.Helper()
	s, err := memory.New(memory.Options{PublicURL: storetest.PublicURL, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestNewNeedsItsOptions(t *testing.T) {
	for _, opts := range []memory.Options{{}, {PublicURL: "https://x"}, {Rand: rand.Reader}} {
		if _, err := memory.New(opts); err == nil {
			t.Errorf("%+v is enough", opts)
		}
	}
}
