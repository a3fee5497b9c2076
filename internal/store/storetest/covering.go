package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

const hour = time.Hour

var coveringTests = []test{
	{name: "EveryCopy", run: everyCopy},
	{name: "ReleaseThenPublish", run: releaseThenPublish},
	{name: "SeveralLists", run: severalLists},
	{name: "TwoEventsOneFlip", run: twoEventsOneFlip},
	{name: "UrgentOvertakes", run: urgentOvertakes},
	{name: "ReleasedBefore", run: releasedBefore},
	{name: "LeftAlone", run: leftAlone},
	{name: "OnlyLeftAlone", run: onlyLeftAlone},
	{name: "WithoutStatus", run: withoutStatus},
	{name: "ByWallet", run: byWallet},
	{name: "DueLater", run: dueLater, with: func(o *Options) { o.Schedule = spread{&minutes{}} }},
	{name: "ScheduleFails", run: scheduleFails, with: func(o *Options) { o.Schedule = failing{} }},
	{name: "RacesWithIntents", run: revokeRaces},
}

// everyCopy: signed or only intended, not burned, not of others.
func everyCopy(t *testing.T, s Store) {
	if all := lists(t, s); len(all) != 0 {
		t.Errorf("%d lists in an empty store", len(all))
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
	out := apply(t, s, Revoking("R", 2, "P", true, "N"))[0]
	if out.Copies != 5 || out.State() != registry.StateApplied || !out.Revokes || !out.Urgent || out.Lists != nil {
		t.Errorf("%+v", out)
	}
	if len(revoked(t, s)) != 0 || waiting(t, s) != 5 {
		t.Error("published before its release")
	}
	wantInvalid(t, s, "N", map[string]uint64{"signed": 0, "intended": 0})
	released := release(t, s, Now)
	want := map[spot]bool{}
	for _, g := range append(signed, intended...) {
		want[spot{g.List, g.Index}] = true
	}
	got := revoked(t, s)
	for g := range got {
		if !want[g] {
			t.Errorf("%v is revoked and must not be", g)
		}
	}
	if len(got) != 5 || waiting(t, s) != 0 {
		t.Errorf("%d revoked, %d wait", len(got), waiting(t, s))
	}
	count := 0
	for _, r := range released {
		indices, version, err := s.Revoked(t.Context(), r.ID)
		if err != nil || version != r.Version || r.Version != 2 || !slices.Equal(indices, r.Indices) {
			t.Errorf("%+v: %v at %d, %v", r, indices, version, err)
		}
		count += len(r.Indices)
	}
	if count != 5 || !slices.IsSortedFunc(released, func(a, b status.Released) int { return compareStrings(a.ID, b.ID) }) {
		t.Errorf("%+v", released)
	}
	wantInvalid(t, s, "N", map[string]uint64{"signed": 2, "intended": 2})
	if again := release(t, s, Now); len(again) != 0 {
		t.Errorf("released again: %+v", again)
	}
	// The copies that were only intended are released revoked.
	if err := s.MarkSigned(t.Context(), "intended", AuditEvent("intended")); err != nil {
		t.Error(err)
	}
}

// wantInvalid checks what the copies say of themselves: the batches that are
// INVALID and since which version, 0 while that waits.
func wantInvalid(t *testing.T, s Store, document string, want map[string]uint64) {
	t.Helper()
	copies, err := s.Copies(t.Context(), document)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range copies {
		if since, invalid := want[c.Batch]; c.Invalid != invalid || c.InvalidSince != since {
			t.Errorf("%s is INVALID %v since %d, want %v since %d", c.Batch, c.Invalid, c.InvalidSince, invalid, since)
		}
	}
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func releaseThenPublish(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 3))
	before := publishedNow(t, s)
	apply(t, s, Revoking("R", 1, "P", false, "N"), Deciding("R", 2, "P", document.Change{Applied: true}))
	mark(t, s, before, Now, 0)
	if r := release(t, s, Now.Add(hour-1)); len(r) != 0 {
		t.Errorf("released before it is due: %+v", r)
	}
	at := Now.Add(hour)
	release(t, s, at)
	o := outcome(t, s, "R", "R-1")
	if o.State() != registry.StateApplied || !o.Covered.IsZero() || len(o.Lists) == 0 || o.Lists[0].Version != 2 || o.Expiring != 0 || !o.Until.IsZero() {
		t.Errorf("released, not published: %+v", o)
	}
	mark(t, s, nil, at, 0)
	mark(t, s, before, at, 0)
	mark(t, s, []status.Published{{ID: "unknown", Version: 99}}, at, 0)
	mark(t, s, publishedNow(t, s), at, 1)
	mark(t, s, publishedNow(t, s), at.Add(time.Minute), 0)
	if o := outcome(t, s, "R", "R-1"); o.State() != registry.StateCovered || !o.Covered.Equal(at) {
		t.Errorf("%+v", o)
	}
	if o := outcome(t, s, "R", "R-2"); o.State() != registry.StateApplied || o.Revokes {
		t.Errorf("an event without revocation: %+v", o)
	}
	if r, err := applyOne(t, s, Revoking("R", 1, "P", false, "N")); err != nil || !r.Repeated || r.State() != registry.StateCovered {
		t.Errorf("repeated: %+v, %v", r, err)
	}
	if o := apply(t, s, Revoking("R", 3, "P", false, "without copies"))[0]; o.State() != registry.StateNoCopies {
		t.Errorf("%+v", o)
	}
}

// severalLists: covered when the last of them is out.
func severalLists(t *testing.T, s Store) {
	person(t, s, "P", "N")
	given := intend(t, s, Intent("B", "P", "N", 2, 200))
	per := map[string]int{}
	for _, g := range given {
		per[g.List]++
	}
	if len(per) != 4 {
		t.Fatalf("200 copies in %d lists of 4", len(per))
	}
	apply(t, s, Revoking("R", 1, "P", true, "N"))
	release(t, s, Now)
	o := outcome(t, s, "R", "R-1")
	if len(o.Lists) != 4 || o.Copies != 200 || !slices.IsSortedFunc(o.Lists, func(a, b registry.ListVersion) int { return compareStrings(a.URI, b.URI) }) {
		t.Fatalf("%+v", o)
	}
	all := publishedNow(t, s)
	for i := range all {
		mark(t, s, append(slices.Clone(all[:i]), all[i+1:]...), Now, 0)
	}
	mark(t, s, all, Now, 1)
}

// twoEventsOneFlip: it is done once, and both wait for it.
func twoEventsOneFlip(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 3))
	apply(t, s, Revoking("R", 1, "P", false, "N"))
	intend(t, s, Intent("C", "P", "N", 3, 2))
	late := Revoking("R", 2, "P", false, "N")
	late.Record.Accepted = Now.Add(30 * time.Minute)
	if o := apply(t, s, late)[0]; o.Copies != 5 {
		t.Errorf("%+v", o)
	}
	if waiting(t, s) != 5 {
		t.Errorf("%d flips wait, want 5", waiting(t, s))
	}
	publish(t, s, Now.Add(hour), 1)
	if a, b := outcome(t, s, "R", "R-1"), outcome(t, s, "R", "R-2"); a.State() != registry.StateCovered || b.State() != registry.StateApplied || b.Lists != nil {
		t.Errorf("%+v\n%+v", a, b)
	}
	publish(t, s, Now.Add(2*hour), 1)
	b := outcome(t, s, "R", "R-2")
	if b.State() != registry.StateCovered || len(revoked(t, s)) != 5 {
		t.Errorf("%+v", b)
	}
	for _, v := range b.Lists {
		if v.Version < 2 || v.Version > 3 {
			t.Errorf("%+v", v)
		}
	}
}

// urgentOvertakes: a flip that waits is due at once when an urgent event names
// it too, and then it is out for both.
func urgentOvertakes(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 3))
	apply(t, s, Revoking("R", 1, "P", false, "N"), Revoking("R", 2, "P", true, "N"))
	if waiting(t, s) != 3 {
		t.Errorf("%d flips wait", waiting(t, s))
	}
	publish(t, s, Now, 2)
	for _, jti := range []string{"R-1", "R-2"} {
		if o := outcome(t, s, "R", jti); o.State() != registry.StateCovered || o.Copies != 3 {
			t.Errorf("%+v", o)
		}
	}
	if r := release(t, s, Now.Add(2*hour)); len(r) != 0 {
		t.Errorf("released a second time: %+v", r)
	}
}

// releasedBefore: what is INVALID already stays in its version.
func releasedBefore(t *testing.T, s Store) {
	person(t, s, "P", "N")
	person(t, s, "Q", "M")
	intend(t, s, Intent("B", "P", "N", 2, 100))
	apply(t, s, Revoking("R", 1, "P", true, "N"))
	publish(t, s, Now, 1)
	// The lists go on, for somebody else.
	intend(t, s, Intent("C", "Q", "M", 2, 100))
	apply(t, s, Revoking("R", 2, "Q", true, "M"))
	publish(t, s, Now, 1)
	o := apply(t, s, Revoking("R", 3, "P", true, "N"))[0]
	if o.Copies != 100 || o.State() != registry.StateApplied || len(o.Lists) != 4 {
		t.Fatalf("%+v", o)
	}
	for _, v := range o.Lists {
		if v.Version != 2 {
			t.Errorf("%+v: INVALID since version 2", v)
		}
	}
	mark(t, s, publishedNow(t, s), Now.Add(time.Minute), 1)
	if o := outcome(t, s, "R", "R-3"); o.State() != registry.StateCovered || !o.Covered.Equal(Now.Add(time.Minute)) {
		t.Errorf("%+v", o)
	}
}

// leftAlone: copies that expire soon are not flipped, and the outcome is not
// covered before they have.
func leftAlone(t *testing.T, s Store) {
	person(t, s, "P", "N")
	soon := Intent("soon", "P", "N", 2, 2)
	soon.Expires = Now.Add(20 * hour)
	sooner := Intent("sooner", "P", "N", 2, 1)
	sooner.Expires = Now.Add(3 * hour)
	left := append(intend(t, s, soon), intend(t, s, sooner)...)
	intend(t, s, Intent("later", "P", "N", 2, 3))
	o := apply(t, s, Revoking("R", 1, "P", false, "N"))[0]
	if o.Copies != 6 || o.Urgent || o.Expiring != 3 || !o.Until.Equal(soon.Expires) || waiting(t, s) != 3 {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now.Add(2*hour), 0)
	if o := outcome(t, s, "R", "R-1"); o.State() != registry.StateApplied || len(o.Lists) == 0 {
		t.Errorf("%+v", o)
	}
	mark(t, s, publishedNow(t, s), soon.Expires.Add(-1), 0)
	// What was published is so for ever.
	mark(t, s, nil, soon.Expires, 1)
	o = outcome(t, s, "R", "R-1")
	if o.State() != registry.StateCovered || !o.Covered.Equal(soon.Expires) || len(revoked(t, s)) != 3 {
		t.Errorf("%+v", o)
	}
	// An urgent event flips them all the same.
	apply(t, s, Revoking("R", 2, "P", true, "N"))
	release(t, s, Now)
	set := revoked(t, s)
	for _, at := range spots(left) {
		if !set[at] {
			t.Errorf("%v is left alone by an urgent event", at)
		}
	}
}

func onlyLeftAlone(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("B", "P", "N", 2, 2)
	in.Expires = Now.Add(hour)
	intend(t, s, in)
	o := apply(t, s, Revoking("R", 1, "P", false, "N"))[0]
	if o.State() != registry.StateApplied || o.Copies != 2 || o.Expiring != 2 {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now, 0)
	publish(t, s, in.Expires.Add(-time.Nanosecond), 0)
	publish(t, s, in.Expires, 1)
	if o := outcome(t, s, "R", "R-1"); o.State() != registry.StateCovered || o.Lists != nil {
		t.Errorf("%+v", o)
	}
}

// withoutStatus: such copies cannot be flipped. A receipt does not say that
// there were none.
func withoutStatus(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("B", "P", "N", 2, 2)
	in.Status = issuance.StatusNone
	in.Expires = Now.Add(2 * hour)
	if none := intend(t, s, in); none != nil {
		t.Errorf("indices without status: %v", none)
	}
	if o := apply(t, s, Revoking("R", 1, "P", true, "N"))[0]; o.Copies != 2 || o.Urgent || o.Expiring != 2 || !o.Until.Equal(in.Expires) || o.State() != registry.StateApplied {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now.Add(2*hour), 1)
	later := Revoking("R", 2, "P", true, "N")
	later.Record.Accepted = Now.Add(3 * hour)
	if o := apply(t, s, later)[0]; o.State() != registry.StateNoCopies {
		t.Errorf("copies that have expired: %+v", o)
	}
}

// byWallet: of one document in one unit, of one unit whosever they are.
func byWallet(t *testing.T, s Store) {
	person(t, s, "P", "N")
	person(t, s, "Q", "M")
	at := map[string][]spot{}
	for i, c := range []struct{ person, document, unit string }{{"P", "N", "U"}, {"P", "N", "V"}, {"P", "N", ""}, {"Q", "M", "U"}} {
		in := Intent(fmt.Sprint("B", i), c.person, c.document, 2, 2)
		in.Wallet.Unit = c.unit
		key := c.document + c.unit
		at[key] = spots(intend(t, s, in))
	}
	check := func(want ...string) {
		t.Helper()
		set := revoked(t, s)
		for key, places := range at {
			for _, p := range places {
				if set[p] != slices.Contains(want, key) {
					t.Errorf("%s: revoked %v", key, set[p])
				}
			}
		}
	}
	revoke := func(seq uint64, r document.Revocation, want int) {
		t.Helper()
		r.Urgent = true
		o := apply(t, s, Deciding("R", seq, "P", document.Change{Applied: true, Revoke: []document.Revocation{r}}))[0]
		if o.Copies != want {
			t.Errorf("%+v, want %d copies", o, want)
		}
		release(t, s, Now)
	}
	revoke(1, document.Revocation{Document: "N", Wallet: "V"}, 2)
	check("NV")
	revoke(2, document.Revocation{Wallet: "U"}, 4)
	check("NV", "NU", "MU")
	revoke(3, document.Revocation{Wallet: "none"}, 0)
	revoke(4, document.Revocation{Document: "N"}, 6)
	check("NV", "NU", "MU", "N")
	// One copy that two revocations name is one copy, and urgent if one is.
	o := apply(t, s, Deciding("R", 5, "P", document.Change{Applied: true, Revoke: []document.Revocation{{Document: "N"}, {Document: "N", Wallet: "U", Urgent: true}, {Wallet: "U"}}}))[0]
	if o.Copies != 8 {
		t.Errorf("%+v", o)
	}
}

// dueLater: the outcome waits for the last of its flips.
func dueLater(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 6))
	apply(t, s, Revoking("R", 1, "P", false, "N"))
	for i := 1; i <= 6; i++ {
		at := Now.Add(time.Duration(i) * time.Minute)
		n := 0
		for _, r := range release(t, s, at) {
			n += len(r.Indices)
		}
		if n != 1 {
			t.Errorf("%d flips in minute %d", n, i)
		}
		mark(t, s, publishedNow(t, s), at, map[bool]int{true: 1}[i == 6])
	}
	o := outcome(t, s, "R", "R-1")
	if o.State() != registry.StateCovered || !o.Covered.Equal(Now.Add(6*time.Minute)) || len(o.Lists) == 0 {
		t.Errorf("%+v", o)
	}
	for _, l := range lists(t, s) {
		for _, v := range o.Lists {
			if v.URI == l.URI && v.Version != l.Version {
				t.Errorf("%+v: the last flip of the list came with version %d", v, l.Version)
			}
		}
	}
}

func scheduleFails(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 3))
	before := snapshot(t, s, []string{"P"}, []string{"N"})
	if _, err := applyOne(t, s, Revoking("R", 1, "P", false, "N")); !errors.Is(err, errSchedule) {
		t.Errorf("%v", err)
	}
	if snapshot(t, s, []string{"P"}, []string{"N"}) != before {
		t.Error("an event without a schedule leaves a trace")
	}
}

// revokeRaces revokes a document while copies of it are being recorded: each
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
		release(t, s, Now.Add(2*hour))
		set := revoked(t, s)
		for _, at := range spots(given) {
			if !set[at] {
				t.Errorf("round %d: %v escaped the revocation", round, at)
			}
		}
		if out, err := s.Outcome(t.Context(), "R"+p, "R"+p+"-1"); err != nil || out.Copies != len(given) {
			t.Errorf("round %d: the outcome counts %d copies of %d, %v", round, out.Copies, len(given), err)
		}
	}
}
