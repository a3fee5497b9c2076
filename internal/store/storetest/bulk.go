package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/bulk"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

var bulkTests = []test{
	{name: "Import", run: importBlocks},
	{name: "ImportLeavesAlone", run: importLeavesAlone},
	{name: "ImportOnce", run: importOnce},
	{name: "EachSubject", run: eachSubject},
	{name: "Batches", run: bulkBatches},
}

func subjectOf(p, number string) document.Subject {
	apps := []registry.Application{Event("x", 1, p, Portrayed(p, 2000)), Event("x", 2, p, Licence(number))}
	states := []document.Subject{{Number: p}}
	for _, a := range apps {
		var err error
		if states, _, err = a.Decide(states); err != nil {
			panic(err)
		}
	}
	return states[0]
}

func begin(t *testing.T, s Store) bulk.Import {
	t.Helper()
	in := bulk.Import{Source: "R", ID: "load-1", Digest: Digest(1), Begun: Now}
	got, err := s.BeginImport(t.Context(), in)
	if err != nil || got != in {
		t.Fatalf("%+v, %v", got, err)
	}
	return in
}

func importBlocks(t *testing.T, s Store) {
	in := begin(t, s)
	one := []document.Subject{subjectOf("P1", "N1"), subjectOf("P2", "N2")}
	ban := Ban("M", Now.Add(hour))
	states, _, err := Event("x", 3, "P3", ban).Decide([]document.Subject{subjectOf("P3", "N3")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.ImportBlock(t.Context(), in, 0, false, one, AuditEvent("block 0")); err != nil || got.Blocks != 1 || got.Applied != 2 || got.Known != 0 || !got.Done.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	done := AuditEvent("block 1")
	done.Time = Now.Add(time.Minute)
	if got, err := s.ImportBlock(t.Context(), in, 1, true, states, done); err != nil || got.Blocks != 2 || got.Applied != 3 || !got.Done.Equal(done.Time) {
		t.Fatalf("%+v, %v", got, err)
	}
	p, err := s.Subject(t.Context(), "P1")
	if err != nil || p.Version != 1 || !bytes.Equal(p.Person.Attributes.Bytes("portrait"), one[0].Person.Attributes.Bytes("portrait")) {
		t.Errorf("%+v, %v", p.Version, err)
	}
	if holder, err := s.Holder(t.Context(), "N2"); err != nil || holder != "P2" {
		t.Errorf("%s, %v", holder, err)
	}
	// Time goes on for those who came in a file.
	applyDue(t, s, Now.Add(hour), 10, 1)
	if p, err := s.Subject(t.Context(), "P3"); err != nil || p.Version != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	// Events go on from version 1, and copies are made.
	apply(t, s, Event("R", 1, "P1", Person("changed")))
	intend(t, s, Intent("B", "P1", "N1", 2, 1))
	lines := auditLines(t, s)
	if lines[0].Subject != "block 0" || lines[1].Subject != "block 1" {
		t.Errorf("%+v", lines[:2])
	}
}

func importLeavesAlone(t *testing.T, s Store) {
	person(t, s, "P1", "N1")
	in := begin(t, s)
	block := []document.Subject{subjectOf("P1", "N9"), subjectOf("P2", "N1"), subjectOf("P3", "N3"), subjectOf("P4", "N3"), subjectOf("P3", "N5")}
	got, err := s.ImportBlock(t.Context(), in, 0, true, block, AuditEvent("block"))
	if err != nil || got.Applied != 1 || got.Known != 4 {
		t.Errorf("%+v, %v", got, err)
	}
	if p, err := s.Subject(t.Context(), "P1"); err != nil || p.Version != 2 || p.Document("N9") != nil {
		t.Errorf("%+v, %v", p, err)
	}
	for _, p := range []string{"P2", "P4"} {
		if _, err := s.Subject(t.Context(), p); !errors.Is(err, registry.ErrSubjectNotFound) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if holder, err := s.Holder(t.Context(), "N3"); err != nil || holder != "P3" {
		t.Errorf("%s, %v", holder, err)
	}
}

// importOnce: a block that was applied changes nothing, one before its turn is
// refused, another file under this id too, and a refused block leaves no trace.
func importOnce(t *testing.T, s Store) {
	unbegun := bulk.Import{Source: "R", ID: "load-1", Digest: Digest(1)}
	if _, err := s.ImportBlock(t.Context(), unbegun, 0, false, nil, AuditEvent("x")); err == nil {
		t.Error("a block of nothing")
	}
	in := begin(t, s)
	other := in
	other.Digest = Digest(2)
	if _, err := s.BeginImport(t.Context(), other); !errors.Is(err, bulk.ErrOtherImport) {
		t.Errorf("%v", err)
	}
	if _, err := s.ImportBlock(t.Context(), other, 0, false, nil, AuditEvent("x")); !errors.Is(err, bulk.ErrOtherImport) {
		t.Errorf("%v", err)
	}
	block := []document.Subject{subjectOf("P1", "N1")}
	if _, err := s.ImportBlock(t.Context(), in, 1, false, block, AuditEvent("x")); err == nil {
		t.Error("block 1 before block 0")
	}
	if _, err := s.ImportBlock(t.Context(), in, 0, false, block, audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("no audit, and yet: %v", err)
	}
	if _, err := s.Subject(t.Context(), "P1"); !errors.Is(err, registry.ErrSubjectNotFound) {
		t.Errorf("%v", err)
	}
	together(8, func(int) {
		got, err := s.ImportBlock(t.Context(), in, 0, false, block, AuditEvent("block"))
		if err != nil || got.Blocks != 1 || got.Applied != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	if n := len(auditLines(t, s)); n != 1 {
		t.Errorf("%d audit lines of one block", n)
	}
	// The state is what it was left in.
	resumed, err := s.BeginImport(t.Context(), bulk.Import{Source: "R", ID: "load-1", Digest: Digest(1), Begun: Now.Add(hour)})
	if err != nil || resumed.Blocks != 1 || !resumed.Begun.Equal(Now) {
		t.Errorf("%+v, %v", resumed, err)
	}
	if got, err := s.ImportBlock(t.Context(), in, 1, true, []document.Subject{subjectOf("P2", "N2")}, AuditEvent("last")); err != nil || got.Blocks != 2 || got.Done.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.ImportBlock(t.Context(), in, 2, true, nil, AuditEvent("after the last")); err == nil {
		t.Error("a block after the last")
	}
}

func eachSubject(t *testing.T, s Store) {
	in := begin(t, s)
	var block []document.Subject
	for i := range 25 {
		block = append(block, subjectOf(fmt.Sprintf("P%02d", 24-i), fmt.Sprint("N", i)))
	}
	if _, err := s.ImportBlock(t.Context(), in, 0, true, block, AuditEvent("block")); err != nil {
		t.Fatal(err)
	}
	apply(t, s, Deciding("R", 1, "P", document.Change{})) // nobody
	var seen []string
	for last := ""; ; {
		n := 0
		err := s.EachSubject(t.Context(), last, 10, func(p document.Subject) error {
			if len(p.Person.Attributes.Bytes("portrait")) != 2000 {
				t.Errorf("%s without portrait", p.Number)
			}
			seen, last = append(seen, p.Number), p.Number
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if len(seen) != 25 || !slices.IsSorted(seen) {
		t.Errorf("%v", seen)
	}
	boom := errors.New("enough")
	if err := s.EachSubject(t.Context(), "P10", 10, func(p document.Subject) error {
		if p.Number != "P11" {
			t.Errorf("above P10 is %s", p.Number)
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
	some, err := s.Subjects(t.Context(), []string{"P03", "nobody", "P01", "P"})
	if err != nil || len(some) != 4 || some[0].Number != "P03" || some[1] != nil || some[2].Number != "P01" || some[3] != nil {
		t.Errorf("%v, %v", some, err)
	}
}

func bulkBatches(t *testing.T, s Store) {
	person(t, s, "P", "N")
	given := map[string][]issuance.StatusIndex{}
	for _, b := range []string{"signed", "intended", "burned"} {
		given[b] = intend(t, s, Intent(b, "P", "N", 2, 3))
	}
	if err := errors.Join(s.MarkSigned(t.Context(), "signed", AuditEvent("x")), s.MarkBurned(t.Context(), "burned", AuditEvent("x"))); err != nil {
		t.Fatal(err)
	}
	intend(t, s, Intent("other", "P", "NN", 2, 1))
	batches, err := s.Batches(t.Context(), "N")
	if err != nil || len(batches) != 2 {
		t.Fatalf("%+v, %v", batches, err)
	}
	for _, b := range batches {
		want := given[map[issuance.State]string{issuance.StateSigned: "signed", issuance.StateIntended: "intended"}[b.State]]
		if fmt.Sprint(b.Copies) != fmt.Sprint(want) || b.Document != "N" || !b.Expires.Equal(Intent("x", "P", "N", 2, 3).Expires) {
			t.Errorf("%+v, want %v", b, want)
		}
	}
}
