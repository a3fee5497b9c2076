package officebench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/emergency"
)

// A mass compromise as the fault plan has it: everyone in a state, with ten copies
// each, to be revoked and issued anew within a day.
const (
	compromised   = 1_400_000
	copiesEach    = 10
	withinADay    = 24 * time.Hour
	issuedASecond = emergency.DefaultReissueRate // the whole flow, as issuancebench measures it
)

// TestEmergency revokes every copy that a key has signed, through the office and by
// two officers, and says how long the compromise of a state would take.
func TestEmergency(t *testing.T) {
	batches := size(t, "OFFICEBENCH_BATCHES", 50_000, 600) // of 20 copies
	people := max(100, batches/5)
	keys := map[string]*ecdsa.PrivateKey{}
	o := newOffice(t, false, func(c *issuer.Config) {
		for i, id := range []string{"anna", "ben"} {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			der, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			pin := sha256.Sum256(der)
			keys[id] = key
			c.Console.Officers = append(c.Console.Officers, issuer.Officer{ID: id, Name: id, Human: string(rune('1' + i)), Roles: []string{"editor"}, Pins: []string{hex.EncodeToString(pin[:])}})
		}
	})
	o.load(people)
	store := o.open()
	o.copies(store, 0, people, batches/people)
	o.must(store.Close())
	desk, err := issuer.OpenOffice(t.Context(), &o.cfg, issuer.Options{})
	o.must(err)
	defer desk.Close()

	began := time.Now()
	draft, err := desk.DraftEmergency(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "signer-1", Reference: "2026/17"})
	o.must(err)
	counted := time.Since(began)
	if want := batches / people * people * 20; draft.Draft.Counts.Copies != want || draft.Draft.Counts.Persons != people {
		t.Fatalf("%+v, want %d copies", draft.Draft.Counts, want)
	}
	_, err = desk.ProposeEmergency(t.Context(), draft.Draft, issuer.OfficerKey{Officer: "anna", Key: keys["anna"]})
	o.must(err)
	progress, err := desk.Emergency(t.Context(), draft.Draft.ID)
	o.must(err)
	_, err = desk.ApproveEmergency(t.Context(), progress.Plan, issuer.OfficerKey{Officer: "ben", Key: keys["ben"]})
	o.must(err)

	began, used := time.Now(), cpu()
	var revoked time.Duration
	plan, err := desk.RunEmergency(t.Context(), draft.Draft.ID, func(p emergency.Plan) {
		if revoked == 0 && !p.Done.IsZero() {
			revoked = time.Since(began)
		}
	})
	o.must(err)
	published := time.Since(began) - revoked
	if plan.Revoked != draft.Draft.Counts.Copies || plan.Stage(time.Now()) != emergency.Covered {
		t.Fatalf("%+v", plan)
	}
	progress, err = desk.Emergency(t.Context(), draft.Draft.ID)
	o.must(err)
	if progress.Left != 0 || progress.Open != people {
		t.Fatalf("%+v", progress)
	}
	rate := float64(plan.Revoked) / revoked.Seconds()
	t.Logf("%d copies of %d documents: counted in %v, revoked in %v (%d steps, %.0f copies/s, %v cpu), published in %v more (%d lists); database %d MiB; load %s",
		plan.Revoked, plan.Documents, counted.Round(time.Millisecond), revoked.Round(time.Millisecond), plan.Steps, rate, (cpu() - used).Round(time.Millisecond),
		published.Round(time.Millisecond), len(plan.Lists), megabytes(o.cfg.Path("issuer.db")), load())

	all := float64(compromised * copiesEach)
	revoke := time.Duration(all / rate * float64(time.Second))
	tell := time.Duration(float64(compromised) / emergency.DefaultPace * float64(time.Hour))
	reissue := time.Duration(all / issuedASecond * float64(time.Second))
	total := revoke + published + max(tell, reissue)
	t.Logf("%d people with %d copies each: revoked in %.2f h, told in %.2f h at the usual pace, issued anew in %.2f h at %d copies/s; all in %.2f h, or %.2f h when all are told at once",
		compromised, copiesEach, revoke.Hours(), tell.Hours(), reissue.Hours(), int(issuedASecond), total.Hours(), (revoke + published + reissue).Hours())
	promise(t, revoke+published+reissue < withinADay && total < withinADay, "%d people issued anew within a day: %.2f h at best, %.2f h at the usual pace", compromised, (revoke + published + reissue).Hours(), total.Hours())
}
