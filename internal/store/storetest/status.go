package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

var statusTests = []test{
	{"RevokeEveryCopy", revokeEveryCopy},
	{"Covered", coveredLater},
	{"FullList", fullList},
	{"RevokeRacesWithIntents", revokeRaces},
}

func publishedNow(t *testing.T, s Store) []status.Published {
	t.Helper()
	lists, err := s.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var p []status.Published
	for _, l := range lists {
		p = append(p, status.Published{ID: l.ID, Version: l.Version})
	}
	return p
}

func revokeEveryCopy(t *testing.T, s Store) {
	if lists, err := s.Lists(t.Context()); err != nil || len(lists) != 0 {
		t.Errorf("%d lists in an empty store, %v", len(lists), err)
	}
	if _, _, err := s.Revoked(t.Context(), "unknown"); !errors.Is(err, status.ErrListNotFound) {
		t.Errorf("an unknown list: %v", err)
	}
	person(t, s, "P", "N")
	person(t, s, "Q", "NN")
	apply(t, s, Event("R", 1, "P", Licence("other")))
	signed, intended := intend(t, s, Intent("signed", "P", "N", 3, 3)), intend(t, s, Intent("intended", "P", "N", 3, 2))
	for i, in := range []issuance.Intent{Intent("burned", "P", "N", 3, 2), Intent("other", "P", "other", 3, 2), Intent("Q's", "Q", "NN", 2, 2)} {
		intend(t, s, in)
		if mark := []func(string) error{
			func(b string) error { return s.MarkBurned(t.Context(), b, AuditEvent(b)) },
			func(b string) error { return s.MarkSigned(t.Context(), b, AuditEvent(b)) },
		}[min(i, 1)]; mark(in.Batch) != nil {
			t.Fatal("marking", in.Batch)
		}
	}
	if err := s.MarkSigned(t.Context(), "signed", AuditEvent("signed")); err != nil {
		t.Fatal(err)
	}
	statusless := Intent("statusless", "P", "N", 3, 4)
	statusless.Status = false
	intend(t, s, statusless)

	out := apply(t, s, Event("R", 2, "", Annulled("N")))[0]
	want := map[issuance.StatusIndex]bool{}
	for _, g := range append(signed, intended...) {
		want[g] = true
	}
	got := revoked(t, s)
	for g := range got {
		if !want[g] {
			t.Errorf("%v is revoked and must not be", g)
		}
	}
	if len(got) != 5 || out.Copies != 5 || out.State() != registry.StateApplied || len(out.Lists) != 1 || out.Lists[0].Version != 2 || out.Lists[0].URI != signed[0].List {
		t.Errorf("%d revoked, %+v", len(got), out)
	}
	// The copies that were only intended are released revoked.
	if err := s.MarkSigned(t.Context(), "intended", AuditEvent("intended")); err != nil {
		t.Error(err)
	}
	again := apply(t, s, Event("R", 3, "", Annulled("N")))[0]
	if again.Copies != 5 || len(again.Lists) != 1 || again.Lists[0].Version != 2 || len(revoked(t, s)) != 5 {
		t.Errorf("annulled again: %+v", again)
	}
	if lists, _ := s.Lists(t.Context()); lists[0].Version != 2 {
		t.Errorf("the list is at version %d, nothing has changed since 2", lists[0].Version)
	}
}

func coveredLater(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 3))
	before := publishedNow(t, s)
	apply(t, s, Event("R", 1, "", Annulled("N")), Event("R", 2, "P", Person("B")))
	state := func(jti string) registry.Outcome {
		o, err := s.Outcome(t.Context(), "R", jti)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	mark := func(published []status.Published, at time.Time, want int) {
		t.Helper()
		if n, err := s.MarkCovered(t.Context(), published, at); err != nil || n != want {
			t.Errorf("%d covered, want %d; %v", n, want, err)
		}
	}
	mark(nil, Now, 0)
	mark(before, Now, 0)
	mark([]status.Published{{ID: "unknown", Version: 99}}, Now, 0)
	if o := state("R-1"); o.State() != registry.StateApplied || !o.Covered.IsZero() {
		t.Errorf("before its list is out: %+v", o)
	}
	at := Now.Add(time.Minute)
	mark(publishedNow(t, s), at, 1)
	mark(publishedNow(t, s), at.Add(time.Minute), 0)
	if o := state("R-1"); o.State() != registry.StateCovered || !o.Covered.Equal(at) || o.Lists[0].Version != 2 {
		t.Errorf("%+v", o)
	}
	if o := state("R-2"); o.State() != registry.StateApplied {
		t.Errorf("an event without revocation: %+v", o)
	}
	if r, err := applyOne(t, s, Event("R", 1, "", Annulled("N"))); err != nil || !r.Repeated || r.State() != registry.StateCovered {
		t.Errorf("repeated: %+v, %v", r, err)
	}
}

// fullList fills one list, goes on in the next, and revokes a document with
// copies in both: its event is covered when both are out.
func fullList(t *testing.T, s Store) {
	person(t, s, "P", "N")
	const most = 100_000
	first := intend(t, s, Intent("A", "P", "N", 2, 2))[0].List
	perList := map[string]int{first: 2}
	for i := 0; len(perList) < 2 && i < 12; i++ {
		for _, g := range intend(t, s, Intent(fmt.Sprint("F", i), "P", "filler", 2, most)) {
			perList[g.List]++
		}
	}
	intend(t, s, Intent("Z", "P", "N", 2, 1000))
	lists, err := s.Lists(t.Context())
	if err != nil || len(lists) != 2 || len(perList) != 2 || lists[0].ID >= lists[1].ID {
		t.Fatalf("%d lists, %d with copies, %v", len(lists), len(perList), err)
	}
	for _, l := range lists {
		want := most + 1000
		if l.URI == first {
			want = perList[first]
			if want < 4*most {
				t.Errorf("the first list is full with %d copies", want)
			}
		}
		if l.Allocated < want || l.Allocated > status.ListSize {
			t.Errorf("%d copies in %+v", want, l)
		}
	}

	out := apply(t, s, Event("R", 1, "", Annulled("N")))[0]
	if len(out.Lists) != 2 || out.Copies != 1002 || out.Lists[0].URI >= out.Lists[1].URI {
		t.Fatalf("%+v", out)
	}
	all := publishedNow(t, s)
	for _, some := range [][]status.Published{all[:1], all[1:]} {
		if n, err := s.MarkCovered(t.Context(), some, Now); err != nil || n != 0 {
			t.Errorf("covered by one of two lists: %d, %v", n, err)
		}
	}
	if n, err := s.MarkCovered(t.Context(), all, Now); err != nil || n != 1 {
		t.Errorf("covered by both: %d, %v", n, err)
	}
}

// revokeRaces annuls a document while copies of it are being recorded: each
// intent is either refused as stale or all of its indices are revoked.
func revokeRaces(t *testing.T, s Store) {
	for round := range 8 {
		p, n := fmt.Sprint("P", round), fmt.Sprint("N", round)
		person(t, s, p, n)
		var mu sync.Mutex
		var given []issuance.StatusIndex
		together(9, func(i int) {
			if i == 4 {
				if r := s.ApplyEvents(t.Context(), []registry.Application{Event("R"+p, 1, "", Annulled(n))})[0]; r.Err != nil {
					t.Error(r.Err)
				}
				return
			}
			in := Intent(fmt.Sprintf("B%d-%d", round, i), p, n, 2, 3)
			got, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
			if err != nil && !errors.Is(err, issuance.ErrStale) {
				t.Error(err)
			}
			mu.Lock()
			given = append(given, got...)
			mu.Unlock()
		})
		set := revoked(t, s)
		for _, g := range given {
			if !set[g] {
				t.Errorf("round %d: %v escaped the revocation", round, g)
			}
		}
		if out, err := s.Outcome(t.Context(), "R"+p, "R"+p+"-1"); err != nil || out.Copies != len(given) {
			t.Errorf("round %d: the outcome counts %d copies of %d, %v", round, out.Copies, len(given), err)
		}
	}
}
