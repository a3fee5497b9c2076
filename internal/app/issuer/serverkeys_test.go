package issuer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
)

// A server that hangs keeps nobody waiting who has a key that is known, asks
// itself nothing twice, and does not gather everybody else.
func TestServerKeysOfHangingServer(t *testing.T) {
	t.Parallel()
	set, err := jose.MarshalPublicKey(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	asked, answers := make(chan struct{}, 100), make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case status := <-answers:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			w.Write([]byte(`{"keys":[{"kid":"k1",` + string(set[1:]) + `]}`))
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	now := clock.NewFake(start)
	key := issuer.ServerKeys("https://login.example", server.URL, fetch.New(fetch.Options{AllowInsecureLoopback: true}), now, slog.New(slog.DiscardHandler))
	known := func(when string) {
		t.Helper()
		if k, err := key(t.Context(), "k1"); err != nil || k == nil {
			t.Errorf("%s: %v, %v", when, k, err)
		}
	}
	answers <- http.StatusOK
	known("the first")
	<-asked
	now.Advance(55 * time.Minute)
	known("soon stale, while the server hangs") // and begins to read
	<-asked
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := key(gone, "unknown"); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
	const many = 200
	type answer struct {
		key *jose.Key
		err error
	}
	got := make(chan answer, many)
	for range many {
		go func() {
			k, err := key(t.Context(), "unknown")
			got <- answer{k, err}
		}()
	}
	for range many - issuer.MaxServerKeysWaiters {
		if a := <-got; a.err == nil {
			t.Error("an answer that nobody can know yet")
		}
	}
	known("while as many wait as may")
	answers <- http.StatusOK
	for range issuer.MaxServerKeysWaiters {
		if a := <-got; a.key != nil || a.err != nil {
			t.Errorf("a key that there is not: %v, %v", a.key, a.err)
		}
	}
	// Stale for good: whoever has the key waits for what the server says now, and
	// what was known serves when it says nothing.
	now.Advance(2 * time.Hour)
	waits := make(chan answer, 1)
	go func() {
		k, err := key(t.Context(), "k1")
		waits <- answer{k, err}
	}()
	<-asked
	select {
	case a := <-waits:
		t.Errorf("answered with keys of two hours ago: %v, %v", a.key, a.err)
	default:
	}
	answers <- http.StatusBadGateway
	if a := <-waits; a.err != nil || a.key == nil {
		t.Errorf("away: %v, %v", a.key, a.err)
	}
	if n := len(asked); n != 0 {
		t.Errorf("asked %d times more", n)
	}
}
