package bolt

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

// What an emergency stopped stays so when the file is opened again and when it
// comes back from a backup; whom it concerned is forgotten in time, the plan is not.
func TestEmergencyStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	opts := options()
	if err := Create(path, opts); err != nil {
		t.Fatal(err)
	}
	s := reopened(t, path, opts)
	now := storetest.Now
	for _, r := range s.ApplyEvents(t.Context(), []registry.Application{
		storetest.Event("R", 1, "P", storetest.Person("Mustermann")), storetest.Event("R", 2, "P", storetest.Licence("N")),
	}) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	in := storetest.Intent("B", "P", "N", 2, 3)
	if _, err := s.RecordIntent(t.Context(), in, storetest.AuditEvent("B")); err != nil {
		t.Fatal(err)
	}
	scope := emergency.Scope{Kind: emergency.OfKey, Value: in.SignerKeyID}
	p := emergency.Plan{
		Draft:    emergency.Draft{ID: "e", Act: emergency.Revoke, Scope: scope, Bound: 3, Pace: 1, Drafted: now},
		Proposed: emergency.Signature{Officer: "anna", Human: "1"}, Expires: now.Add(time.Hour),
	}
	p.Hash = p.Draft.Hash()
	err := s.PutPlan(t.Context(), p, now, storetest.AuditEvent("e"))
	if err == nil {
		_, err = s.ApprovePlan(t.Context(), "e", p.Hash, emergency.Signature{Officer: "ben", Human: "2"}, p.Expires, now, storetest.AuditEvent("e"))
	}
	if err == nil {
		_, err = s.BeginPlan(t.Context(), "e", now, storetest.AuditEvent("e"))
	}
	if err == nil {
		p, err = s.StepPlan(t.Context(), "e", 0, 10, now, func(emergency.Plan) audit.Event { return storetest.AuditEvent("step") })
	}
	if err != nil || p.Done.IsZero() || p.Revoked != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Restored(path, RestoreOptions{Options: opts, Now: now}); err != nil {
		t.Fatal(err)
	}
	s = reopened(t, path, opts)
	in.Batch, in.TokenID = "C", "another"
	if _, err := s.RecordIntent(t.Context(), in, storetest.AuditEvent("C")); !errors.Is(err, issuance.ErrStopped) {
		t.Errorf("after a restore: %v", err)
	}
	keep := Retention{Copies: 24 * time.Hour}
	// Nobody was told yet: who is forgotten now never is.
	if done, err := s.Retain(t.Context(), now.Add(25*time.Hour), keep, 10); err != nil || done.Concerned != 0 {
		t.Errorf("before they were told: %+v, %v", done, err)
	}
	if p, err := s.TellConcerned(t.Context(), "e", 10, now, func(string) document.Effect { return document.EffectRevoke }); err != nil || p.Told != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{23 * time.Hour, 0}, {25 * time.Hour, 1}, {26 * time.Hour, 0}} {
		if done, err := s.Retain(t.Context(), now.Add(c.at), keep, 10); err != nil || done.Concerned != c.want {
			t.Errorf("after %s: %+v, %v", c.at, done, err)
		}
	}
	if some, _, err := s.ConcernedBy(t.Context(), "e", now, "", 10); err != nil || len(some) != 0 {
		t.Errorf("%v, %v", some, err)
	}
	if p, err := s.Plan(t.Context(), "e"); err != nil || p.Revoked != 3 || p.Documents != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
}
