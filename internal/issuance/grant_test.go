package issuance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// TestEndedRights: a grant given before a fact that ended all grants, and a
// wallet unit that was revoked, get nothing; it is on record, and no nonce is
// used up by it.
func TestEndedRights(t *testing.T) {
	tests := []struct {
		name   string
		refuse error
		kind   problem.Kind
		reason string
	}{
		{"grant_void", issuance.ErrGrantVoid, problem.CredentialRequestDenied, "grant void"},
		{"grant_void_wrapped", fmt.Errorf("storing: %w", issuance.ErrGrantVoid), problem.CredentialRequestDenied, "grant void"},
		{"wallet_revoked", issuance.ErrWalletRevoked, problem.CredentialRequestDenied, "wallet revoked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			nonce := w.nonce()
			w.store.refusing(tt.refuse)
			_, err := w.ask(w.access(), "mdl", w.proofs(2, nonce)...)
			wantKind(t, err, tt.kind)
			var final *issuance.FinalError
			if got := errors.As(err, &final); got != errors.Is(tt.refuse, issuance.ErrGrantVoid) || got && final.Document != "DL-1" {
				t.Errorf("final: %+v", final)
			}
			if n := w.signers.signatures.Load(); n != 0 {
				t.Errorf("%d signatures", n)
			}
			denials := w.audit.Events()
			if len(denials) != 1 || denials[0].Outcome != audit.Denied || denials[0].Person != "P1" || denials[0].Detail["reason"] != tt.reason {
				t.Errorf("on record: %+v", denials)
			}
			w.store.refusing(nil)
			if _, err := w.ask(w.access(), "mdl", w.proofs(2, nonce)...); err != nil {
				t.Errorf("the nonce was used up: %v", err)
			}
		})
	}
	t.Run("denial_that_cannot_be_recorded", func(t *testing.T) {
		w := newWorld(t)
		w.store.refusing(issuance.ErrGrantVoid)
		w.audit.Fail = errors.New("disk full")
		_, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.Unavailable)
	})
}

// TestIntent: what the store needs to judge a request goes with it.
func TestIntent(t *testing.T) {
	w := newWorld(t)
	a := w.access()
	if _, err := w.ask(a, "mdl", w.proofs(2, w.nonce())...); err != nil {
		t.Fatal(err)
	}
	in := w.store.last
	if in.Status != issuance.StatusList || !in.Granted.Equal(a.Granted) || in.Wallet.Unit != w.service.WalletUnit(a.Thumbprint) || in.Count != 2 || in.Person != "P1" || in.Document != "DL-1" {
		t.Errorf("intent %+v", in)
	}
	a.Thumbprint = ""
	a.TokenID = "t2"
	if _, err := w.ask(a, "mdl", w.proofs(1, w.nonce())...); err != nil {
		t.Fatal(err)
	}
	if w.store.last.Wallet.Unit != "" {
		t.Errorf("a bearer token names the unit %q", w.store.last.Wallet.Unit)
	}
}

func TestWalletUnit(t *testing.T) {
	w := newWorld(t)
	unit := w.service.WalletUnit("of-a-key")
	if len(unit) != 22 || strings.Contains(unit, "key") || w.service.WalletUnit("of-another") == unit || w.service.WalletUnit("") != "" {
		t.Errorf("unit %q", unit)
	}
	w.restart()
	if w.service.WalletUnit("of-a-key") != unit {
		t.Error("another name after a restart")
	}
	w.cfg.Secret = []byte("another secret, of another office, long")
	w.restart()
	if w.service.WalletUnit("of-a-key") == unit {
		t.Error("two offices give the same name")
	}
}

// TestRecordNamesNobody: neither person nor document stands in an audit event
// but as Person, which the record makes a pseudonym of.
func TestRecordNamesNobody(t *testing.T) {
	w := newWorld(t)
	if _, err := w.ask(w.access(), "mdl", w.proofs(2, w.nonce())...); err != nil {
		t.Fatal(err)
	}
	p, err := w.service.Prepare(context.Background(), w.access(), &oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: w.proofs(1, w.nonce())}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Discard(context.Background()); err != nil {
		t.Fatal(err)
	}
	other := w.access()
	other.Documents = map[string]string{"pid-mdoc": "ID-1"}
	_, err = w.ask(other, "mdl", w.proofs(1, w.nonce())...)
	wantKind(t, err, problem.InsufficientScope)
	events := append(w.audit.Events(), w.store.events...)
	if len(events) != 5 { // intent, done, intent, failed, denied
		t.Fatalf("%d events", len(events))
	}
	var record audit.Memory
	for _, e := range events {
		if e.Person != "P1" || e.Subject != "" {
			t.Errorf("event about %q, %q", e.Person, e.Subject)
		}
		if err := record.Append(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	for _, number := range []string{`"P1"`, "DL-1", "ID-1"} {
		if strings.Contains(string(record.Bytes()), number) {
			t.Errorf("%s is on record:\n%s", number, record.Bytes())
		}
	}
}

// TestIdentifierList: a configuration with an identifier list puts the
// identifier of each copy into it, and no index.
func TestIdentifierList(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("../catalog/builtin/mdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.catalog = []string{filepath.Join(t.TempDir(), "mdl.yaml")}
	if err := os.WriteFile(w.catalog[0], append(text, []byte("status: identifier-list\n")...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart()
	resp, err := w.ask(w.access(), "mdl", w.proofs(3, w.nonce())...)
	if err != nil {
		t.Fatal(err)
	}
	if w.store.last.Status != issuance.StatusIdentifier {
		t.Errorf("intent of status %q", w.store.last.Status)
	}
	copies, err := w.store.Copies(t.Context(), "DL-1")
	if err != nil || len(copies) != 3 {
		t.Fatalf("%d copies, %v", len(copies), err)
	}
	kept := map[string]bool{}
	for _, c := range copies {
		kept[c.List+" "+string(c.Identifier)] = len(c.Identifier) > 0
	}
	for _, c := range resp.Credentials {
		raw, err := jose.DecodeBase64URL(c.Text())
		if err != nil {
			t.Fatal(err)
		}
		is, err := mdoc.ParseIssuerSigned(raw)
		if err != nil {
			t.Fatal(err)
		}
		status := is.MSO.Status
		if status == nil || status.StatusList != nil || status.IdentifierList == nil || !kept[status.IdentifierList.URI+" "+string(status.IdentifierList.ID)] {
			t.Errorf("status %+v", status)
		}
	}
	if len(kept) != 3 {
		t.Errorf("%d identifiers for 3 copies", len(kept))
	}
}
