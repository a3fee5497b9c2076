package storetest

import (
	"errors"
	"testing"
	"time"

	"vidimus/internal/emergency"
)

// What a key signed while two humans talked is the thief's as well.
func keyGrown(t *testing.T, s Store) {
	person(t, s, "P", "N")
	one := signedBy(t, s, "ds-1", "B1", "P", "N")
	two := signedBy(t, s, "ds-1", "B2", "P", "N")
	begun(t, s, planOf("e", emergency.Revoke, ofKey("ds-1"), 4))
	if p := run(t, s, "e", 1); p.Revoked != 6 {
		t.Errorf("%+v", p)
	}
	three := signedBy(t, s, "ds-2", "B3", "P", "N")
	begun(t, s, planOf("f", emergency.Revoke, emergency.Scope{Kind: emergency.OfAll, Keys: []string{"ds-1", "ds-2"}}, 1))
	if p := run(t, s, "f", 1); p.Revoked != 3 {
		t.Errorf("%+v", p)
	}
	wantRevoked(t, s, one, two, three)
}

// A stop stays while copies of its scope are revoked, and ends by a plan that names
// the newest emergency which needs it.
func liftNeeded(t *testing.T, s Store) {
	scope := emergency.Scope{Kind: emergency.OfRegistry, Value: "R"}
	stopped := func(want int) {
		t.Helper()
		if all, err := s.Stops(t.Context()); err != nil || len(all) != want {
			t.Errorf("%v, %v", all, err)
		}
	}
	first := planOf("first", emergency.Revoke, scope, 10)
	begun(t, s, first)
	approved := func(p emergency.Plan) {
		t.Helper()
		putPlan(t, s, p)
		if _, err := s.ApprovePlan(t.Context(), p.ID, p.Hash, second("ben", "2"), p.Expires, Now, AuditEvent(p.ID)); err != nil {
			t.Fatal(err)
		}
	}
	approved(liftOf("lift", first))
	approved(liftOf("replay", first))
	approved(planOf("of nothing", emergency.Lift, scope, 0))
	wrong := liftOf("wrong hash", first)
	wrong.Ends.Hash = wrong.Hash
	wrong.Hash = wrong.Draft.Hash()
	approved(wrong)
	refused := func(what, id string) {
		t.Helper()
		lines := len(auditLines(t, s))
		if _, err := s.BeginPlan(t.Context(), id, Now.Add(2*time.Second), AuditEvent("x")); !errors.Is(err, emergency.ErrNeeded) {
			t.Errorf("%s: %v", what, err)
		}
		if n := len(auditLines(t, s)); n != lines {
			t.Errorf("%s: %d lines", what, n-lines)
		}
		stopped(1)
	}
	refused("the revocation runs", "lift")
	if _, err := s.PausePlan(t.Context(), "first", true, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	refused("the revocation is paused", "lift")
	if _, err := s.PausePlan(t.Context(), "first", false, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	run(t, s, "first", 10)
	refused("it names no plan", "of nothing")
	refused("it names another draft", "wrong hash")
	// Another emergency of the same registry, in the same second as everything here.
	again := planOf("again", emergency.Revoke, emergency.Scope{Kind: scope.Kind, Value: scope.Value, Types: []string{"mdl"}}, 10)
	begun(t, s, again)
	if all, err := s.Stops(t.Context()); err != nil || len(all) != 1 || all[0].Reason() != (emergency.Reason{Plan: "again", Hash: again.Hash}) || len(all[0].Types) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	refused("a newer one runs", "lift")
	run(t, s, "again", 10)
	refused("a newer one is done", "lift")
	// One of another registry keeps it not back.
	begun(t, s, planOf("other", emergency.Revoke, emergency.Scope{Kind: emergency.OfRegistry, Value: "Q"}, 10))
	stopped(2)
	begun(t, s, liftOf("later", again))
	stopped(1)
	// Nor does an old lift end a stop that came after another lift, or none.
	refused("nothing is stopped", "replay")
	third := planOf("third", emergency.Revoke, scope, 10)
	begun(t, s, third)
	run(t, s, "third", 10)
	stopped(2)
	if _, err := s.BeginPlan(t.Context(), "replay", Now.Add(3*time.Second), AuditEvent("x")); !errors.Is(err, emergency.ErrNeeded) {
		t.Errorf("an old lift: %v", err)
	}
	stopped(2)
	begun(t, s, liftOf("last", third))
	stopped(1)
}
