package issuance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/sdjwt"
)

func TestIssueEveryBuiltInConfiguration(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		t.Run(id, func(t *testing.T) {
			before := w.store.intents.Load()
			resp, err := w.ask(w.access(), id, w.proofs(3, w.nonce())...)
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.Credentials) != 3 || resp.NotificationID == "" || resp.TransactionID != "" {
				t.Errorf("response %+v", resp)
			}
			if w.store.intents.Load()-before != 1 {
				t.Error("one batch, one intent")
			}
			for _, c := range resp.Credentials {
				if id == "pid-sd-jwt" {
					if _, err := sdjwt.Parse(c.Text()); err != nil {
						t.Error(err)
					}
					continue
				}
				raw, err := jose.DecodeBase64URL(c.Text())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := mdoc.ParseIssuerSigned(raw); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if i, d := count(w.audit, audit.Denied), w.store.signed.Load(); i != 0 || d != 3 {
		t.Errorf("%d denials, %d signed batches", i, d)
	}
}

func TestWhatIsKept(t *testing.T) {
	w := newWorld(t)
	if _, err := w.ask(w.access(), "mdl", w.proofs(2, w.nonce())...); err != nil {
		t.Fatal(err)
	}
	copies, err := w.store.Copies(context.Background(), "DL-1")
	if err != nil || len(copies) != 2 {
		t.Fatalf("%d copies, %v", len(copies), err)
	}
	for _, c := range copies {
		if c.Person != "P1" || c.Configuration != "mdl" || c.State != issuance.StateSigned || c.SignerKeyID != "key of mdl" || !strings.HasPrefix(c.List, issuer+"/status/") ||
			!c.Issued.Equal(c.Issued.Truncate(24*time.Hour)) || !c.Expires.After(w.clock.Now()) {
			t.Errorf("copy %+v", c)
		}
	}
	var will, did int
	var log strings.Builder
	if err := w.store.WriteAudit(context.Background(), &log); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"action":"credential.sign"`) {
			will += strings.Count(line, `"outcome":"intent"`)
			did += strings.Count(line, `"outcome":"done"`)
			if strings.Contains(line, "Dvorak") || strings.Contains(line, "1984-01-26") {
				t.Errorf("a value is on record: %s", line)
			}
		}
	}
	if will != 1 || did != 1 {
		t.Errorf("%d intents and %d signatures are on record", will, did)
	}
}

// The level of assurance of the login is on record, whatever it looks like.
func TestAssuranceIsOnRecord(t *testing.T) {
	for acr, want := range map[string]string{
		"http://eidas.europa.eu/LoA/high": "http://eidas.europa.eu/LoA/high", "a\nb": "a_b", "\xff\xfe": "__", strings.Repeat("ä", 200): strings.Repeat("_", 128), "": "",
	} {
		w := newWorld(t)
		a := w.access()
		a.ACR = acr
		if _, err := w.ask(a, "mdl", w.proofs(1, w.nonce())...); err != nil {
			t.Errorf("%q: %v", acr, err)
			continue
		}
		for _, e := range w.store.said() {
			if e.Detail["assurance"] != want {
				t.Errorf("%q: %q", acr, e.Detail["assurance"])
			}
		}
	}
}

func TestSignOnce(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	prepare := func() *issuance.Prepared {
		p, err := w.service.Prepare(ctx, w.access(), &oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: w.proofs(2, w.nonce())}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := prepare()
	if w.signers.signatures.Load() != 0 {
		t.Error("a signature before Sign")
	}
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := p.Sign(ctx); err == nil {
				ok.Add(1)
			} else if !errors.Is(err, issuance.ErrEnded) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ok.Load() != 1 || w.signers.signatures.Load() != 2 {
		t.Errorf("%d releases, %d signatures", ok.Load(), w.signers.signatures.Load())
	}
	if err := p.Discard(ctx); err != nil || w.store.burnings.Load() != 0 {
		t.Errorf("Discard after Sign: %v, %d burned", err, w.store.burnings.Load())
	}

	p = prepare()
	for range 2 {
		if err := p.Discard(ctx); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Sign(ctx); !errors.Is(err, issuance.ErrEnded) || w.store.burnings.Load() != 1 {
		t.Errorf("Sign after Discard: %v", err)
	}
}

func TestRecordChangesMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.records.stale.Store(2)
	if _, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...); err != nil {
		t.Errorf("two changes meanwhile: %v", err)
	}
	w.records.stale.Store(100)
	nonce := w.nonce()
	_, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...)
	wantKind(t, err, problem.Unavailable)
	w.records.stale.Store(0)
	if _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); err != nil {
		t.Errorf("the nonce was lost: %v", err)
	}
}

func TestWalletGoesAway(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	p, err := w.service.Prepare(ctx, w.access(), &oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: w.proofs(5, w.nonce())}})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = p.Sign(ctx)
	wantKind(t, err, problem.Unavailable)
	if w.store.burnings.Load() != 1 || w.store.signed.Load() != 0 {
		t.Errorf("%d burned, %d signed", w.store.burnings.Load(), w.store.signed.Load())
	}
}

func TestConfigRefusals(t *testing.T) {
	w := newWorld(t)
	parts := issuance.Parts{Store: w.store, Records: w.records, Signers: w.signers, Audit: w.audit, Clock: w.clock, Rand: w.rand}
	if _, err := issuance.New(w.cfg, parts); err == nil {
		t.Error("a service without a catalog")
	}
	for name, change := range map[string]func(*issuance.Config){
		"short secret":   func(c *issuance.Config) { c.Secret = c.Secret[:31] },
		"no issuer":      func(c *issuance.Config) { c.Issuer = "" },
		"slash":          func(c *issuance.Config) { c.OffersURL += "/" },
		"nonce for ever": func(c *issuance.Config) { c.NonceLifetime = 48 * time.Hour },
		"no batches":     func(c *issuance.Config) { c.TokenBatches = -1 },
		"no workers":     func(c *issuance.Config) { c.Workers = -1 },
	} {
		cfg := w.cfg
		change(&cfg)
		full := parts
		full.Catalog = emptyCatalog{}
		if _, err := issuance.New(cfg, full); err == nil {
			t.Errorf("%s: no refusal", name)
		}
	}
}

// A nonce stays used when it was swept and the clock is then set back, or when
// a request that was judged before its end is recorded after the sweep.
func TestNonceStaysUsedWhenTheClockIsSetBack(t *testing.T) {
	w := newWorld(t)
	nonce := w.nonce()
	if _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(issuance.DefaultNonceLifetime + 3*time.Second)
	if err := w.service.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(-10 * time.Second)
	a := w.access()
	a.TokenID = "t2"
	_, err := w.ask(a, "mdl", w.proofs(1, nonce)...)
	wantKind(t, err, problem.InvalidNonce)
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	if _, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Hour)
	if err := w.service.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n, err := w.store.SweepExpired(context.Background(), w.clock.Now(), 10); n != 0 || err != nil {
		t.Errorf("%d records were left, %v", n, err)
	}
}

// The record says what was signed: SHA-256 over the SHA-256 of the payload of each
// copy, as whoever holds the copies finds it in them.
func TestDigest(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		resp, err := w.ask(w.fresh(), id, w.proofs(3, w.nonce())...)
		if err != nil {
			t.Fatal(err)
		}
		want := sha256.New()
		for _, c := range resp.Credentials {
			one := sha256.Sum256(signedPayload(t, id, c.Text()))
			want.Write(one[:])
		}
		var record bytes.Buffer
		if err := w.store.WriteAudit(context.Background(), &record); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(record.String(), hex.EncodeToString(want.Sum(nil))); n != 1 {
			t.Errorf("%s: the record names what was signed %d times", id, n)
		}
	}
}

func signedPayload(t *testing.T, id, text string) []byte {
	t.Helper()
	if id == "pid-sd-jwt" {
		s, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return s.Issuer.Payload
	}
	raw, err := jose.DecodeBase64URL(text)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := mdoc.ParseIssuerSigned(raw)
	if err != nil {
		t.Fatal(err)
	}
	return issued.IssuerAuth.Payload
}

// A client's id is its provider's choice: whatever it is, the record takes it.
func TestClientInRecord(t *testing.T) {
	w := newWorld(t)
	for i, id := range []string{"a" + strings.Repeat("é", 255), "wallet\nforged line", "\u202e", strings.Repeat("x", 512)} {
		a := w.access()
		a.ClientID, a.TokenID = id, fmt.Sprint("t", i)
		if _, err := w.ask(a, "mdl", w.forged(w.nonce(), nil, map[string]any{"iss": id})); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	if len(w.store.events) == 0 {
		t.Error("nothing is on record")
	}
	for _, e := range w.store.events {
		e.Person, e.Subject = "", "p"
		if err := e.Check(); err != nil {
			t.Errorf("%q: %v", e.Actor, err)
		}
	}
}
