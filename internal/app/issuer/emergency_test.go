package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/diagnosis"
	"vidimus/internal/emergency"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/wallet"
)

// officer is one of those who may decide on an emergency.
type officer struct {
	id     string
	key    *ecdsa.PrivateKey
	public []byte
}

func newOfficer(t *testing.T, id string) officer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return officer{id, key, der}
}

func (f officer) account(human string) issuer.Officer {
	pin := sha256.Sum256(f.public)
	return issuer.Officer{ID: f.id, Name: f.id, Human: human, Roles: []string{"editor"}, Pins: []string{hex.EncodeToString(pin[:])}}
}

func (f officer) say(t *testing.T, word emergency.Word, d emergency.Draft, at time.Time) emergency.Signed {
	t.Helper()
	text, err := emergency.Sign(f.key, emergency.Statement{Word: word, Office: d.Office, Officer: f.id, Plan: d.ID, Hash: d.Hash(), At: at.Unix()}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return emergency.Signed{Statement: text, PublicKey: jose.EncodeBase64URL(f.public)}
}

// TestEmergencyAtTheOffice: whoever has the token of the office counts, and begins
// nothing (bad input A02); with two words of officers the office stops, says so
// where operators look and nowhere else, and the lists are published.
func TestEmergencyAtTheOffice(t *testing.T) {
	t.Parallel()
	anna, ben := newOfficer(t, "anna"), newOfficer(t, "ben")
	o := newOffice(t, func(c *issuer.Config) {
		c.Console.Officers = []issuer.Officer{anna.account("1"), ben.account("2")}
	}).serve().people()
	w := o.wallet()
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	if _, err := w.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 2}); err != nil {
		t.Fatal(err)
	}
	base := "http://" + o.app.Addresses().Office
	good := []string{"Authorization", "Bearer " + strings.TrimSpace(string(o.read(o.cfg.Path("secrets/office.token"))))}
	ask := func(path string, in, into any) (int, string) {
		t.Helper()
		body, err := json.Marshal(in)
		o.must(err)
		status, _, answer := o.post(base+path, "application/json", string(body), good...)
		if status == http.StatusOK && into != nil {
			o.must(json.Unmarshal([]byte(answer), into))
		}
		return status, answer
	}
	for _, path := range []string{issuerhttp.EmergencyDraftPath, issuerhttp.EmergencyProposePath, issuerhttp.EmergencyApprovePath, issuerhttp.EmergencyDismissPath, issuerhttp.EmergencyRunPath,
		issuerhttp.EmergencyPausePath, issuerhttp.EmergencyHoldersPath, issuerhttp.EmergencyReportPath} {
		if status := first(o.post(base+path, "application/json", `{"plan":"e-0"}`)); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, status)
		}
		if status, body := ask(path, map[string]string{"plan": "e-0", "kind": "fire"}, nil); status/100 != 4 {
			t.Errorf("%s about nothing: %d %s", path, status, body)
		}
	}
	for _, path := range []string{issuerhttp.EmergencyPath + "?plan=e-0", issuerhttp.EmergencyPlansPath} {
		if status := first(o.get(base + path)); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, status)
		}
	}
	var d issuerhttp.EmergencyDraft
	if status, body := ask(issuerhttp.EmergencyDraftPath, emergency.Wish{Kind: emergency.OfAll, Reference: "2026/17"}, &d); status != http.StatusOK || d.Draft.Counts.Copies == 0 || len(d.Draft.Scope.Keys) != 2 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := ask(issuerhttp.EmergencyProposePath, issuerhttp.EmergencyProposal{Draft: d.Draft}, nil); status/100 != 4 {
		t.Errorf("proposed by nobody: %d %s", status, body)
	}
	propose := issuerhttp.EmergencyProposal{Draft: d.Draft, By: anna.say(t, emergency.Propose, d.Draft, o.clock.Now())}
	if status, body := ask(issuerhttp.EmergencyProposePath, propose, nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := ask(issuerhttp.EmergencyRunPath, issuerhttp.EmergencyDeed{Plan: d.Draft.ID}, nil); status != http.StatusForbidden {
		t.Errorf("run by one human: %d %s", status, body)
	}
	approve := issuerhttp.EmergencyApproval{Plan: d.Draft.ID, By: ben.say(t, emergency.Approve, d.Draft, o.clock.Now())}
	if status, body := ask(issuerhttp.EmergencyApprovePath, approve, nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := ask(issuerhttp.EmergencyRunPath, issuerhttp.EmergencyDeed{Plan: d.Draft.ID}, nil); status != http.StatusOK || !strings.Contains(body, `"covered":`) {
		t.Errorf("%d %s", status, body)
	}
	// Nothing is issued any more; which keys are stopped stands on the operators' listener,
	// and not on that of wallets.
	for addr, want := range map[string]bool{o.app.Addresses().Metrics: true, o.app.Addresses().Public: false} {
		status, _, body := o.get("http://" + addr + "/readyz")
		if status != http.StatusServiceUnavailable || strings.Contains(body, "stopped by emergency plan "+d.Draft.ID) != want {
			t.Errorf("%d %q", status, body)
		}
		for _, key := range d.Draft.Scope.Keys {
			if strings.Contains(body, "(key "+key+") is stopped by emergency plan "+d.Draft.ID) != want {
				t.Errorf("%s in %q: want %v", key, body, want)
			}
		}
	}
	if _, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics"); !strings.Contains(body, "vidimus_emergency_stops 2\n") || !strings.Contains(body, "vidimus_emergency_plans_running 0\n") {
		t.Error("the metrics do not say it")
	}
	var found diagnosis.Diagnosis
	o.must(o.desk().Read(t.Context(), issuerhttp.DoctorPath, nil, &found))
	wrong := 0
	for _, f := range found.Findings {
		if f.Area == "emergency" && f.Grade == diagnosis.Wrong && slices.Contains(d.Draft.Scope.Keys, strings.TrimPrefix(f.What, "key ")) {
			wrong++
		}
	}
	if wrong != 2 {
		t.Errorf("%+v", found)
	}
	next, err := o.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-2", Configurations: []string{"mdl"}, Key: "next"})
	if err == nil {
		_, err = o.wallet().Accept(t.Context(), next.URI, wallet.AcceptOptions{TxCode: next.TxCode, Copies: 2})
	}
	if err == nil {
		t.Error("a stopped key signs")
	}
}

// TestAllLeavesTheNextKey: a key that waits for its turn is none of all that is lost.
func TestAllLeavesTheNextKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	old, next := o.generation("mdl", "old", 0, 90), o.generation("mdl", "new", 24, 114)
	o.turns("mdl", old, next)
	o.clock.Set(start.Add(25 * day))
	o.serve().people()
	d, err := o.desk().DraftEmergency(t.Context(), emergency.Wish{Kind: emergency.OfAll, Reference: "2026/17"})
	if err != nil || !slices.Contains(d.Draft.Scope.Keys, o.keyOf(old)) || slices.Contains(d.Draft.Scope.Keys, o.keyOf(next)) {
		t.Errorf("%v of %s and %s: %v", d.Draft.Scope.Keys, o.keyOf(old), o.keyOf(next), err)
	}
	if _, err := o.desk().DraftEmergency(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: o.keyOf(next), Reference: "2026/17"}); err != nil {
		t.Error(err)
	}
}

// TestRehearsalFolders: a rehearsal spoils no folder in which something lies.
func TestRehearsalFolders(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	empty := t.TempDir()
	for _, folder := range []string{"", o.cfg.StateDir, filepath.Join(o.cfg.StateDir, "x"), filepath.Dir(o.cfg.StateDir), filepath.Join(empty, "..")} {
		_, err := issuer.Rehearse(t.Context(), o.cfg, issuer.RehearsalOptions{
			Wish: emergency.Wish{Kind: emergency.OfAll}, Archive: "none", Identity: "none", Folder: folder, Clock: clock.System{}, Rand: rand.Reader,
		})
		if err == nil || strings.Contains(err.Error(), "none") {
			t.Errorf("%q: %v", folder, err)
		}
	}
}
