package memory

import (
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vidimus/internal/store/storetest"
)

// What is counted is what a look at every copy finds.
func TestCounts(t *testing.T) {
	var randoms [2]io.Reader
	var stores [2]*Store
	for i := range stores {
		randoms[i] = rand.NewChaCha8([32]byte{1})
		o := storetest.Mixed(randoms[i])
		var err error
		stores[i], err = New(Options{PublicURL: o.PublicURL, Rand: o.Rand, Schedule: o.Schedule, OpenLists: o.OpenLists, Rotate: o.Rotate, Pseudonyms: o.Pseudonyms})
		if err != nil {
			t.Fatal(err)
		}
	}
	storetest.Draws(t, 9, 300, stores[0], stores[1], randoms)
	s := stores[0]
	planned := time.Unix(0, 0).Add(time.Duration(s.counters["cover window"]-1) * time.Hour)
	alive, count := map[expiring]int{}, 0
	for _, b := range s.batches {
		for _, p := range b.places {
			_, there := s.lists[p.list]
			if _, flipped := s.flips[p]; there && !flipped && b.intent.Expires.After(planned) {
				alive[expiring{p.list, b.intent.Expires.UnixNano()}]++
			}
		}
	}
	for p, since := range s.flips {
		waits := slices.ContainsFunc(s.waits, func(w waiting) bool { return w.place == p })
		if waits != (since == 0) {
			t.Errorf("%v is INVALID since version %d, and waits %v", p, since, waits)
		} else if waits {
			count++
		}
	}
	if len(alive) == 0 || !maps.Equal(alive, s.alive) {
		t.Errorf("alive are %v, counted were %v", alive, s.alive)
	}
	if count != len(s.waits) {
		t.Errorf("%d flips wait, counted were %d", count, len(s.waits))
	}
}
