package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

var raceTests = []test{
	{name: "64 pushers and issuers: no index twice, no bit lost", run: pushersAndIssuers},
	{name: "IndicesNeverTwice", run: indicesNeverTwice},
}

// pushersAndIssuers: half of them push events that revoke, half record
// batches, a publisher releases and covers meanwhile. Each index is given out
// once; every copy that was recorded before an event of its document is
// INVALID in the end, no other is; every outcome is covered, with the lists
// that it says.
func pushersAndIssuers(t *testing.T, s Store) {
	const people, workers, rounds, count = 16, 64, 6, 5
	for i := range people {
		person(t, s, fmt.Sprint("P", i), fmt.Sprint("N", i))
	}
	var mu sync.Mutex
	owner := map[spot]string{}
	copies := map[string][]spot{} // by document
	stop := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for {
			if _, err := s.Release(t.Context(), Now.Add(2*hour)); err != nil {
				t.Error(err)
			}
			if _, err := s.MarkCovered(t.Context(), publishedNow(t, s), Now.Add(2*hour)); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	together(workers, func(w int) {
		p, n := fmt.Sprint("P", w%people), fmt.Sprint("N", w%people)
		for round := range rounds {
			if w < workers/2 {
				app := Revoking(fmt.Sprint("R", w), uint64(round+1), p, round%2 == 0, n)
				if r := s.ApplyEvents(t.Context(), []registry.Application{app})[0]; r.Err != nil {
					t.Error(r.Err)
				}
				continue
			}
			in := Intent(fmt.Sprintf("B%d-%d", w, round), p, n, 0, count)
			var given []issuance.StatusIndex
			for {
				subject, err := s.Subject(t.Context(), p)
				if err != nil {
					t.Error(err)
					return
				}
				in.Version = subject.Version
				if given, err = s.RecordIntent(t.Context(), in, AuditEvent(in.Batch)); err == nil {
					break
				}
				if !errors.Is(err, issuance.ErrStale) {
					t.Error(err)
					return
				}
			}
			if err := s.MarkSigned(t.Context(), in.Batch, AuditEvent(in.Batch)); err != nil {
				t.Error(err)
			}
			mu.Lock()
			for _, at := range spots(given) {
				if other, twice := owner[at]; twice {
					t.Errorf("%v for %s and %s", at, in.Batch, other)
				}
				owner[at] = in.Batch
				copies[n] = append(copies[n], at)
			}
			mu.Unlock()
		}
	})
	close(stop)
	publisher.Wait()
	if want := workers / 2 * rounds * count; len(owner) != want {
		t.Errorf("%d indices, want %d", len(owner), want)
	}
	// One more event for each document: then nothing has escaped.
	for i := range people {
		n := fmt.Sprint("N", i)
		if o := apply(t, s, Revoking("last", uint64(i+1), fmt.Sprint("P", i), true, n))[0]; o.Copies != len(copies[n]) {
			t.Errorf("%s: the outcome counts %d copies of %d", n, o.Copies, len(copies[n]))
		}
	}
	release(t, s, Now.Add(2*hour))
	if _, err := s.MarkCovered(t.Context(), publishedNow(t, s), Now.Add(2*hour)); err != nil {
		t.Fatal(err)
	}
	set := revoked(t, s)
	for at, batch := range owner {
		if !set[at] {
			t.Errorf("the bit %v of %s is lost", at, batch)
		}
		delete(set, at)
	}
	if len(set) != 0 || waiting(t, s) != 0 {
		t.Errorf("%d bits of nobody, %d flips wait", len(set), waiting(t, s))
	}
	for w := range workers / 2 {
		for round := range rounds {
			o := outcome(t, s, fmt.Sprint("R", w), fmt.Sprintf("R%d-%d", w, round+1))
			if o.State() == registry.StateApplied {
				t.Errorf("%+v is not covered", o)
			}
		}
	}
}

func indicesNeverTwice(t *testing.T, s Store) {
	person(t, s, "P", "N")
	const workers, batches, count = 8, 12, 20
	var mu sync.Mutex
	seen := map[spot]string{}
	together(workers, func(w int) {
		for b := range batches {
			in := Intent(fmt.Sprintf("B%d-%d", w, b), "P", "N", 2, count)
			given, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
			if err != nil || len(given) != count {
				t.Errorf("%s: %d indices, %v", in.Batch, len(given), err)
				continue
			}
			mu.Lock()
			for _, at := range spots(given) {
				if other, twice := seen[at]; twice {
					t.Errorf("index %v for %s and %s", at, in.Batch, other)
				}
				seen[at] = in.Batch
				if at.index >= status.ListSize {
					t.Errorf("index %d is outside the list", at.index)
				}
			}
			mu.Unlock()
		}
	})
	if len(seen) != workers*batches*count {
		t.Errorf("%d indices, want %d", len(seen), workers*batches*count)
	}
}
