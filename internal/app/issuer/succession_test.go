package issuer

import (
	"context"
	"errors"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/rotation"
)

// TestStoppedKey: when an emergency stops the key that signs, the next one takes over
// at once, though its turn is to come; when it stops all, nobody signs.
func TestStoppedKey(t *testing.T) {
	w := pkitest.NewWorld(t)
	now := w.Clock.Now()
	made := map[*identity]*issuance.Signer{}
	var all []*identity
	for _, id := range []string{"first", "second"} {
		e := w.MustIssue(t, pki.Template{
			Profile: pki.ProfileDocumentSignerMDL, Subject: pki.Name{Country: "UT", Organization: "Utopia", CommonName: id}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 90),
		}, &w.IACA)
		one := &identity{name: "mdl", label: id, key: e.Key, keyID: id, leaf: e.Cert, ends: e.Cert.NotAfter()}
		all, made[one] = append(all, one), &issuance.Signer{KeyID: id}
	}
	s := succeed("mdl", all, rotation.Policy{Use: 30 * 24 * time.Hour, PublishBefore: 7 * 24 * time.Hour, Life: 14 * 24 * time.Hour}, func(*identity) time.Time { return now })
	var stops []emergency.Stop
	var broken error
	d := &documentSigners{clock: clock.NewFake(now), successions: map[string]*succession{"mdl": s}, made: made, barred: func(context.Context) (barred, error) {
		if broken != nil {
			return barred{}, broken
		}
		return (&Config{}).barred(stops, roots{iaca: w.IACA.Cert}, &crlServed{})
	}}
	signs := func() string {
		t.Helper()
		got, err := d.Signer(t.Context(), "mdl")
		if err != nil {
			if problem.KindOf(err) != problem.Unavailable {
				t.Errorf("%v", err)
			}
			return ""
		}
		return got.KeyID
	}
	first := signs()
	other := map[string]string{"first": "second", "second": "first"}[first]
	if other == "" {
		t.Fatalf("%q signs", first)
	}
	broken = errors.New("the database is away")
	if got := signs(); got != "" {
		t.Errorf("%s signs, though nobody knows what is stopped", got)
	}
	broken = nil
	stops = []emergency.Stop{{Kind: emergency.OfRegistry, Value: first}}
	if got := signs(); got != first {
		t.Errorf("%q signs after the stop of a registry", got)
	}
	stops = append(stops, emergency.Stop{Kind: emergency.OfKey, Value: first})
	if got := signs(); got != other {
		t.Errorf("%q signs after the stop of %s", got, first)
	}
	if gone := s.halted(); len(gone) != 1 || made[gone[0]].KeyID != first {
		t.Errorf("%v are stopped", gone)
	}
	for _, id := range all {
		want := rotation.Current
		if made[id].KeyID == first {
			want = rotation.Stopped
		}
		if got, ours := s.state(id.leaf, now); got != want || !ours {
			t.Errorf("%s is %s", id.label, got)
		}
	}
	stops = append(stops, emergency.Stop{Kind: emergency.OfKey, Value: other})
	if got := signs(); got != "" || s.stops(now).After(now) {
		t.Errorf("%q signs after the stop of both", got)
	}
	// Who read the store before cannot undo it.
	stops = nil
	if got := signs(); got != "" {
		t.Errorf("%q signs again", got)
	}
}
