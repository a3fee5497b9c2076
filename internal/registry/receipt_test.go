package registry_test

import (
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

func (w *world) receiptOf(t *testing.T, source, jti string) *registryclient.Receipt {
	t.Helper()
	token, err := w.inbox.Receipt(t.Context(), source, jti)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.client(source).VerifyReceipt(token, &w.receipt.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceipt(t *testing.T) {
	w := newWorld(t)
	w.erika()
	w.store.copies["DL-1"] = 3
	w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 2, JTI: "annul", Payload: registryclient.DocumentAnnulled{Number: "DL-1"}})
	urgent := document.DefaultTable().Rule("mdl", document.FactDocumentAnnulled).Urgent
	if w.kicks.Load() != 1 || (w.urgent.Load() == 1) != urgent {
		t.Errorf("asked to publish %d times, %d urgent", w.kicks.Load(), w.urgent.Load())
	}
	w.send(driving, registryclient.Event{Subject: "P-1", Seq: 3, JTI: "right", Payload: registryclient.EntitlementPut{Kind: "driving", Territory: "UT"}})
	w.send(driving, registryclient.Event{Subject: "P-1", Seq: 4, JTI: "new", Payload: licence("DL-2")})
	w.send(driving, registryclient.Event{Subject: "P-1", Seq: 5, JTI: "none", Payload: registryclient.DocumentAnnulled{Number: "DL-2"}})

	r := w.receiptOf(t, driving, "annul")
	if r.State != "applied" || r.Version != 3 || r.Event != "annul" || r.CoveredAt != 0 || r.Lists != nil || r.IssuedAt != start.Unix() {
		t.Errorf("before publishing: %+v", r)
	}
	at := start.Add(time.Minute)
	w.store.covered(at)
	w.clock.Advance(time.Hour)
	covered := w.receiptOf(t, driving, "annul")
	if covered.State != "covered" || covered.CoveredAt != at.Unix() || len(covered.Lists) != 1 || covered.Lists[0].Version != 2 {
		t.Errorf("after publishing: %+v", covered)
	}
	if again := w.receiptOf(t, driving, "annul"); again.JTI != covered.JTI || again.JTI == r.JTI {
		t.Errorf("jti of receipts: %s, %s, %s", r.JTI, covered.JTI, again.JTI)
	}
	if r := w.receiptOf(t, driving, "right"); r.State != "applied" && r.State != "no-copies" || r.Version != 4 {
		t.Errorf("%+v", r)
	}
	if r := w.receiptOf(t, driving, "none"); r.State != "no-copies" || r.Version != 6 || r.CoveredAt != 0 {
		t.Errorf("%+v", r)
	}
	for _, other := range [][2]string{{identity, "annul"}, {driving, "unknown"}} {
		if _, err := w.inbox.Receipt(t.Context(), other[0], other[1]); problem.KindOf(err) != problem.NotFound {
			t.Errorf("receipt of %v: %v", other, err)
		}
	}
}

// The claims are those that are promised, and no others.
func TestReceiptClaims(t *testing.T) {
	w := newWorld(t)
	w.erika()
	w.store.copies["DL-1"] = 1
	w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 2, JTI: "annul", Payload: registryclient.DocumentAnnulled{Number: "DL-1"}})
	w.store.covered(start)
	token, err := w.inbox.Receipt(t.Context(), driving, "annul")
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := jose.Members(s.Payload)
	if err != nil || len(claims) != 11 || s.Header.Type != "vidimus-receipt+jwt" {
		t.Errorf("%v, %v, %v", claims, s.Header.Type, err)
	}
	for name, want := range map[string]string{
		"iss": `"` + office + `"`, "aud": `"` + driving + `"`, "iat": jsonInt(start.Unix()), "event": `"annul"`, "accepted_at": jsonInt(start.Unix()),
		"state": `"covered"`, "version": "3", "copies": "1", "covered_at": jsonInt(start.Unix()), "lists": `[{"uri":"https://office.example/status/1","version":2}]`,
	} {
		if string(claims[name]) != want {
			t.Errorf("%s is %s, want %s", name, claims[name], want)
		}
	}
}

func TestVerifyReceiptRefuses(t *testing.T) {
	w := newWorld(t)
	w.erika()
	o := w.send(driving, registryclient.Event{Subject: "P-1", Seq: 2, JTI: "j", Payload: licence("DL-2")})
	token, err := w.inbox.Receipt(t.Context(), driving, o.JTI)
	if err != nil {
		t.Fatal(err)
	}
	c := w.client(driving)
	for name, err := range map[string]error{
		"another key":    second(c.VerifyReceipt(token, &w.keys[driving].PublicKey)),
		"another source": second(w.client(identity).VerifyReceipt(token, &w.receipt.PublicKey)),
		"an event":       second(c.VerifyReceipt(w.sign(driving, registryclient.Event{Subject: "P", Seq: 1, Payload: licence("x")}).Token, &w.keys[driving].PublicKey)),
		"cut":            second(c.VerifyReceipt(token[:len(token)-1], &w.receipt.PublicKey)),
		"newline":        second(c.VerifyReceipt(token+"\n", &w.receipt.PublicKey)),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func second(_ *registryclient.Receipt, err error) error { return err }
