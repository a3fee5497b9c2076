package issuer_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/emergency"
	"vidimus/internal/issuerhttp"
)

// deciding are two who may say a word in an emergency.
type deciding struct{ anna, ben officer }

// newDeciding is an office with two officers who stop things.
func newDeciding(t *testing.T, change ...func(*issuer.Config)) (*office, deciding) {
	t.Helper()
	two := deciding{newOfficer(t, "anna"), newOfficer(t, "ben")}
	return newOffice(t, append(change, func(c *issuer.Config) {
		c.Console.Officers = []issuer.Officer{two.anna.account("1"), two.ben.account("2")}
	})...), two
}

// stopKey has an emergency stop a key, and gives the plan.
func (o *office) stopKey(two deciding, keyID string) string {
	o.t.Helper()
	ask := func(path string, in, into any) {
		o.t.Helper()
		body, err := json.Marshal(in)
		o.must(err)
		token := strings.TrimSpace(string(o.read(o.cfg.Path("secrets/office.token"))))
		status, _, answer := o.post("http://"+o.app.Addresses().Office+path, "application/json", string(body), "Authorization", "Bearer "+token)
		if status != http.StatusOK {
			o.t.Fatalf("%s: %d %s", path, status, answer)
		}
		if into != nil {
			o.must(json.Unmarshal([]byte(answer), into))
		}
	}
	var d issuerhttp.EmergencyDraft
	ask(issuerhttp.EmergencyDraftPath, emergency.Wish{Kind: emergency.OfKey, Value: keyID, Reference: "2026/17"}, &d)
	ask(issuerhttp.EmergencyProposePath, issuerhttp.EmergencyProposal{Draft: d.Draft, By: two.anna.say(o.t, emergency.Propose, d.Draft, o.clock.Now())}, nil)
	ask(issuerhttp.EmergencyApprovePath, issuerhttp.EmergencyApproval{Plan: d.Draft.ID, By: two.ben.say(o.t, emergency.Approve, d.Draft, o.clock.Now())}, nil)
	ask(issuerhttp.EmergencyRunPath, issuerhttp.EmergencyDeed{Plan: d.Draft.ID}, nil)
	return d.Draft.ID
}

// revoke puts the certificate of a generation on the list of its root.
func (o *office) revoke(list string, g issuer.Generation) {
	o.t.Helper()
	_, err := issuer.RevokeSigners(o.t.Context(), &o.cfg, list, []*big.Int{o.certificate(o.cfg.Path(g.Chain)).Cert.SerialNumber}, o.clock.Now(), rand.Reader)
	o.must(err)
}

// grades are those of what the doctor found in an area about a thing whose detail has
// the words.
func (o *office) grades(area, what, words string) (out []diagnosis.Grade) {
	o.t.Helper()
	for _, f := range o.diagnosed(o.clock.Now()).Findings {
		if f.Area == area && f.What == what && strings.Contains(f.Detail, words) {
			out = append(out, f.Grade)
		}
	}
	return out
}

// TestBarredSigner: a key that an emergency stopped, or whose certificate our own root has
// revoked, signs no more, and everything that speaks of it says so: batches, readiness,
// the doctor, the published list and the alarms. Where another key signs the office is
// ready; where none may it is not, and says which key and why.
func TestBarredSigner(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, state string
		bar         func(o *office, two deciding, g issuer.Generation) (why string)
	}{
		{"stopped by an emergency", "stopped", func(o *office, two deciding, g issuer.Generation) string {
			return "stopped by emergency plan " + o.stopKey(two, o.keyOf(g))
		}},
		{"revoked by our own root", "revoked", func(o *office, _ deciding, g issuer.Generation) string {
			o.revoke("", g)
			return "revoked by the list iaca of our own root"
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, two := newDeciding(t)
			first, second := o.generation("mdl", "first", 0, 90), o.generation("mdl", "second", 5, 95)
			o.turns("mdl", first, second)
			o.clock.Set(start.Add(10 * day))
			o.serve().people()
			w, token := o.grant("DL-1")
			if o.ready() != http.StatusOK || o.stateOf(first) != "current" || o.stateOf(second) != "next" {
				t.Fatalf("ready %d, %s and %s", o.ready(), o.stateOf(first), o.stateOf(second))
			}
			said := func(label, why string) int {
				n := 0
				for line := range strings.Lines(o.log.String()) {
					if strings.Contains(line, `msg="a key of ours may not sign any more"`) && strings.Contains(line, "key="+label+" ") && strings.Contains(line, `why="`+why+`"`) {
						n++
					}
				}
				return n
			}
			doctor := func(what, why string, want ...diagnosis.Grade) {
				t.Helper()
				for area, also := range map[string]string{"certificates": "", "rotation": ": it signs no more"} {
					if got := o.grades(area, what, why+also); !slices.Equal(got, want) {
						t.Errorf("the doctor says of %s in %s %v, want %v", what, area, got, want)
					}
				}
			}

			why := tt.bar(o, two, first)
			if o.ready() != http.StatusOK {
				t.Error("not ready, though the second signs")
			}
			if o.stateOf(first) != tt.state || o.stateOf(second) != "current" {
				t.Errorf("published as %s and %s", o.stateOf(first), o.stateOf(second))
			}
			if status, code, got := w.draws(token, 1); status != http.StatusOK || o.judge(got[0]).key != o.keyOf(second) {
				t.Errorf("a batch: %d %s", status, code)
			}
			doctor("mdl", why, diagnosis.Wrong)
			doctor("mdl.next[0]", " by ")
			for range 2 {
				o.app.TendSigners(t.Context())
			}
			if n := said("signers.mdl", why); n != 1 {
				t.Errorf("said %d times", n)
			}
			if o.alarms("signers.mdl", "over") != 0 {
				t.Error("an alarm, though the second signs")
			}
			var filed issuer.DocumentSignerList
			o.must(json.Unmarshal(o.read(o.cfg.Path("published/certificates/document-signers.json")), &filed))
			if !slices.ContainsFunc(filed.Signers, func(s issuer.DocumentSigner) bool {
				return s.KeyID == o.keyOf(first) && string(s.State) == tt.state
			}) {
				t.Errorf("filed as %+v", filed.Signers)
			}

			last := tt.bar(o, two, second)
			unready := func() {
				t.Helper()
				status, _, body := o.get("http://" + o.app.Addresses().Metrics + "/readyz")
				if status != http.StatusServiceUnavailable || !strings.Contains(body, fmt.Sprintf("signers.mdl (key %s) is %s", o.keyOf(first), why)) {
					t.Errorf("%d %s", status, body)
				}
				if _, _, public := o.get("http://" + o.app.Addresses().Public + "/readyz"); strings.Contains(public, o.keyOf(first)) {
					t.Errorf("wallets are told %s", public)
				}
				if a, b := o.stateOf(first), o.stateOf(second); a != tt.state || b != tt.state {
					t.Errorf("published as %s and %s", a, b)
				}
				if status, _, _ := w.draws(token, 1); status != http.StatusServiceUnavailable {
					t.Errorf("a batch: %d", status)
				}
				doctor("mdl", why, diagnosis.Wrong)
				doctor("mdl.next[0]", last, diagnosis.Wrong)
				if got := o.grades("rotation", "mdl", "nothing is issued"); !slices.Equal(got, []diagnosis.Grade{diagnosis.Wrong}) {
					t.Errorf("the doctor says of the signer %v", got)
				}
			}
			unready()
			o.app.TendSigners(t.Context())
			if o.alarms("signers.mdl", "over") != 1 || said("signers.mdl.next[0]", last) != 1 {
				t.Errorf("no alarm:\n%s", o.log)
			}
			o.restart()
			unready()

			// Of one that left the configuration the world still hears what happened to it.
			third := o.generation("mdl", "third", 9, 99)
			o.turns("mdl", third)
			o.restart()
			if a, b, c := o.stateOf(first), o.stateOf(second), o.stateOf(third); a != tt.state || b != tt.state || c != "current" || o.ready() != http.StatusOK {
				t.Errorf("published as %s, %s and %s; ready %d", a, b, c, o.ready())
			}
		})
	}
}

// TestUnknownWhoMaySign: an office that cannot tell who of its signers is revoked issues
// nothing, is not ready, and says so.
func TestUnknownWhoMaySign(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	w, token := o.grant("DL-1")
	o.must(os.WriteFile(o.cfg.Path("certs/iaca-09999999999999999999.crl"), []byte("torn"), 0o644))
	if status, _, body := o.get("http://" + o.app.Addresses().Metrics + "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "who of our signers is revoked is not known") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := w.draws(token, 1); status != http.StatusServiceUnavailable {
		t.Errorf("a batch: %d", status)
	}
}

// TestHeldKeyEnds: bad input K04. A key that an office takes at its start and keeps comes
// to its end while it runs, though a later one waits: it is told at every threshold, the
// doctor says it, and a restart ends it.
func TestHeldKeyEnds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"receipt", "checkpoint", "console", "access"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			// The next one is valid before the first ends, and for long after it.
			o.turns(name, o.generation(name, "first", 0, 60), o.generation(name, "second", 10, 400))
			o.clock.Set(start.Add(5 * day))
			o.serve()
			for _, tt := range []struct {
				day   int
				left  string
				grade []diagnosis.Grade
			}{
				{29, "quiet", nil}, {30, "30 days", []diagnosis.Grade{diagnosis.Look}}, {53, "7 days", []diagnosis.Grade{diagnosis.Look}},
				{59, "1 day", []diagnosis.Grade{diagnosis.Wrong}}, {61, "over", []diagnosis.Grade{diagnosis.Wrong}},
			} {
				o.clock.Set(start.Add(time.Duration(tt.day) * day))
				o.app.TendSigners(t.Context())
				o.app.TendSigners(t.Context())
				want := 1
				if tt.left == "quiet" {
					want = 0
				}
				if n := o.alarms("signers."+name, tt.left); n != want {
					t.Errorf("day %d: %d alarms at %q\n%s", tt.day, n, tt.left, o.log)
				}
				if got := o.grades("rotation", name, "signs with signers."+name+" until"); !slices.Equal(got, tt.grade) {
					t.Errorf("day %d: the doctor says %v, want %v", tt.day, got, tt.grade)
				}
			}
			_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
			if !strings.Contains(body, `vidimus_rotation_seconds_left{what="signers.`+name+`"} 0`) {
				t.Error("the metrics do not say so")
			}
			o.clock.Set(start.Add(59 * day)) // while the last checkpoint can be signed
			o.restart()
			o.clock.Set(start.Add(61 * day))
			o.app.TendSigners(t.Context())
			if n := o.alarms("signers."+name, "over"); n != 1 || o.grades("rotation", name, "signs with") != nil {
				t.Errorf("after a restart %d alarms", n)
			}
		})
	}
}

// TestKeysThatChangeByThemselves: bad input K04. The status signer changes while the
// office runs and the bundle signer at each bundle: an end that another one follows is
// none; when nobody follows it is told.
func TestKeysThatChangeByThemselves(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]int{"status": 400 - 14, "bundle": 400} { // lists count for 14 days
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.turns(name, o.generation(name, "first", 0, 60), o.generation(name, "second", 10, 400))
			o.clock.Set(start.Add(5 * day))
			o.serve()
			for _, d := range []int{30, 53, 59, 61} {
				o.clock.Set(start.Add(time.Duration(d) * day))
				o.app.TendSigners(t.Context())
			}
			for _, left := range []string{"30 days", "7 days", "1 day", "over"} {
				if n := o.alarms("signers."+name, left); n != 0 {
					t.Errorf("%d alarms at %q, though another follows", n, left)
				}
			}
			for _, left := range []struct {
				days int
				word string
			}{{30, "30 days"}, {7, "7 days"}, {1, "1 day"}, {-1, "over"}} {
				o.clock.Set(start.Add(time.Duration(ends-left.days) * day))
				o.app.TendSigners(t.Context())
				if n := o.alarms("signers."+name, left.word); n != 1 {
					t.Errorf("%d alarms at %q", n, left.word)
				}
			}
		})
	}
}

// TestRevokedListSigner: what readers would refuse is not made: a list by a key whose
// certificate our own root has revoked.
func TestRevokedListSigner(t *testing.T) {
	t.Parallel()
	o := newOffice(t, withVICAL)
	build := func() error {
		_, _, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds["vical"], issuer.TrustListWish{Days: 30}, o.clock.Now(), rand.Reader)
		return err
	}
	o.must(build())
	o.revoke("operations", issuer.Generation{Chain: o.cfg.Signers["vical"].Chain})
	if err := build(); err == nil || !strings.Contains(err.Error(), "signers.vical is revoked by the list operations of our own root") {
		t.Errorf("%v", err)
	}
}
