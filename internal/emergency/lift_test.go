package emergency_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/emergency"
	"vidimus/internal/problem"
)

// A lift ends the stop that its two humans read of, and no later one: neither a
// second one that was approved then, nor the words of the first, said again.
func TestLiftNamesItsStop(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	wish := func(act emergency.Act) emergency.Draft {
		t.Helper()
		d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfRegistry, Value: "registry-of-P0", Act: act, Reference: "2026/17"})
		w.must(err)
		return d
	}
	run := func(p emergency.Plan) {
		t.Helper()
		_, err := w.Run(t.Context(), p.ID, "office", nil)
		w.must(err)
	}
	stopped := func(plan string) {
		t.Helper()
		if all, err := w.Stops(t.Context()); err != nil || len(all) != 1 || all[0].Plan != plan {
			t.Errorf("%+v, %v", all, err)
		}
	}
	first := w.approved(wish(emergency.Revoke))
	run(first)
	d := wish(emergency.Lift)
	if d.Ends != (emergency.Reason{Plan: first.ID, Hash: first.Hash}) || !strings.Contains(d.String(), "ends the stop of plan "+first.ID+", hash "+first.Hash) {
		t.Errorf("%+v\n%s", d.Ends, d)
	}
	for name, change := range map[string]func(*emergency.Draft){
		"names none":         func(d *emergency.Draft) { d.Ends = emergency.Reason{} },
		"names another plan": func(d *emergency.Draft) { d.Ends.Plan = d.ID },
		"names another hash": func(d *emergency.Draft) { d.Ends.Hash = d.Hash() },
	} {
		bad := d
		change(&bad)
		_, err := w.Propose(t.Context(), bad, w.say("anna", emergency.Propose, bad))
		w.want(name, err, problem.Conflict)
	}
	said := w.say("anna", emergency.Propose, d)
	_, err := w.Propose(t.Context(), d, said)
	w.must(err)
	lift, err := w.Approve(t.Context(), d.ID, w.say("ben", emergency.Approve, d))
	w.must(err)
	spare := w.approved(wish(emergency.Lift))
	run(lift)

	second := w.approved(wish(emergency.Revoke)) // within the same second
	run(second)
	stopped(second.ID)
	_, err = w.Run(t.Context(), spare.ID, "office", nil)
	if w.want("an old lift", err, problem.Conflict); !errors.Is(err, emergency.ErrNeeded) {
		t.Error(err)
	}
	w.clock.Advance(time.Second)
	_, err = w.Propose(t.Context(), d, said)
	w.want("the words of the old lift", err, problem.Conflict)
	again := d
	again.ID = "e-0123456789abcdef"
	_, err = w.Propose(t.Context(), again, said)
	w.want("the words of the old lift, for another plan", err, problem.AccessDenied)
	_, err = w.Propose(t.Context(), again, w.say("anna", emergency.Propose, again))
	w.want("the draft of the old lift, signed anew", err, problem.Conflict)
	if done, err := w.Run(t.Context(), lift.ID, "office", nil); err != nil || done.Stage(w.clock.Now()) != emergency.Covered {
		t.Errorf("%+v, %v", done, err)
	}
	stopped(second.ID)

	// A third emergency while the second stops: the lift of the second is none of it.
	late := w.approved(wish(emergency.Lift))
	third := w.approved(wish(emergency.Revoke))
	run(third)
	stopped(third.ID)
	_, err = w.Run(t.Context(), late.ID, "office", nil)
	w.want("a lift of the second", err, problem.Conflict)
	run(w.approved(wish(emergency.Lift)))
	if all, err := w.Stops(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
