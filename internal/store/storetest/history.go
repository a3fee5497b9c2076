package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/registry"
)

var historyTests = []test{
	{name: "Order", run: historyOrder},
	{name: "Merge", run: merge},
	{name: "MergeTwice", run: mergeTwice},
	{name: "Split", run: split},
	{name: "Record", run: eventRecord},
}

func history(t *testing.T, s Store, person string, before document.EventID, limit int) []string {
	t.Helper()
	records, err := s.History(t.Context(), person, before, limit)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.JTI)
	}
	return names
}

func wantHistory(t *testing.T, s Store, person string, want ...string) {
	t.Helper()
	if got := history(t, s, person, document.EventID{}, 100); !slices.Equal(got, want) {
		t.Errorf("history of %s is %v, want %v", person, got, want)
	}
}

func historyOrder(t *testing.T, s Store) {
	for i := range uint64(9) {
		apply(t, s, Event("R", i+1, []string{"P", "Q", "P"}[i%3], Person(fmt.Sprint(i))))
	}
	wantHistory(t, s, "P", "R-9", "R-7", "R-6", "R-4", "R-3", "R-1")
	wantHistory(t, s, "Q", "R-8", "R-5", "R-2")
	wantHistory(t, s, "nobody")
	var paged []string
	for before := (document.EventID{}); ; {
		page := history(t, s, "P", before, 2)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		before = document.EventID{Source: "R", JTI: page[len(page)-1]}
	}
	if len(paged) != 6 || !slices.Equal(paged, history(t, s, "P", document.EventID{}, 100)) {
		t.Errorf("in pages: %v", paged)
	}
	if got := history(t, s, "P", document.EventID{}, 0); len(got) != 0 {
		t.Errorf("no limit is no event: %v", got)
	}
}

// After a merge the documents belong to the other, the copies are found by the
// document number, and the history is that of both.
func merge(t *testing.T, s Store) {
	person(t, s, "A", "NA")
	person(t, s, "B", "NB")
	given := intend(t, s, Intent("batch", "A", "NA", 2, 3))
	// A document goes to another person: only then is its holder another one.
	if _, err := applyOne(t, s, Event("R", 1, "B", Annulled("NA"))); !errors.Is(err, registry.ErrDocumentTaken) {
		t.Errorf("%v", err)
	}
	o := apply(t, s, Event("R", 1, "A", document.PersonMerged{Into: "B"}))[0]
	if o.Version != 3 || o.Copies != 3 {
		t.Errorf("%+v", o)
	}
	for number, want := range map[string]string{"NA": "B", "NB": "B"} {
		if holder, err := s.Holder(t.Context(), number); err != nil || holder != want {
			t.Errorf("%s is held by %s, %v", number, holder, err)
		}
	}
	a, errA := s.Subject(t.Context(), "A")
	b, errB := s.Subject(t.Context(), "B")
	if errors.Join(errA, errB) != nil || a.MergedInto != "B" || len(a.Documents) != 0 || b.Document("NA") == nil || b.Document("NB") == nil || b.Version != 3 {
		t.Errorf("%+v\n%+v\n%v %v", a, b, errA, errB)
	}
	publish(t, s, Now.Add(2*hour), 1)
	set := revoked(t, s)
	for _, at := range spots(given) {
		if !set[at] {
			t.Errorf("%v is not revoked", at)
		}
	}
	if copies, err := s.Copies(t.Context(), "NA"); err != nil || len(copies) != 3 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
	apply(t, s, Event("R", 2, "", Annulled("NA")))
	wantHistory(t, s, "B", "R-2", "R-1", "registry-of-B-2", "registry-of-B-1", "registry-of-A-2", "registry-of-A-1")
	wantHistory(t, s, "A", "R-1", "registry-of-A-2", "registry-of-A-1")
	if got := history(t, s, "B", document.EventID{Source: "registry-of-B", JTI: "registry-of-B-1"}, 1); !slices.Equal(got, []string{"registry-of-A-2"}) {
		t.Errorf("a page that ends in the other's history: %v", got)
	}
	// Who took the record over is asked for new copies.
	intend(t, s, Intent("again", "B", "NB", b.Version+1, 1))
	if _, err := applyOne(t, s, Event("R", 3, "A", Person("late"))); err == nil {
		t.Error("a merged record takes an event")
	}
}

func mergeTwice(t *testing.T, s Store) {
	person(t, s, "A", "NA")
	person(t, s, "B", "NB")
	person(t, s, "C", "NC")
	apply(t, s, Event("R", 1, "A", document.PersonMerged{Into: "B"}), Event("R", 2, "B", Person("both")), Event("R", 3, "B", document.PersonMerged{Into: "C"}))
	wantHistory(t, s, "C", "R-3", "R-2", "R-1", "registry-of-C-2", "registry-of-C-1", "registry-of-B-2", "registry-of-B-1", "registry-of-A-2", "registry-of-A-1")
	for _, number := range []string{"NA", "NB", "NC"} {
		if holder, err := s.Holder(t.Context(), number); err != nil || holder != "C" {
			t.Errorf("%s is held by %s, %v", number, holder, err)
		}
	}
}

func split(t *testing.T, s Store) {
	person(t, s, "P", "N")
	apply(t, s, Event("R", 1, "P", Licence("M")))
	intend(t, s, Intent("batch of N", "P", "N", 3, 2))
	intend(t, s, Intent("batch of M", "P", "M", 3, 3))
	o := apply(t, s, Event("R", 2, "P", document.PersonSplit{New: "Q", Attributes: Person("Q").Attributes, Documents: []string{"M"}}))[0]
	if o.Version != 4 || o.Copies != 3 {
		t.Errorf("%+v", o)
	}
	for number, want := range map[string]string{"N": "P", "M": "Q"} {
		if holder, err := s.Holder(t.Context(), number); err != nil || holder != want {
			t.Errorf("%s is held by %s, %v", number, holder, err)
		}
	}
	// The new person is another one: what was before is not theirs.
	wantHistory(t, s, "Q", "R-2")
	wantHistory(t, s, "P", "R-2", "R-1", "registry-of-P-2", "registry-of-P-1")
	if _, err := applyOne(t, s, Event("R", 3, "P", Annulled("M"))); !errors.Is(err, registry.ErrDocumentTaken) {
		t.Errorf("%v", err)
	}
	apply(t, s, Event("R", 3, "Q", Annulled("M")))
	wantHistory(t, s, "Q", "R-3", "R-2")
}

// The record comes back as it was given, but for its audit entry.
func eventRecord(t *testing.T, s Store) {
	person(t, s, "P", "N")
	version := uint64(2)
	app := Event("R", 1, "", Annulled("N"))
	app.Record.Prev, app.Record.Decision = &version, "case 7"
	app.Record.Effective = Now.AddDate(0, -1, 0).Add(1234567)
	want := app.Record
	apply(t, s, app)
	records, err := s.History(t.Context(), "P", document.EventID{}, 1)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	got := records[0]
	if got.Prev == nil || *got.Prev != version || !got.Effective.Equal(want.Effective) || !got.Accepted.Equal(want.Accepted) {
		t.Errorf("%+v", got)
	}
	got.Prev, want.Prev, want.Audit, got.Audit = nil, nil, audit.Event{}, audit.Event{}
	got.Effective, got.Accepted, want.Effective, want.Accepted = Now, Now, Now, Now
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
}
