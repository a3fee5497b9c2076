package fleet_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/fleet"
	"vidimus/internal/jose"
)

// Only the key of a reader says which bundle it has, and only for now; what it has
// does not go down.
func TestSeen(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	_, code := w.invite(t, "Patrol 7")
	r, err := w.Enrol(t.Context(), code, request(t, key))
	if err != nil {
		t.Fatal(err)
	}
	say := func(key *ecdsa.PrivateKey, id string, bundle uint64, at time.Time) error {
		token, err := fleet.SignSeen(key, id, bundle, at, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return w.Seen(t.Context(), token)
	}
	now := w.clock.Now()
	if err := say(key, r.ID, 5, now); !errors.Is(err, fleet.ErrSeen) {
		t.Errorf("before it is approved: %v", err)
	}
	if _, err := w.Approve(t.Context(), r.ID, fleet.Fingerprint(r.Key), "office"); err != nil {
		t.Fatal(err)
	}
	check := func(want uint64, at time.Time) {
		t.Helper()
		if got, err := w.Find(t.Context(), r.ID); err != nil || got.Bundle != want || !got.BundleSeen.Equal(at) {
			t.Errorf("bundle %d at %s, %v; want %d at %s", got.Bundle, got.BundleSeen, err, want, at)
		}
	}
	if err := say(key, r.ID, 5, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	check(5, now)
	for name, err := range map[string]error{
		"another key":        say(newKey(t), r.ID, 9, now),
		"a name for an id":   say(key, "Patrol 7", 9, now),
		"nobody":             say(key, "nobody", 9, now),
		"yesterday's":        say(key, r.ID, 9, now.Add(-time.Hour)),
		"tomorrow's":         say(key, r.ID, 9, now.Add(time.Hour)),
		"a number too large": say(key, r.ID, 1<<63, now),
		"no token":           w.Seen(t.Context(), "x"),
		"a long one":         w.Seen(t.Context(), strings.Repeat("a.b.c", 1000)),
	} {
		if !errors.Is(err, fleet.ErrSeen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := jose.Sign(key, map[string]any{"typ": "JWT"}, []byte(`{"sub":"`+r.ID+`","iat":1,"bundle":9}`), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Seen(t.Context(), other); !errors.Is(err, fleet.ErrSeen) {
		t.Errorf("another kind of token: %v", err)
	}
	check(5, now)
	w.clock.Advance(time.Hour)
	if err := say(key, r.ID, 4, w.clock.Now()); err != nil {
		t.Error(err)
	}
	check(5, now)
	if _, err := w.Revoke(t.Context(), r.ID, "office"); err != nil {
		t.Fatal(err)
	}
	if err := say(key, r.ID, 6, w.clock.Now()); !errors.Is(err, fleet.ErrSeen) {
		t.Errorf("after it was revoked: %v", err)
	}
}
