package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

var listTests = []test{
	{name: "Spread", run: spreadOverLists},
	{name: "Full", run: fullList, with: func(o *Options) { o.OpenLists = 1 }},
	{name: "Rotate", run: rotate},
	{name: "Identifiers", run: identifierLists},
	{name: "IdentifiersFull", run: fullIdentifiers, with: func(o *Options) { o.OpenLists = 1 }},
	{name: "Retire", run: retire, with: func(o *Options) { o.OpenLists, o.Rotate = 2, 24*hour }},
	{name: "RetireWhatWaits", run: retireWhatWaits, with: func(o *Options) { o.OpenLists, o.Rotate = 1, hour }},
}

// spreadOverLists: the copies of a batch are drawn from all open lists, most
// from those in the middle of their time, no two of them neighbours, in an order
// that says nothing.
func spreadOverLists(t *testing.T, s Store) {
	person(t, s, "P", "N")
	per := map[string]int{}
	order := map[string]bool{}
	for i := range 20 {
		given := intend(t, s, Intent(fmt.Sprint("B", i), "P", "N", 2, 20))
		var names []string
		for n, g := range given {
			per[g.List]++
			names = append(names, g.List[len(g.List)-4:])
			for _, h := range given[:n] {
				if h.List == g.List && (h.Index+1 == g.Index || g.Index+1 == h.Index || h.Index == g.Index) {
					t.Errorf("one batch has the neighbours %d and %d", h.Index, g.Index)
				}
			}
		}
		order[strings.Join(names, " ")] = true
	}
	if len(per) != 4 || len(order) < 19 {
		t.Fatalf("%d lists, %d orders of 20", len(per), len(order))
	}
	for _, l := range lists(t, s) {
		least, most := 4, 70 // 7 % of the copies
		if eighth := Now.Sub(l.Created) / (90 * 24 * hour / 8); eighth == 3 || eighth == 5 {
			least, most = 115, 230 // 43 %
		} else if eighth != 1 && eighth != 7 {
			t.Errorf("a list is %d eighths of its time old", eighth)
		}
		if n := per[l.URI]; n < least || n > most {
			t.Errorf("%d of 400 copies in a list that began at %s, want %d to %d", n, l.Created, least, most)
		}
	}
	// The copies come back in the order in which they were given.
	given := intend(t, s, Intent("last", "P", "N", 2, 30))
	copies, err := s.Copies(t.Context(), "N")
	if err != nil {
		t.Fatal(err)
	}
	copies = slices.DeleteFunc(copies, func(c issuance.Copy) bool { return c.Batch != "last" })
	for i, g := range given {
		if copies[i].List != g.List || copies[i].Index != g.Index {
			t.Errorf("copy %d is %+v, given was %+v", i, copies[i], g)
		}
	}
	// Allocation is by the list's own permutation.
	for _, l := range lists(t, s) {
		p, err := status.NewPermutation(l.Key)
		if err != nil {
			t.Fatal(err)
		}
		allocated := map[uint64]bool{}
		for n := range uint32(l.Allocated) {
			allocated[uint64(p.Index(n))] = true
		}
		for _, g := range given {
			if g.List == l.URI && !allocated[g.Index] {
				t.Errorf("index %d is none of the first %d", g.Index, l.Allocated)
			}
		}
	}
}

// fullList is bad input S19: it fills a list up to 95%, goes on in the next, and
// revokes a document with copies in both.
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
	all := lists(t, s)
	if len(all) != 2 || len(perList) != 2 || all[0].ID >= all[1].ID {
		t.Fatalf("%d lists, %d with copies", len(all), len(perList))
	}
	for _, l := range all {
		want := most + 1000
		if l.URI == first {
			want = perList[first]
			if want < 8*most || !l.Closed {
				t.Errorf("the first list is left with %d copies, closed %v", want, l.Closed)
			}
		} else if l.Closed {
			t.Errorf("%+v", l)
		}
		if l.Allocated < want || l.Allocated > status.ListSize*95/100 {
			t.Errorf("%d copies in %+v", want, l)
		}
	}
	out := apply(t, s, Revoking("R", 1, "P", true, "N"))[0]
	if out.Copies != 1002 {
		t.Fatalf("%+v", out)
	}
	publish(t, s, Now, 1)
	if o := outcome(t, s, "R", "R-1"); len(o.Lists) != 2 || len(revoked(t, s)) != 1002 {
		t.Errorf("%+v", o)
	}
}

// rotate: lists follow each other, one at a time.
func rotate(t *testing.T, s Store) {
	person(t, s, "P", "N")
	const life = 90 * 24 * hour
	open := func(batch string, at time.Time) []string { // oldest first
		t.Helper()
		in := Intent(batch, "P", "N", 2, 100)
		in.Recorded, in.TokenExpires = at, at.Add(hour)
		used := map[string]bool{}
		for _, g := range intend(t, s, in) {
			used[g.List] = true
		}
		all := slices.DeleteFunc(lists(t, s), func(l status.List) bool {
			if l.Closed && used[l.URI] {
				t.Errorf("%s: a closed list gives out indices", batch)
			}
			return l.Closed
		})
		slices.SortFunc(all, func(a, b status.List) int { return a.Created.Compare(b.Created) })
		var uris []string
		for _, l := range all {
			uris = append(uris, l.URI)
			if age := at.Sub(l.Created); age < 0 || age >= life {
				t.Errorf("%s: a list is open at the age of %s", batch, age)
			}
		}
		return uris
	}
	first := open("A", Now)
	if again := open("B", Now.Add(life/8-time.Second)); len(first) != 4 || !slices.Equal(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
	second := open("C", Now.Add(life/8))
	if len(second) != 4 || !slices.Equal(second[:3], first[1:]) {
		t.Errorf("%v, then %v", first, second)
	}
	third := open("D", Now.Add(life/8*3))
	if len(third) != 4 || !slices.Equal(third[:3], second[1:]) {
		t.Errorf("%v, then %v", second, third)
	}
	if last := open("E", Now.Add(9*life)); len(last) != 4 || slices.ContainsFunc(last, func(uri string) bool { return slices.Contains(third, uri) }) {
		t.Errorf("%v, then %v", third, last)
	}
}

// identifierLists have their own lists and URIs, and give what stands in the
// copy.
func identifierLists(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("B", "P", "N", 2, 20)
	in.Status = issuance.StatusIdentifier
	given := intend(t, s, in)
	bits := intend(t, s, Intent("C", "P", "N", 2, 20))
	kinds := map[string]status.List{}
	for _, l := range lists(t, s) {
		kinds[l.URI] = l
	}
	for _, g := range given {
		l := kinds[g.List]
		if l.Kind != status.KindIdentifier || g.List != status.IdentifierURI(PublicURL, l.ID) || !bytes.Equal(g.Identifier, status.Identifier(l.Key, uint32(g.Index))) {
			t.Errorf("%+v in %+v", g, l)
		}
	}
	for _, g := range bits {
		if l := kinds[g.List]; l.Kind != status.KindStatus || g.Identifier != nil {
			t.Errorf("%+v in %+v", g, l)
		}
	}
	copies, err := s.Copies(t.Context(), "N")
	if err != nil || len(copies) != 40 {
		t.Fatal(err)
	}
	n := 0
	for _, c := range copies {
		if c.Batch == "B" {
			if !bytes.Equal(c.Identifier, given[n].Identifier) || c.List != given[n].List {
				t.Errorf("%+v, given %+v", c, given[n])
			}
			n++
		}
	}
	apply(t, s, Revoking("R", 1, "P", true, "N"))
	publish(t, s, Now, 1)
	if set := revoked(t, s); len(set) != 40 {
		t.Errorf("%d revoked", len(set))
	}
}

func retire(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("old", "P", "N", 2, 20))
	o := apply(t, s, Revoking("R", 1, "P", true, "N"))[0]
	publish(t, s, Now, 1)
	old := publishedNow(t, s)
	in := Intent("new", "P", "N", 3, 20)
	in.Recorded = Now.Add(48 * hour)
	in.Expires = in.Recorded.AddDate(0, 0, 14)
	intend(t, s, in)
	expired := Intent("old", "P", "N", 2, 20).Expires
	for _, c := range []struct {
		before time.Time
		want   int
	}{{expired, 0}, {expired.Add(1), 2}, {expired.Add(1), 0}, {in.Expires.Add(hour), 0}} {
		ids, err := s.Retire(t.Context(), c.before)
		if err != nil || len(ids) != c.want {
			t.Errorf("%v before %s, %v, want %d", ids, c.before, err, c.want)
		}
		if c.want == 2 && (ids[0] != old[0].ID || ids[1] != old[1].ID) {
			t.Errorf("%v, %v", ids, old)
		}
	}
	if all := lists(t, s); len(all) != 2 || all[0].Closed || all[1].Closed {
		t.Errorf("%+v", all)
	}
	if _, _, err := s.Revoked(t.Context(), old[0].ID); err == nil {
		t.Error("a retired list is there")
	}
	// What was said stays: the outcome still names the lists.
	if now := outcome(t, s, "R", "R-1"); len(now.Lists) != 2 || now.Copies != o.Copies {
		t.Errorf("%+v", now)
	}
	copies, err := s.Copies(t.Context(), "N")
	if err != nil || len(copies) != 40 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
	for _, c := range copies {
		if (c.List == "") != (c.Batch == "old") {
			t.Errorf("%+v", c)
		}
	}
	batches, err := s.Batches(t.Context(), "N")
	if err != nil || len(batches) != 2 {
		t.Errorf("%+v, %v", batches, err)
	}
	// Only those that are left are named, and flipped.
	if o := apply(t, s, Revoking("R", 2, "P", true, "N"))[0]; o.Copies != 20 {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now, 1)
}

// retireWhatWaits: an outcome does not wait for a list that is gone.
func retireWhatWaits(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("old", "P", "N", 2, 3)
	in.Expires = Now.Add(30 * hour)
	intend(t, s, in)
	apply(t, s, Revoking("R", 1, "P", false, "N"))
	next := Intent("new", "P", "other", 3, 1)
	next.Recorded = Now.Add(2 * hour)
	intend(t, s, next)
	if ids, err := s.Retire(t.Context(), in.Expires.Add(hour)); err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	if n := waiting(t, s); n != 0 {
		t.Errorf("%d flips wait", n)
	}
	publish(t, s, in.Expires.Add(hour), 1)
}

// fullIdentifiers: a list of identifiers stays within what a reader takes, noise
// and all.
func fullIdentifiers(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("A", "P", "N", 2, 5000)
	in.Status = issuance.StatusIdentifier
	first := intend(t, s, in)[0].List
	in.Batch, in.TokenID = "B", "token of B"
	if second := intend(t, s, in)[0].List; second == first {
		t.Error("10,000 copies in one list of identifiers")
	}
	planned, err := s.PlanCover(t.Context(), plan(1, 30_000))
	if err != nil {
		t.Fatal(err)
	}
	noise := 0
	for _, l := range lists(t, s) {
		if noise += l.Cover; l.Allocated+l.Cover != 10_000 || l.Closed != (l.URI == first) {
			t.Errorf("%+v", l)
		}
	}
	if noise != planned {
		t.Errorf("%d flips of noise, said were %d", noise, planned)
	}
}
