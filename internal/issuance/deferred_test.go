package issuance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/store/storetest"
)

// blocking makes a world where a court's ban allows no new copies of licences,
// and where wallets may wait.
func blocking(t testing.TB) *world {
	w := newWorld(t)
	table := document.DefaultTable()
	table["mdl"][document.Fact(document.CourtBan)] = document.Rule{Effect: document.EffectRevokeAndBlock}
	w.signers.byName["mdl"].Terms.Effects = table
	w.cfg.Defer = true
	w.restart()
	return w
}

// ban takes the right to drive away until an instant, zero for until lifted.
func (w *world) ban(until time.Time) {
	w.t.Helper()
	w.apply(storetest.EventAt("court", 1, "P1", storetest.Ban("M1", until), w.clock.Now()))
}

func (w *world) lift() {
	w.t.Helper()
	w.apply(storetest.EventAt("court", 2, "P1", document.MeasureLifted{ID: "M1"}, w.clock.Now()))
}

func (w *world) later(a issuance.Access, id string) (*oid4vci.CredentialResponse, error) {
	return w.service.Deferred(context.Background(), a, &oid4vci.DeferredRequest{TransactionID: id})
}

// waits asks for a licence and gets a transaction.
func (w *world) waits(a issuance.Access, n int) *oid4vci.CredentialResponse {
	w.t.Helper()
	allocated, signatures := w.allocated(), w.signers.signatures.Load()
	resp, err := w.ask(a, "mdl", w.proofs(n, w.nonce())...)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.TransactionID == "" || resp.Interval < 1 || resp.Credentials != nil || resp.NotificationID != "" {
		w.t.Fatalf("%+v", resp)
	}
	if w.allocated() != allocated || w.signers.signatures.Load() != signatures {
		w.t.Error("an index or a signature for a wallet that waits")
	}
	return resp
}

func TestDeferred(t *testing.T) {
	w := blocking(t)
	w.ban(time.Time{})
	nonce := w.nonce()
	proofs := w.proofs(3, nonce)
	resp, err := w.ask(w.access(), "mdl", proofs...)
	if err != nil || resp.Interval != 600 {
		t.Fatalf("%+v, %v", resp, err)
	}
	_, err = w.ask(w.access(), "mdl", proofs...)
	wantKind(t, err, problem.InvalidNonce)
	calls, lines := w.store.calls.Load(), w.lines()
	for range 100 { // D02: asking writes nothing
		again, err := w.later(w.access(), resp.TransactionID)
		if err != nil || again.TransactionID != resp.TransactionID || again.Interval != 600 || again.Credentials != nil {
			t.Fatalf("%+v, %v", again, err)
		}
	}
	if w.store.calls.Load() != calls || w.lines() != lines {
		t.Error("asking wrote something")
	}
	w.restart()
	w.clock.Advance(time.Hour)
	w.lift()
	// By now the wallet has another token.
	a := w.access()
	a.TokenID, a.Refreshed = "t2", true
	got, err := w.later(a, resp.TransactionID)
	if err != nil || len(got.Credentials) != 3 || got.TransactionID != "" || got.Interval != 0 || got.NotificationID == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	for range 2 {
		if err := w.service.Notify(context.Background(), a, &oid4vci.Notification{ID: got.NotificationID, Event: oid4vci.EventAccepted}); err != nil {
			t.Error(err)
		}
	}
	if w.meter.String() != "deferred mdl, issued mdl 3, notified credential_accepted" {
		t.Errorf("counted: %s", &w.meter)
	}
	copies, err := w.store.Copies(context.Background(), "DL-1")
	if err != nil || len(copies) != 3 {
		t.Fatal(err)
	}
	said, err := w.service.Said(context.Background(), copies[0].Batch)
	if err != nil || len(said) != 1 || said[0].Event != oid4vci.EventAccepted || !said[0].Recorded.Equal(w.clock.Now()) {
		t.Errorf("%+v, %v", said, err)
	}
	_, err = w.later(a, resp.TransactionID)
	wantKind(t, err, problem.InvalidTransactionID)
	keys := map[string]bool{}
	for _, key := range deviceKeys(t, got.Credentials) {
		keys[key] = true
	}
	for _, key := range proofKeys(t, proofs) {
		if !keys[key] {
			t.Error("a key of the first request has no copy")
		}
	}
}

// The interval is the time that is left where that is known.
func TestDeferredInterval(t *testing.T) {
	w := blocking(t)
	w.ban(w.clock.Now().Add(7 * time.Minute))
	resp := w.waits(w.access(), 1)
	if resp.Interval != 420 {
		t.Errorf("interval %d", resp.Interval)
	}
	w.clock.Advance(7*time.Minute - time.Second)
	if again, err := w.later(w.access(), resp.TransactionID); err != nil || again.Interval != 5 {
		t.Errorf("%+v, %v", again, err)
	}
	w.clock.Advance(time.Second)
	if got, err := w.later(w.access(), resp.TransactionID); err != nil || len(got.Credentials) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A document that is issued tomorrow, and one whose holder is not known yet.
func TestDocumentNotReady(t *testing.T) {
	w := blocking(t)
	tomorrow := w.clock.Now().AddDate(0, 0, 1)
	doc := put("DL-2", "mdl")
	doc.IssueDate = tomorrow.Format(time.DateOnly)
	w.apply(storetest.Event("r", 5, "P1", doc))
	w.apply(storetest.Event("s", 1, "P2", put("ID-2", "pid")))
	a := w.access()
	a.Documents = map[string]string{"mdl": "DL-2"}
	resp := w.waits(a, 2)
	w.clock.Advance(25 * time.Hour)
	a.Expires = w.clock.Now().Add(time.Minute)
	if got, err := w.later(a, resp.TransactionID); err != nil || len(got.Credentials) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	a.Person, a.Documents = "P2", map[string]string{"pid-mdoc": "ID-2"}
	got, err := w.ask(a, "pid-mdoc", w.proofs(1, w.nonce())...)
	if err != nil || got.TransactionID == "" {
		t.Errorf("nobody known yet: %+v, %v", got, err)
	}
}

// What time will not change is refused for good, also to who waited, and the
// caller learns which grants are of no use any more.
func TestFinal(t *testing.T) {
	ends := map[string]func(*world){
		"annulled": func(w *world) { w.apply(storetest.Event("end", 1, "P1", storetest.Annulled("DL-1"))) },
		"dead":     func(w *world) { w.apply(storetest.Event("end", 1, "P1", document.PersonDied{})) },
		"moved":    func(w *world) { w.records.without("DL-1") },
		"banned beyond its end": func(w *world) {
			w.apply(storetest.EventAt("end", 1, "P1", storetest.Ban("M2", w.clock.Now().AddDate(30, 0, 0)), w.clock.Now()))
			w.lift()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w := blocking(t)
			w.ban(time.Time{})
			resp := w.waits(w.access(), 1)
			end(w)
			for _, refuse := range []func() error{
				func() error { _, err := w.later(w.access(), resp.TransactionID); return err },
				func() error { _, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...); return err },
			} {
				err := refuse()
				wantKind(t, err, problem.CredentialRequestDenied)
				var final *issuance.FinalError
				if !errors.As(err, &final) || final.Person != "P1" || final.Document != "DL-1" || final.Configuration != "mdl" {
					t.Errorf("%v", err)
				}
			}
			_, err := w.later(w.access(), resp.TransactionID)
			wantKind(t, err, problem.InvalidTransactionID)
			if w.signers.signatures.Load() != 0 {
				t.Error("a signature")
			}
		})
	}
	// Without deferral there is a refusal, but none for good.
	w := blocking(t)
	w.cfg.Defer = false
	w.restart()
	w.ban(time.Time{})
	_, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
	wantKind(t, err, problem.CredentialRequestDenied)
	var final *issuance.FinalError
	if errors.As(err, &final) {
		t.Error("a ban that may be lifted is for good")
	}
}

func TestBadInputsDeferred(t *testing.T) {
	t.Run("D01/whose", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		id := w.waits(w.access(), 1).TransactionID
		other := id[:10] + "A" + id[11:]
		if other == id {
			other = id[:10] + "B" + id[11:]
		}
		change := func(f func(*issuance.Access)) issuance.Access {
			a := w.access()
			f(&a)
			return a
		}
		for name, c := range map[string]struct {
			access issuance.Access
			id     string
		}{
			"guessed": {w.access(), other}, "empty": {w.access(), ""}, "long": {w.access(), strings.Repeat("A", 5000)}, "padded": {w.access(), id + "="},
			"other_client":   {change(func(a *issuance.Access) { a.ClientID = "https://other.example" }), id},
			"other_person":   {change(func(a *issuance.Access) { a.Person = "P2" }), id},
			"D03/other_key":  {change(func(a *issuance.Access) { a.Thumbprint = "of-another-key" }), id},
			"other_instance": {change(func(a *issuance.Access) { a.InstanceThumbprint = "of-another-phone" }), id},
			"other_grant":    {change(func(a *issuance.Access) { a.Grant = "another" }), id},
			"other_document": {change(func(a *issuance.Access) { a.Documents = map[string]string{"mdl": "DL-2"} }), id},
			"no_document":    {change(func(a *issuance.Access) { a.Documents = nil }), id},
		} {
			_, err := w.later(c.access, c.id)
			if problem.KindOf(err) != problem.InvalidTransactionID {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.later(w.access(), id); err != nil {
			t.Errorf("and then it is gone: %v", err)
		}
		w.clock.Advance(issuance.DefaultDeferLifetime)
		_, err := w.later(w.access(), id)
		wantKind(t, err, problem.InvalidTransactionID)
	})

	t.Run("D03/new_key_of_the_same_phone", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		a := w.access()
		a.InstanceThumbprint = "of-the-phone"
		id := w.waits(a, 1).TransactionID
		a.Thumbprint, a.TokenID = "a-new-one", "t9"
		if _, err := w.later(a, id); err != nil {
			t.Error(err)
		}
	})

	t.Run("D04/at_once", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		id := w.waits(w.access(), 2).TransactionID
		w.lift()
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				a := w.access()
				a.TokenID = fmt.Sprint("t", i)
				resp, err := w.later(a, id)
				if err == nil && len(resp.Credentials) == 2 {
					won.Add(1)
					return
				}
				wantKind(t, err, problem.InvalidTransactionID)
			})
		}
		wg.Wait()
		if won.Load() != 1 || w.signers.signatures.Load() != 2 {
			t.Errorf("%d answers, %d signatures", won.Load(), w.signers.signatures.Load())
		}
	})

	t.Run("asked_again", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		first := w.waits(w.access(), 1).TransactionID
		second := w.waits(w.access(), 2).TransactionID
		_, err := w.later(w.access(), first)
		wantKind(t, err, problem.InvalidTransactionID)
		w.lift()
		if got, err := w.later(w.access(), second); err != nil || len(got.Credentials) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	})

	t.Run("token_spent", func(t *testing.T) {
		w := blocking(t)
		w.cfg.TokenBatches = 2
		w.restart()
		w.ban(time.Time{})
		for range 2 {
			w.waits(w.access(), 1)
		}
		_, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.InvalidToken)
	})

	t.Run("wallet_revoked", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		id := w.waits(w.access(), 1).TransactionID
		w.apply(storetest.Event("provider", 1, "", document.WalletUnitRevoked{Wallet: w.service.WalletUnit("of-a-key")}))
		w.lift()
		_, err := w.later(w.access(), id)
		wantKind(t, err, problem.CredentialRequestDenied)
		_, err = w.later(w.access(), id)
		wantKind(t, err, problem.InvalidTransactionID)
		_, err = w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.CredentialRequestDenied)
	})

	// The ban itself ends the grants of before: who waits for its end waits for
	// that. A grant that had ended for another reason stays ended.
	t.Run("void_grants", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		w.apply(voided(w, 1))
		w.clock.Advance(time.Second)
		id := w.waits(w.access(), 1).TransactionID
		w.lift()
		if got, err := w.later(w.access(), id); err != nil || len(got.Credentials) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		w = blocking(t)
		w.apply(voided(w, 1))
		w.clock.Advance(time.Second)
		w.ban(time.Time{})
		a := w.access()
		a.Granted = a.Granted.Add(-time.Minute)
		_, err := w.ask(a, "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.CredentialRequestDenied)
		// Ended while it waits.
		id = w.waits(w.fresh(), 1).TransactionID
		w.clock.Advance(time.Second)
		w.apply(voided(w, 2))
		w.lift()
		early := w.access()
		early.Granted = w.clock.Now().Add(-2 * time.Second)
		_, err = w.later(early, id)
		wantKind(t, err, problem.CredentialRequestDenied)
		// But for who was told to wait after that.
		w = blocking(t)
		w.ban(time.Time{})
		id = w.waits(w.fresh(), 1).TransactionID
		w.clock.Advance(time.Second)
		w.apply(voided(w, 1))
		w.clock.Advance(time.Second)
		told := w.fresh()
		w.lift()
		if got, err := w.later(told, id); err != nil || len(got.Credentials) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})

	t.Run("C23/trouble_of_ours", func(t *testing.T) {
		w := blocking(t)
		w.ban(time.Time{})
		id := w.waits(w.access(), 2).TransactionID
		w.lift()
		for name, c := range map[string]struct{ on, off func() }{
			"keys":      {func() { w.signers.down.Store(true) }, func() { w.signers.down.Store(false) }},
			"records":   {func() { w.records.down.Store(true) }, func() { w.records.down.Store(false) }},
			"disk":      {func() { w.store.failIntent.Store(true) }, func() { w.store.failIntent.Store(false) }},
			"signature": {func() { w.signers.broken.Store(true) }, func() { w.signers.broken.Store(false) }},
		} {
			c.on()
			_, err := w.later(w.access(), id)
			c.off()
			if problem.KindOf(err) != problem.Unavailable {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got, err := w.later(w.access(), id); err != nil || len(got.Credentials) != 2 {
			t.Errorf("the transaction was lost: %+v, %v", got, err)
		}
	})
}

// Nothing of the wallet's keys can be read from what is kept, and afterwards
// nothing is kept.
func TestDeferredIsSealed(t *testing.T) {
	w := blocking(t)
	w.ban(time.Time{})
	key := newKey(t)
	id := ""
	resp, err := w.ask(w.access(), "mdl", w.proof(key, w.nonce()))
	if err != nil {
		t.Fatal(err)
	}
	id = resp.TransactionID
	kept := w.store.deferred()
	if len(kept) != 1 {
		t.Fatalf("%d are kept", len(kept))
	}
	jwk, err := jose.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	members, err := jose.Members(jwk)
	if err != nil {
		t.Fatal(err)
	}
	x := bytes.Trim(members["x"], `"`)
	text := fmt.Sprintf("%s %+v", kept[0].Sealed, kept[0])
	if strings.Contains(text, string(x)) || strings.Contains(text, id) || len(kept[0].Sealed) == 0 {
		t.Error("the key, or the transaction id, can be read")
	}
	for _, e := range w.store.said() {
		if strings.Contains(fmt.Sprintf("%+v", e), id) || strings.Contains(fmt.Sprintf("%+v", e), string(x)) {
			t.Errorf("%+v", e)
		}
	}
	if n := count(w.audit, audit.Denied); n != 0 {
		t.Errorf("%d denials on record", n)
	}
}
