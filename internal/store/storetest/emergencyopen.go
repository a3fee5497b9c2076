package storetest

import (
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/emergency"
)

// proposedBy is a plan of another human than planOf's.
func proposedBy(human, id string) emergency.Plan {
	p := planOf(id, emergency.Revoke, ofKey("ds-1"), 10)
	p.Proposed = emergency.Signature{Officer: "officer-" + human, Human: human, At: Now}
	return p
}

func tooManyPlans(t *testing.T, s Store) {
	for i := range emergency.MaxPlans {
		putPlan(t, s, proposedBy(fmt.Sprint("h", i/emergency.MaxPlansOfOne), fmt.Sprint("e", i)))
	}
	p := proposedBy("other", "more")
	if err := s.PutPlan(t.Context(), p, Now, AuditEvent("x")); !errors.Is(err, emergency.ErrPlanTaken) {
		t.Errorf("%v", err)
	}
	if err := s.PutPlan(t.Context(), p, Now.Add(emergency.Lifetime), AuditEvent("x")); err != nil {
		t.Errorf("once the others have expired: %v", err)
	}
	if all, err := s.Plans(t.Context()); err != nil || len(all) != emergency.MaxPlans+1 {
		t.Errorf("%d, %v", len(all), err)
	}
}

// plansOfOne: of those who propose in the name of one human at once, as many have a
// place as one may have, and another human still does.
func plansOfOne(t *testing.T, s Store) {
	lines := len(auditLines(t, s))
	put := make([]error, 2*emergency.MaxPlansOfOne)
	together(len(put), func(i int) {
		p := proposedBy("1", fmt.Sprint("e", i))
		p.Proposed.Officer = fmt.Sprint("account-", i%2)
		put[i] = s.PutPlan(t.Context(), p, Now, AuditEvent(p.ID))
	})
	good := ""
	n := 0
	for i, err := range put {
		switch {
		case err == nil:
			good = fmt.Sprint("e", i)
			n++
		case !errors.Is(err, emergency.ErrManyPlans):
			t.Error(err)
		}
	}
	if n != emergency.MaxPlansOfOne || len(auditLines(t, s)) != lines+n {
		t.Fatalf("%d have a place", n)
	}
	putPlan(t, s, proposedBy("2", "of another"))
	// A place is free again once one has begun, is dismissed or has expired.
	full := func(want error) {
		t.Helper()
		p := proposedBy("1", fmt.Sprint("more", n))
		if err := s.PutPlan(t.Context(), p, Now, AuditEvent("x")); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		n++
	}
	p, err := s.Plan(t.Context(), good)
	if err == nil {
		p, err = s.ApprovePlan(t.Context(), p.ID, p.Hash, second("ben", "2"), p.Expires, Now, AuditEvent("x"))
	}
	if err != nil {
		t.Fatal(err)
	}
	full(emergency.ErrManyPlans)
	if _, err := s.BeginPlan(t.Context(), p.ID, Now, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	full(nil)
	full(emergency.ErrManyPlans)
	if err := s.PutPlan(t.Context(), proposedBy("1", "later"), Now.Add(emergency.Lifetime), AuditEvent("x")); err != nil {
		t.Errorf("once the others have expired: %v", err)
	}
}

func dismissPlan(t *testing.T, s Store) {
	p := planOf("e", emergency.Revoke, ofKey("ds-1"), 10)
	putPlan(t, s, p)
	by := func(human string) emergency.Signature { return second("anna.2", human) }
	lines := len(auditLines(t, s))
	for name, c := range map[string]struct {
		id, hash, human string
		want            error
	}{
		"another's":               {"e", p.Hash, "2", emergency.ErrNotYours},
		"another plan":            {"e", p.Hash[1:] + "0", "1", emergency.ErrHash},
		"a plan that there isn't": {"f", p.Hash, "1", emergency.ErrPlanNotFound},
	} {
		if _, err := s.DismissPlan(t.Context(), c.id, c.hash, by(c.human), Now, AuditEvent("x")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(auditLines(t, s)); n != lines {
		t.Errorf("%d lines of refusals", n-lines)
	}
	if _, err := s.ApprovePlan(t.Context(), "e", p.Hash, second("ben", "2"), p.Expires, Now, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing
		if p, err := s.DismissPlan(t.Context(), "e", p.Hash, by("1"), Now, AuditEvent("x")); err != nil || p.Stage(Now) != emergency.Expired {
			t.Errorf("%+v, %v", p, err)
		}
	}
	if n := len(auditLines(t, s)); n != lines+2 {
		t.Errorf("%d lines", n-lines)
	}
	if _, err := s.BeginPlan(t.Context(), "e", Now, AuditEvent("x")); !errors.Is(err, emergency.ErrExpired) {
		t.Errorf("%v", err)
	}
	other := planOf("f", emergency.Revoke, ofKey("ds-1"), 10)
	begun(t, s, other)
	if _, err := s.DismissPlan(t.Context(), "f", other.Hash, by("1"), Now, AuditEvent("x")); !errors.Is(err, emergency.ErrBegun) {
		t.Errorf("%v", err)
	}
}
