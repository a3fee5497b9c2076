package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/registry"
)

var timeTests = []test{
	{name: "BeginsAndEnds", run: beginsAndEnds},
	{name: "LimitAndOrder", run: dueInOrder},
	{name: "OverSoonerOrLater", run: agendaMoves},
	{name: "ReopensWhileOpen", run: reopensWhileOpen},
	{name: "CauseUnknown", run: causeUnknown},
	{name: "Refused", run: dueRefused},
	{name: "StandsStill", run: standsStill},
	{name: "RacesWithEvents", run: dueRaces},
}

func advanceTo(now time.Time) registry.Advance {
	return func(s document.Subject) (document.Subject, document.Change) { return table.Advance(s, now) }
}

func noteTime(_, after document.Subject, _ document.Change) audit.Event {
	return AuditEvent(fmt.Sprint("time of ", after.Number))
}

func applyDue(t *testing.T, s Store, now time.Time, limit, want int) {
	t.Helper()
	if n, err := s.ApplyDue(t.Context(), now, limit, advanceTo(now), noteTime); err != nil || n != want {
		t.Errorf("%d subjects looked at, want %d; %v", n, want, err)
	}
}

// licensed is a person with a right to drive and a licence, at version 3.
func licensed(t *testing.T, s Store, p, number string) {
	t.Helper()
	person(t, s, p, number)
	apply(t, s, Event("registry-of-"+p, 3, p, document.EntitlementPut{Kind: document.KindDriving, Territory: "UT", Privileges: []document.Privilege{{Category: "B"}}}))
}

// A ban that begins tomorrow does nothing today; it begins and ends by itself,
// and its receipt is written anew each time.
func beginsAndEnds(t *testing.T, s Store) {
	licensed(t, s, "P", "N")
	first := intend(t, s, Intent("B", "P", "N", 3, 2))
	begin, end := Now.Add(24*hour), Now.Add(72*hour)
	ban := Ban("M", end)
	o := apply(t, s, Future(Event("R", 1, "P", ban), ban, begin))[0]
	if o.Version != 4 || o.Copies != 0 || o.Revokes {
		t.Errorf("%+v", o)
	}
	applyDue(t, s, begin.Add(-1), 10, 0)
	applyDue(t, s, begin, 10, 1)
	applyDue(t, s, begin, 10, 0)
	o = outcome(t, s, "R", "R-1")
	if o.Version != 5 || o.Copies != 2 || o.State() != registry.StateApplied || !o.Accepted.Equal(Now) {
		t.Errorf("the ban has begun: %+v", o)
	}
	publish(t, s, begin.Add(hour), 1)
	set := revoked(t, s)
	for _, at := range spots(first) {
		if !set[at] {
			t.Errorf("%v is not revoked", at)
		}
	}
	if o := outcome(t, s, "R", "R-1"); o.State() != registry.StateCovered || o.Version != 5 {
		t.Errorf("%+v", o)
	}
	in := Intent("C", "P", "N", 5, 3)
	in.Recorded, in.Expires, in.Granted, in.TokenExpires = begin, begin.AddDate(0, 0, 14), begin.Add(hour), end
	intend(t, s, in)
	applyDue(t, s, end, 10, 1)
	o = outcome(t, s, "R", "R-1")
	if o.Version != 6 || o.Copies != 5 || o.State() != registry.StateApplied || !o.Covered.IsZero() {
		t.Errorf("the ban has ended: %+v", o)
	}
	publish(t, s, end.Add(hour), 1)
	if o := outcome(t, s, "R", "R-1"); o.State() != registry.StateCovered || !o.Covered.Equal(end.Add(hour)) {
		t.Errorf("%+v", o)
	}
	var states []string
	rows, err := s.Receipts(t.Context(), "R", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		states = append(states, fmt.Sprintf("%d %s %d", r.Outcome.Version, r.Outcome.State(), r.Outcome.Copies))
	}
	if got, want := fmt.Sprint(states), "[4 applied 0 5 applied 2 5 covered 2 6 applied 5 6 covered 5]"; got != want {
		t.Errorf("receipts %s, want %s", got, want)
	}
	if lines := auditLines(t, s); lines[len(lines)-1].Subject != "time of P" {
		t.Errorf("%+v", lines[len(lines)-1])
	}
	p, err := s.Subject(t.Context(), "P")
	if err != nil || p.Version != 6 || !p.Evaluated.Equal(end) {
		t.Errorf("%+v, %v", p, err)
	}
	if n, err := s.Notices(t.Context(), "P", 10); err != nil || len(n) == 0 || n[0].Notice.Fact != document.FactMeasureEnded || !n[0].Created.Equal(end) {
		t.Errorf("%+v, %v", n, err)
	}
}

func dueInOrder(t *testing.T, s Store) {
	for i := range 5 {
		p := fmt.Sprint("P", i)
		licensed(t, s, p, "N"+p)
		ban := Ban("M", time.Time{})
		apply(t, s, Future(Event("R"+p, 1, p, ban), ban, Now.Add(time.Duration(5-i)*hour)))
	}
	var looked []string
	note := func(_, after document.Subject, c document.Change) audit.Event {
		looked = append(looked, after.Number)
		if !c.Applied {
			t.Errorf("%s: nothing was applied", after.Number)
		}
		return AuditEvent("time")
	}
	now := Now.Add(4 * hour)
	for _, want := range []int{2, 2, 0} {
		if n, err := s.ApplyDue(t.Context(), now, 2, advanceTo(now), note); err != nil || n != want {
			t.Errorf("%d, want %d; %v", n, want, err)
		}
	}
	if got := fmt.Sprint(looked); got != "[P4 P3 P2 P1]" {
		t.Errorf("looked at %s", got)
	}
}

// agendaMoves: an event that takes the future away leaves nothing due.
func agendaMoves(t *testing.T, s Store) {
	licensed(t, s, "P", "N")
	ban := Ban("M", time.Time{})
	apply(t, s, Future(Event("R", 1, "P", ban), ban, Now.Add(hour)), Event("R", 2, "P", document.AppealUpheld{Measure: "M"}))
	applyDue(t, s, Now.Add(48*hour), 10, 0)
	other := Ban("O", Now.Add(10*hour))
	apply(t, s, Event("R", 3, "P", other))
	applyDue(t, s, Now.Add(9*hour), 10, 0)
	// Correcting it moves the instant.
	apply(t, s, Event("R", 4, "P", document.MeasureCorrected{ID: "O", Orders: document.Orders{Authority: "Court of Utopia", Until: Now.Add(5 * hour)}}))
	applyDue(t, s, Now.Add(5*hour-1), 10, 0)
	applyDue(t, s, Now.Add(5*hour), 10, 1)
}

// reopensWhileOpen: time adds copies to an outcome that is not covered yet.
func reopensWhileOpen(t *testing.T, s Store) {
	licensed(t, s, "P", "N")
	apply(t, s, Event("R", 1, "P", Licence("M")))
	intend(t, s, Intent("N's", "P", "N", 4, 3))
	intend(t, s, Intent("M's", "P", "M", 4, 2))
	cause := document.EventID{Source: "R", JTI: "R-2"}
	o := apply(t, s, Revoking("R", 2, "P", false, "N"))[0]
	if o.Copies != 3 {
		t.Fatalf("%+v", o)
	}
	ban := Ban("X", time.Time{})
	apply(t, s, Future(Event("R", 3, "P", ban), ban, Now.Add(time.Minute)))
	after := func(change document.Change) {
		t.Helper()
		at := Now.Add(time.Minute)
		n, err := s.ApplyDue(t.Context(), at, 1, func(s document.Subject) (document.Subject, document.Change) {
			next, _ := table.Advance(s, at)
			return next, change
		}, noteTime)
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
	after(document.Change{Applied: true, Revoke: []document.Revocation{{Document: "M", Cause: cause}}})
	o = outcome(t, s, "R", "R-2")
	if o.Copies != 5 || o.Version != 7 {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now.Add(hour), 0)
	publish(t, s, Now.Add(hour+time.Minute), 1)
	if o := outcome(t, s, "R", "R-2"); o.State() != registry.StateCovered || o.Copies != 5 || len(revoked(t, s)) != 5 {
		t.Errorf("%+v", o)
	}
	if o := outcome(t, s, "R", "R-3"); o.Copies != 0 {
		t.Errorf("flips belong to their cause: %+v", o)
	}
}

// causeUnknown: the flips are done all the same.
func causeUnknown(t *testing.T, s Store) {
	person(t, s, "P", "N")
	given := intend(t, s, Intent("B", "P", "N", 2, 2))
	change := document.Change{Applied: true, Revoke: []document.Revocation{{Document: "N", Urgent: true, Cause: document.EventID{Source: "old", JTI: "gone"}}}}
	o := apply(t, s, Deciding("R", 1, "P", change))[0]
	if o.Revokes || o.Copies != 0 {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now, 0)
	set := revoked(t, s)
	for _, at := range spots(given) {
		if !set[at] {
			t.Errorf("%v is not revoked", at)
		}
	}
}

func dueRefused(t *testing.T, s Store) {
	for _, p := range []string{"P", "Q"} {
		licensed(t, s, p, "N"+p)
		ban := Ban("M", time.Time{})
		apply(t, s, Future(Event("R"+p, 1, p, ban), ban, Now.Add(hour)))
	}
	before := snapshot(t, s, []string{"P"}, []string{"NP"})
	now := Now.Add(hour)
	n, err := s.ApplyDue(t.Context(), now, 10, advanceTo(now), func(_, after document.Subject, _ document.Change) audit.Event {
		if after.Number == "P" {
			return audit.Event{}
		}
		return AuditEvent("time of Q")
	})
	if !errors.Is(err, audit.ErrEvent) || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if q, err := s.Subject(t.Context(), "Q"); err != nil || q.Version != 5 {
		t.Errorf("one that is refused keeps back another: %+v, %v", q, err)
	}
	if p, err := s.Subject(t.Context(), "P"); err != nil || p.Version != 4 {
		t.Errorf("no audit, and yet: %+v, %v\n%s", p, err, before)
	}
	applyDue(t, s, now, 10, 1)
}

// standsStill: a subject that time brings no further is an error, and no loop
// without end.
func standsStill(t *testing.T, s Store) {
	licensed(t, s, "P", "N")
	ban := Ban("M", time.Time{})
	apply(t, s, Future(Event("R", 1, "P", ban), ban, Now.Add(hour)))
	n, err := s.ApplyDue(t.Context(), Now.Add(hour), 10, func(s document.Subject) (document.Subject, document.Change) { return s, document.Change{} }, noteTime)
	if err == nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// dueRaces: two loops and a registry at once change each subject once.
func dueRaces(t *testing.T, s Store) {
	const people = 20
	for i := range people {
		p := fmt.Sprint("P", i)
		licensed(t, s, p, "N"+p)
		ban := Ban("M", time.Time{})
		apply(t, s, Future(Event("R"+p, 1, p, ban), ban, Now.Add(hour)))
	}
	now := Now.Add(hour)
	together(3, func(i int) {
		if i == 2 {
			for n := range people {
				p := fmt.Sprint("P", n)
				put := document.EntitlementPut{Kind: "hunting", Territory: "UT", Privileges: []document.Privilege{{Category: "A"}}}
				if r := s.ApplyEvents(t.Context(), []registry.Application{EventAt("S", uint64(n+1), p, put, now)})[0]; r.Err != nil {
					t.Error(r.Err)
				}
			}
			return
		}
		for range people {
			if _, err := s.ApplyDue(t.Context(), now, 3, advanceTo(now), noteTime); err != nil {
				t.Error(err)
			}
		}
	})
	applyDue(t, s, now, people, 0)
	for i := range people {
		p, err := s.Subject(t.Context(), fmt.Sprint("P", i))
		if err != nil || p.Evaluated.Before(now) || len(p.Entitlements) != 2 || p.Version < 5 || p.Version > 6 {
			t.Errorf("%+v, %v", p, err)
		}
	}
}
