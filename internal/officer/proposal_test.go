package officer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

func (w *world) propose(t *testing.T, by string) officer.Proposal {
	t.Helper()
	p, err := w.Propose(t.Context(), w.access(t, w.login(t, by)), w.inbox.subjects["P-1"].Version, draft())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) stage(t *testing.T, id string) officer.Stage {
	t.Helper()
	p, err := w.store.Proposal(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Stage(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// One proposes, another confirms, the measure holds; then it is lifted the same
// way.
func TestTwoOfficers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	p := w.propose(t, "anna")
	if p.Version != 3 || p.Human != "1" || p.Purpose != "decision 2026/17" || !p.Expires.Equal(start.Add(24*time.Hour)) || w.stage(t, p.ID) != officer.Open {
		t.Errorf("%+v", p)
	}
	if len(w.inbox.subjects["P-1"].Measures) != 0 || w.inbox.seq != 0 {
		t.Fatal("a proposal alone has an effect")
	}
	ben := w.login(t, "ben")
	p, err := w.Confirm(ctx, ben, p.ID)
	if err != nil || p.ConfirmedBy != "ben" || w.stage(t, p.ID) != officer.Accepted {
		t.Fatalf("%+v, %v", p, err)
	}
	s := w.inbox.subjects["P-1"]
	if len(s.Measures) != 1 || !s.Measures[0].Holds(start) || len(s.Driving(start)) != 0 || s.Measures[0].Latest().Event.JTI != p.JTI {
		t.Fatalf("%+v", s)
	}
	// Confirming again by the same officer is the same confirmation.
	if again, err := w.Confirm(ctx, ben, p.ID); err != nil || again.JTI != p.JTI || w.inbox.seq != 1 {
		t.Errorf("%+v, %v, %d events", again, err, w.inbox.seq)
	}
	w.clock.Advance(time.Hour)
	lift := officer.Lift{Measure: s.Measures[0].ID, From: w.clock.Now(), Reason: "served", Reference: "2026/18"}
	q, err := w.ProposeLift(ctx, w.access(t, w.login(t, "ben")), s.Version, lift)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Confirm(ctx, w.login(t, "anna"), q.ID); err != nil {
		t.Fatal(err)
	}
	s = w.inbox.subjects["P-1"]
	if s.Measures[0].Holds(w.clock.Now()) || w.inbox.seq != 2 {
		t.Errorf("%+v", s.Measures)
	}
	if _, err := w.ProposeLift(ctx, w.access(t, w.login(t, "ben")), s.Version, lift); problem.KindOf(err) != problem.Conflict {
		t.Errorf("lifted twice: %v", err)
	}
}

// TestSameHuman is bad input A03: a second account, and a second certificate,
// of the one who proposed do not count, and the try is recorded.
func TestSameHuman(t *testing.T) {
	w := newWorld(t)
	p := w.propose(t, "anna")
	for _, id := range []string{"anna", "anna.2"} {
		t.Run("A03/"+id, func(t *testing.T) {
			n := len(w.audit.Events())
			_, err := w.Confirm(t.Context(), w.login(t, id), p.ID)
			wantKind(t, id, err, problem.AccessDenied)
			if !errors.Is(err, officer.ErrSamePerson) || !slices.Contains(w.actions(n), "officer.refuse "+id+" denied") {
				t.Errorf("%v, audit %q", err, w.actions(n))
			}
		})
	}
	if w.stage(t, p.ID) != officer.Open || w.inbox.seq != 0 {
		t.Error("it had an effect")
	}
}

func TestProposalEnds(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	late, back, changed := w.propose(t, "anna"), w.propose(t, "anna"), w.propose(t, "anna")
	wantKind(t, "withdrawn by another", w.Withdraw(ctx, w.login(t, "ben"), back.ID), problem.AccessDenied)
	if err := w.Withdraw(ctx, w.login(t, "anna"), back.ID); err != nil || w.stage(t, back.ID) != officer.Withdrawn {
		t.Fatal(err)
	}
	_, err := w.Confirm(ctx, w.login(t, "ben"), back.ID)
	wantKind(t, "withdrawn", err, problem.NotFound)
	s := w.inbox.subjects["P-1"]
	s.Version++
	w.inbox.subjects["P-1"] = s
	_, err = w.Confirm(ctx, w.login(t, "ben"), changed.ID)
	wantKind(t, "record changed", err, problem.Conflict)
	s.Version--
	w.inbox.subjects["P-1"] = s
	w.clock.Advance(officer.ProposalLifetime)
	_, err = w.Confirm(ctx, w.login(t, "ben"), late.ID)
	wantKind(t, "expired", err, problem.NotFound)
	if w.stage(t, late.ID) != officer.Expired || w.inbox.seq != 0 {
		t.Error("an ended proposal had an effect")
	}
	for _, id := range []string{"", "unknown", strings.Repeat("x", 1<<16), "../x"} {
		_, err := w.Confirm(ctx, w.login(t, "ben"), id)
		wantKind(t, "unknown", err, problem.NotFound)
	}
	w.clock.Advance(31 * 24 * time.Hour)
	if err := w.Sweep(ctx); err != nil || len(w.store.proposals) != 0 {
		t.Errorf("%d proposals stay, %v", len(w.store.proposals), err)
	}
}

// Many confirm at once: one event.
func TestConfirmRace(t *testing.T) {
	w := newWorld(t)
	w.cfg.Officers = slices.Clone(w.cfg.Officers)
	for i := range 8 {
		w.cfg.Officers = append(w.cfg.Officers, officer.Officer{
			ID: fmt.Sprint("o", i), Name: "O", Human: fmt.Sprint("h", i), Roles: []officer.Role{officer.Editor},
		})
	}
	w.restart(t)
	p := w.propose(t, "anna")
	var wait sync.WaitGroup
	for i := range 8 {
		l := w.login(t, fmt.Sprint("o", i))
		wait.Go(func() {
			for range 4 {
				_, err := w.Confirm(t.Context(), l, p.ID)
				if kind := problem.KindOf(err); err != nil && kind != problem.NotFound && kind != problem.Conflict {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wait.Wait()
	if w.inbox.seq != 1 || w.stage(t, p.ID) != officer.Accepted {
		t.Errorf("%d events", w.inbox.seq)
	}
}

// A crash between the confirmation and the inbox, and one between the inbox and
// our knowing it, are repaired at the start: the event takes effect once.
func TestCrashBetweenConfirmAndPush(t *testing.T) {
	for name, after := range map[string]bool{"before the effect": false, "after the effect": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.propose(t, "anna")
			w.inbox.fail, w.inbox.after = problem.New(problem.Unavailable, "try again"), after
			p, err := w.Confirm(t.Context(), w.login(t, "ben"), p.ID)
			if err != nil || p.ConfirmedBy != "ben" {
				t.Fatalf("%+v, %v", p, err)
			}
			if want := map[bool]officer.Stage{false: officer.Sending, true: officer.Accepted}[after]; w.stage(t, p.ID) != want {
				t.Errorf("stage %s", w.stage(t, p.ID))
			}
			w.restart(t)
			for range 3 {
				if err := w.Repair(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if w.stage(t, p.ID) != officer.Accepted || w.inbox.seq != 1 || len(w.inbox.subjects["P-1"].Measures) != 1 || w.inbox.accepted[p.JTI] == "" {
				t.Errorf("stage %s, %d events", w.stage(t, p.ID), w.inbox.seq)
			}
		})
	}
}

// Without a restart the event is sent again too; a final refusal is kept.
func TestRetryAndRefusal(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	p := w.propose(t, "anna")
	w.inbox.fail = problem.New(problem.Unavailable, "try again")
	if _, err := w.Confirm(ctx, w.login(t, "ben"), p.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Retry(ctx); err != nil || w.stage(t, p.ID) != officer.Accepted || w.inbox.seq != 1 {
		t.Fatalf("stage %s, %v", w.stage(t, p.ID), err)
	}
	q := w.propose(t, "anna")
	w.inbox.fail = problem.New(problem.Conflict, "the subject is at another version")
	q, err := w.Confirm(ctx, w.login(t, "ben"), q.ID)
	if err != nil || q.Refused != "conflict: the subject is at another version" || w.stage(t, q.ID) != officer.Refused {
		t.Fatalf("%+v, %v", q, err)
	}
	if err := errors.Join(w.Retry(ctx), w.Repair(ctx)); err != nil || w.inbox.seq != 1 {
		t.Errorf("%d events, %v", w.inbox.seq, err)
	}
}

// What the inbox would refuse is refused to the one who proposes, by field.
func TestDraftFields(t *testing.T) {
	w := newWorld(t)
	a := w.access(t, w.login(t, "anna"))
	long := strings.Repeat("x", officer.MaxText+1)
	for want, change := range map[string]func(*officer.Draft){
		"kind kind-missing":            func(d *officer.Draft) { d.Kind = "" },
		"territory territory-form":     func(d *officer.Draft) { d.Right.Territory = "Lux" },
		"from time-missing":            func(d *officer.Draft) { d.From = time.Time{} },
		"from time-range":              func(d *officer.Draft) { d.From = start.AddDate(200, 0, 0) },
		"until ends-before-begin":      func(d *officer.Draft) { d.Until = d.From },
		"confirm_by ends-before-begin": func(d *officer.Draft) { d.ConfirmBy = d.From.Add(-time.Hour) },
		"authority authority-missing":  func(d *officer.Draft) { d.Authority = "" },
		"authority text-form":          func(d *officer.Draft) { d.Authority = long },
		"legal_basis text-form":        func(d *officer.Draft) { d.LegalBasis = "a\u202eb" },
		"categories list-form":         func(d *officer.Draft) { d.Categories = []string{"B", "B"} },
		"codes codes-unwanted":         func(d *officer.Draft) { d.Codes = []string{"01"} },
		"codes codes-missing":          func(d *officer.Draft) { d.Kind = document.Restriction },
		"reference reference-missing":  func(d *officer.Draft) { d.Reference = "" },
		"reference reference-form":     func(d *officer.Draft) { d.Reference = "Mr Smith" },
	} {
		d := draft()
		change(&d)
		_, err := w.Propose(t.Context(), a, 3, d)
		fields := officer.FieldsOf(err)
		if len(fields) != 1 || fields[0].Field+" "+fields[0].Key != want || problem.KindOf(err) != problem.InvalidRequest {
			t.Errorf("%s: %v, %v", want, fields, err)
		}
	}
	_, err := w.Propose(t.Context(), a, 2, draft())
	wantKind(t, "another version", err, problem.Conflict)
	_, err = w.ProposeLift(t.Context(), a, 3, officer.Lift{Measure: "unknown", From: start, Reason: "x", Reference: "1"})
	wantKind(t, "unknown measure", err, problem.NotFound)
	if len(w.store.proposals) != 0 {
		t.Error("something was proposed")
	}
}

// Preview says what will be done and does nothing.
func TestPreview(t *testing.T) {
	w := newWorld(t)
	p := w.propose(t, "anna")
	before := w.inbox.subjects["P-1"]
	after, change, err := w.Preview(p, before)
	if err != nil || len(after.Measures) != 1 || len(before.Measures) != 0 {
		t.Fatalf("%+v, %v", after, err)
	}
	if len(change.Revoke) != 1 || change.Revoke[0].Document != "D-1" || len(change.Notices) != 1 {
		t.Errorf("%+v", change)
	}
}

// Every kind of measure that the console writes is one that the inbox takes.
func TestEveryKind(t *testing.T) {
	for _, kind := range document.MeasureKinds() {
		w := newWorld(t)
		d := draft()
		d.Kind, d.Until, d.ConfirmBy = kind, start.AddDate(0, 6, 0), start.AddDate(0, 1, 0)
		if kind == document.Restriction {
			d.Codes = []string{"01.06", "96"}
		}
		p, err := w.Propose(t.Context(), w.access(t, w.login(t, "anna")), 3, d)
		if err != nil {
			t.Fatal(kind, err)
		}
		if p, err = w.Confirm(t.Context(), w.login(t, "ben"), p.ID); err != nil || p.Refused != "" {
			t.Errorf("%s: %q, %v", kind, p.Refused, err)
		}
		if m := w.inbox.subjects["P-1"].Measures; len(m) != 1 || m[0].Kind != kind || len(m[0].Latest().Orders.Codes) != len(d.Codes) {
			t.Errorf("%s: %+v", kind, m)
		}
	}
}
