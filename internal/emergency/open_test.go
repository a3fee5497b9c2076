package emergency_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vidimus/internal/emergency"
	"vidimus/internal/problem"
)

// One human, whatever their accounts, leaves room for the others, is told what to
// dismiss, and has room again after it.
func TestOneHumanFillsNothing(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	var first emergency.Draft
	for i := range emergency.MaxPlansOfOne {
		d := w.draft("ds-1")
		if i == 0 {
			first = d
		}
		_, err := w.Propose(t.Context(), d, w.say([]string{"anna", "anna.2"}[i%2], emergency.Propose, d))
		w.must(err)
	}
	d := w.draft("ds-1")
	_, err := w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
	if w.want("one more", err, problem.Conflict); !errors.Is(err, emergency.ErrManyPlans) || !strings.Contains(problem.Detail(err), first.ID+" (revoke key ds-1, until ") ||
		!strings.Contains(problem.Detail(err), "issuer emergency dismiss ID") || strings.Count(problem.Detail(err), "key ds-1") != emergency.MaxPlansOfOne {
		t.Errorf("%v", err)
	}
	_, err = w.Propose(t.Context(), d, w.say("ben", emergency.Propose, d))
	w.must(err)

	_, err = w.Dismiss(t.Context(), first.ID, w.say("ben", emergency.Dismiss, first))
	w.want("dismissed by another", err, problem.AccessDenied)
	_, err = w.Dismiss(t.Context(), first.ID, w.say("anna", emergency.Propose, first))
	w.want("with another word", err, problem.AccessDenied)
	p, err := w.Dismiss(t.Context(), first.ID, w.say("anna.2", emergency.Dismiss, first))
	if err != nil || p.Stage(w.clock.Now()) != emergency.Expired {
		t.Errorf("%+v, %v", p, err)
	}
	_, err = w.Approve(t.Context(), first.ID, w.say("ben", emergency.Approve, first))
	w.want("approved after that", err, problem.Conflict)
	if got := w.actions(); got[len(got)-1] != "emergency.dismiss done" {
		t.Errorf("%v", got)
	}
	d = w.draft("ds-1")
	_, err = w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
	w.must(err)
	_, err = w.Run(t.Context(), w.approvedBy("ben", "anna", w.draft("ds-1")).ID, "office", nil)
	w.must(err)
}

// approvedBy is approved, with the two the other way round.
func (w *world) approvedBy(proposes, approves string, d emergency.Draft) emergency.Plan {
	w.t.Helper()
	_, err := w.Propose(w.t.Context(), d, w.say(proposes, emergency.Propose, d))
	w.must(err)
	p, err := w.Approve(w.t.Context(), d.ID, w.say(approves, emergency.Approve, d))
	w.must(err)
	return p
}

// An id and an instant of a draft are those that the office gave it.
func TestDraftsOfOurs(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	for _, id := range []string{"", "all", "*", "--lift", "a b", "../../x", "e-", "e-0", strings.Repeat("x", 18), "e-0123456789abcdeF", "e-0123456789abcdef0", "f-0123456789abcdef", "e-0123456789abcde\n"} {
		d := w.draft("ds-1")
		d.ID = id
		_, err := w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
		w.want(fmt.Sprintf("id %q", id), err, problem.InvalidRequest)
	}
	for _, c := range []struct {
		by   time.Duration
		want problem.Kind
	}{
		{time.Second, problem.InvalidRequest}, {59 * time.Minute, problem.InvalidRequest}, {-time.Millisecond, problem.InvalidRequest},
		{-time.Hour - time.Second, problem.Conflict},
	} {
		d := w.draft("ds-1")
		d.Drafted = d.Drafted.Add(c.by)
		_, err := w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
		w.want(fmt.Sprintf("drafted %s from now", c.by), err, c.want)
	}
	d := w.draft("ds-1")
	w.clock.Advance(time.Hour)
	_, err := w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
	w.must(err)
}

// Who may not decide any more when a plan begins is none of the two who wanted it.
func TestOfficersAtTheBegin(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"who proposed is gone":       func(w *world) { delete(w.keys, "anna") },
		"who approved is gone":       func(w *world) { delete(w.keys, "ben") },
		"who approved has a new key": func(w *world) { w.keys["ben"] = w.keys["anna.2"] },
		"the account is another's":   func(w *world) { w.humans["ben"] = "3" },
	} {
		w := newWorld(t, 1)
		w.issue(0, 1, "ds-1")
		p := w.approved(w.draft("ds-1"))
		change(w)
		_, err := w.Run(t.Context(), p.ID, "office", nil)
		w.want(name, err, problem.AccessDenied)
		if stops, err := w.Stops(t.Context()); err != nil || len(stops) != 0 || w.invalid("N0") != 0 {
			t.Errorf("%s: %v, %v", name, stops, err)
		}
		if got := w.actions(); got[len(got)-1] != "emergency.refuse denied" {
			t.Errorf("%s: %v", name, got)
		}
	}
	// One that has begun goes on: it was wanted by two then.
	w := newWorld(t, 1)
	w.issue(0, 300, "ds-1")
	p := w.approved(w.draft("ds-1"))
	w.stepping = func() { delete(w.keys, "ben") }
	if done, err := w.Run(t.Context(), p.ID, "office", nil); err != nil || done.Revoked != 6000 {
		t.Errorf("%+v, %v", done, err)
	}
}

// Two accounts with one key are one human.
func TestOneKeyTwoAccounts(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	w.keys["ben"] = w.keys["anna"]
	d := w.draft("ds-1")
	_, err := w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
	w.must(err)
	_, err = w.Approve(t.Context(), d.ID, w.say("ben", emergency.Approve, d))
	w.want("the same key", err, problem.AccessDenied)
}
