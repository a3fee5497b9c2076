package officer_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

// A look-up is written down, with a pseudonym, before anything is read; what
// cannot be written does not happen.
func TestLookUp(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	l := w.login(t, "rita")
	n := len(w.audit.Events())
	for _, q := range []officer.Question{
		{Person: "P-1", Purpose: audit.PurposeCourt, Reference: "AZ-12/2026"}, {Document: "D-1", Purpose: audit.PurposeHolder},
	} {
		ref, err := w.LookUp(ctx, l, q)
		if err != nil {
			t.Fatal(err)
		}
		a, err := w.Open(ctx, l, ref, audit.ActionShow)
		if err != nil || a.Person != "P-1" || a.Purpose != q.Purpose || a.Reference != q.Reference {
			t.Errorf("%+v, %v", a, err)
		}
		if strings.Contains(ref, "P-1") {
			t.Error("the name of the look-up shows the person")
		}
	}
	events := w.audit.Events()[n:]
	if len(events) != 4 || events[0].Action != audit.ActionSearch || events[1].Action != audit.ActionShow || events[0].Detail["purpose"] != audit.PurposeCourt {
		t.Errorf("audit %+v", events)
	}
	if bytes.Contains(w.audit.Bytes(), []byte("P-1")) {
		t.Error("the audit record has the person number")
	}
	for name, q := range map[string]officer.Question{"person": {Person: "P-9", Purpose: audit.PurposeHolder}, "document": {Document: "D-9", Purpose: audit.PurposeHolder}} {
		n := len(w.audit.Events())
		_, err := w.LookUp(ctx, l, q)
		wantKind(t, name, err, problem.NotFound)
		if len(w.audit.Events()) != n+1 {
			t.Errorf("%s: a look-up without result is not recorded", name)
		}
	}
	w.audit.Fail = errors.New("disk full")
	_, err := w.LookUp(ctx, l, officer.Question{Person: "P-1", Purpose: audit.PurposeHolder})
	wantKind(t, "no audit", err, problem.Unavailable)
}

// TestSearchInjection is bad input A05, TestBounds bad input A06.
func TestSearchInjection(t *testing.T) {
	w := newWorld(t)
	l := w.login(t, "rita")
	n := len(w.audit.Events())
	for _, s := range []string{"' OR 1=1", "%00\x00", "../../ ", "P-1\n", "P-1 ", strings.Repeat("A", 65), strings.Repeat("A", 1<<20), "ß", "\xff", "$(id) `", "{{.}} x"} {
		t.Run("A05", func(t *testing.T) {
			for _, q := range []officer.Question{{Person: s}, {Document: s}, {Person: "P-1", Reference: s}} {
				q.Purpose = audit.PurposeHolder
				_, err := w.LookUp(t.Context(), l, q)
				if problem.KindOf(err) != problem.InvalidRequest || len(officer.FieldsOf(err)) == 0 {
					t.Errorf("%.20q: %v", s, err)
				}
			}
		})
	}
	for _, s := range []string{"'OR'1'='1", "%00", "../../etc/passwd", "P-1%27--", "{{.}}", "<img>"} {
		t.Run("A05/visible", func(t *testing.T) {
			_, err := w.LookUp(t.Context(), l, officer.Question{Person: s, Purpose: audit.PurposeHolder})
			if problem.KindOf(err) != problem.NotFound {
				t.Errorf("%q: %v", s, err)
			}
			n++
		})
	}
	for _, purpose := range []string{"", "curiosity", "holder-request ", strings.Repeat("x", 1<<16)} {
		if _, err := w.LookUp(t.Context(), l, officer.Question{Person: "P-1", Purpose: purpose}); problem.KindOf(err) != problem.InvalidRequest {
			t.Errorf("purpose %.20q: %v", purpose, err)
		}
	}
	if _, err := w.LookUp(t.Context(), l, officer.Question{Person: "P-1", Purpose: audit.PurposeCourt}); len(officer.FieldsOf(err)) != 1 {
		t.Errorf("no reference: %v", err)
	}
	if got := len(w.audit.Events()); got != n {
		t.Errorf("%d lines, want %d: what was refused as malformed was no look-up", got, n)
	}
}

// The name of a look-up is of no use to another session, nor after an hour, nor
// changed, nor as the name of an event.
func TestAccessBelongsToSession(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	anna, ben := w.login(t, "anna"), w.login(t, "ben")
	ref, err := w.LookUp(ctx, anna, officer.Question{Person: "P-1", Purpose: audit.PurposeHolder})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Open(ctx, anna, ref, audit.ActionHistory)
	if err != nil {
		t.Fatal(err)
	}
	event, err := w.NameEvent(a, document.EventID{Source: "s", JTI: "j"})
	if err != nil {
		t.Fatal(err)
	}
	if _, id, err := w.OpenEvent(ctx, anna, event, audit.ActionReceipt); err != nil || id.Source != "s" || id.JTI != "j" {
		t.Errorf("%v, %v", id, err)
	}
	try := func(what string, l officer.Login, ref string) {
		t.Helper()
		_, err := w.Open(ctx, l, ref, audit.ActionShow)
		wantKind(t, what, err, problem.NotFound)
		_, _, err = w.OpenEvent(ctx, l, ref+"x", audit.ActionReceipt)
		wantKind(t, what+" as an event", err, problem.NotFound)
	}
	try("another session", ben, ref)
	try("an event", anna, event)
	try("empty", anna, "")
	try("changed", anna, "A"+ref[1:])
	try("no base64", anna, "../../")
	w.restart(t)
	try("another process", anna, ref)
	ref, err = w.LookUp(ctx, anna, officer.Question{Person: "P-1", Purpose: audit.PurposeHolder})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(officer.AccessLifetime + time.Second)
	try("an hour later", anna, ref)
}

// TestRecord reads what officers did, newest first, in pages (A06).
func TestRecord(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for range officer.RecordLines {
		if err := w.audit.Append(ctx, audit.Event{Time: start, Action: "registry.accept", Actor: "s", Subject: "x", Outcome: audit.Done}); err != nil {
			t.Fatal(err)
		}
	}
	w.access(t, w.login(t, "anna"))
	otto := w.login(t, "otto")
	lines, next, err := w.Record(ctx, otto, 0)
	if err != nil || len(lines) != 6 || lines[0].Action != officer.ActionLogin || lines[0].Officer != "otto" || next == 0 {
		t.Fatalf("%+v, next %d, %v", lines, next, err)
	}
	if l := lines[2]; l.Action != audit.ActionShow || l.Officer != "anna" || !strings.HasPrefix(l.Subject, "p:") || l.Detail["purpose"] != audit.PurposeDecision {
		t.Errorf("%+v", l)
	}
	if lines, next, err = w.Record(ctx, otto, next); err != nil || len(lines) != 0 || next != 0 {
		t.Errorf("%+v, next %d, %v", lines, next, err)
	}
	for _, before := range []uint64{1, 2, 1 << 63, 1<<64 - 1} {
		t.Run("A06", func(t *testing.T) {
			lines, _, err := w.Record(ctx, otto, before)
			if err != nil || len(lines) > officer.RecordLines {
				t.Errorf("before %d: %d lines, %v", before, len(lines), err)
			}
		})
	}
	if got := w.actions(len(w.audit.Events()) - 1); got[0] != audit.ActionRecord+" otto done" {
		t.Errorf("reading is not recorded: %q", got)
	}
}
