package storetest

import (
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/audit"
)

var auditTests = []test{
	{name: "Append", run: appendAudit},
	{name: "Pseudonyms", run: pseudonyms},
	{name: "ConcurrentAppend", run: concurrentAppend},
}

func appendAudit(t *testing.T, s Store) {
	if n := len(auditLines(t, s)); n != 0 {
		t.Errorf("%d audit lines in an empty store", n)
	}
	if err := s.Append(t.Context(), AuditEvent("one")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("an empty event: %v", err)
	}
	events := auditLines(t, s)
	if len(events) != 1 || events[0].Subject != "one" || !events[0].Time.Equal(Now) {
		t.Errorf("%+v", events)
	}
}

// pseudonyms: a person is written as a pseudonym, whoever appends.
func pseudonyms(t *testing.T, s Store) {
	want, err := Pseudonyms{}.Pseudonym("P-77", Now)
	if err != nil {
		t.Fatal(err)
	}
	about := AuditEvent("")
	about.Person = "P-77"
	app := Event("R", 1, "P-77", Person("A"))
	app.Record.Audit = about
	apply(t, s, app)
	if _, err := s.RecordIntent(t.Context(), Intent("B", "P-77", "N", 1, 1), about); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.MarkSigned(t.Context(), "B", about), s.Append(t.Context(), about)); err != nil {
		t.Fatal(err)
	}
	licence := Event("R", 2, "P-77", Licence("N-77"))
	licence.Record.Audit = about
	// Who has the document is known to the store alone.
	apply(t, s, licence, Event("R", 3, "", Annulled("N-77")))
	both := about
	both.Subject = "somebody"
	if err := s.Append(t.Context(), both); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("a person and a subject: %v", err)
	}
	lines := auditLines(t, s)
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		if l.Subject != want || l.Person != "" {
			t.Errorf("%+v", l)
		}
	}
}

func concurrentAppend(t *testing.T, s Store) {
	together(16, func(i int) {
		for n := range 10 {
			if err := s.Append(t.Context(), AuditEvent(fmt.Sprint(i, "-", n))); err != nil {
				t.Error(err)
			}
		}
	})
	seen := map[string]bool{}
	for _, e := range auditLines(t, s) {
		seen[e.Subject] = true
	}
	if len(seen) != 160 {
		t.Errorf("%d of 160 audit events", len(seen))
	}
}
