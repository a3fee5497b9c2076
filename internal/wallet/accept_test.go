package wallet_test

import (
	"slices"
	"strings"
	"testing"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/sdjwt"
	"vidimus/internal/wallet"
)

func TestAccept(t *testing.T) {
	for _, tt := range []struct {
		name   string
		path   string
		change func(*world)
		opt    wallet.AcceptOptions
		copies int
	}{
		{"plain", "", func(w *world) {}, wallet.AcceptOptions{}, 20},
		{"tenant", "/a/b", func(w *world) {}, wallet.AcceptOptions{Copies: 2}, 2},
		{"transaction code", "", func(w *world) { w.issuer.TxCode = "493536" }, wallet.AcceptOptions{Copies: 1, TxCode: "493536"}, 1},
		{"nonces of both servers", "", func(w *world) { w.issuer.DPoPNonces = true }, wallet.AcceptOptions{Copies: 2}, 2},
		{"stale nonce", "", func(w *world) { w.issuer.StaleNonces = 1 }, wallet.AcceptOptions{Copies: 2}, 2},
		{"known client", "", func(w *world) { w.issuer.ClientID, w.cfg.ClientID = "https://wallet.example", "https://wallet.example" }, wallet.AcceptOptions{Copies: 2}, 2},
		{"no batches", "", func(w *world) { w.issuer.BatchSize = 1 }, wallet.AcceptOptions{}, 1},
		{"small batches", "", func(w *world) { w.issuer.BatchSize = 3 }, wallet.AcceptOptions{}, 3},
		{"no nonces", "", func(w *world) { w.issuer.WithoutNonces = true }, wallet.AcceptOptions{Copies: 2}, 2},
		{"trusted issuer", "", func(w *world) { w.cfg.Trust = w.allAnchors() }, wallet.AcceptOptions{Copies: 2}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.path, tt.change)
			batches, err := w.accept(tt.opt, "mdl", "pid-mdoc", "pid-sd-jwt")
			if err != nil {
				t.Fatal(err)
			}
			if len(batches) != 3 {
				t.Fatalf("%d batches", len(batches))
			}
			for _, b := range batches {
				w.checkBatch(b, tt.copies)
			}
			w.checkModes()
			for _, n := range w.issuer.Notifications() {
				if n.Event != oid4vci.EventAccepted {
					t.Error(n.Event)
				}
			}
			if n := len(w.issuer.Notifications()); n != 3 {
				t.Errorf("%d notifications", n)
			}
			if held, err := w.store.List(); err != nil || len(held) != 3 {
				t.Errorf("%d held, %v", len(held), err)
			}
		})
	}
}

// checkBatch looks at what is in the folder: as many copies as asked for, each
// bound to a key and a status entry of its own.
func (w *world) checkBatch(b wallet.Batch, copies int) {
	w.t.Helper()
	if len(b.Copies) != copies || b.Issuer != w.issuer.URL || b.Name == "" || !b.Received.Equal(w.pki.Now) {
		w.t.Errorf("%+v", b)
	}
	seen := map[string]bool{}
	for n, c := range b.Copies {
		if c.Used != 0 || c.Proof != "" || !c.Valid(w.pki.Now) {
			w.t.Errorf("copy %d: %+v", n, c)
		}
		text, err := w.store.Credential(b.ID, n)
		w.must(err)
		for _, own := range w.own(b, text) {
			if seen[own] {
				w.t.Errorf("copy %d of %s shares %q with another", n, b.Configuration, own)
			}
			seen[own] = true
		}
	}
}

// own gives what a copy must have for itself.
func (w *world) own(b wallet.Batch, text string) []string {
	w.t.Helper()
	if b.Format == oid4vci.FormatSDJWT {
		token, err := sdjwt.Parse(text)
		w.must(err)
		payload, err := token.Process()
		w.must(err)
		key, err := payload.ConfirmationKey()
		w.must(err)
		jwk, err := jose.MarshalPublicKey(key.Public)
		w.must(err)
		status, err := payload.Status()
		w.must(err)
		if payload.VCT != elements.PIDVCT || b.Type != payload.VCT {
			w.t.Errorf("vct %q", payload.VCT)
		}
		return []string{string(jwk), "index " + string(rune(status.Index)), token.Disclosures[0].Salt}
	}
	raw, err := jose.DecodeBase64URL(text)
	w.must(err)
	signed, err := mdoc.ParseIssuerSigned(raw)
	w.must(err)
	if b.Type != signed.MSO.DocType {
		w.t.Errorf("docType %q", signed.MSO.DocType)
	}
	return []string{string(signed.MSO.DeviceKeyRaw), "index " + string(rune(signed.MSO.Status.StatusList.Index)), string(signed.NameSpaces[0].Items[0].Random)}
}

// Every way in which an offer reaches a wallet.
func TestOfferForms(t *testing.T) {
	w := newWorld(t, "/tenant")
	for _, scheme := range []string{"openid-credential-offer", "haip-vci", "https://wallet.example/offer", "https://wallet.example/offer?app=1"} {
		byValue, err := w.issuer.Offer(scheme, "mdl")
		w.must(err)
		byReference, err := w.issuer.OfferByReference(scheme, "mdl")
		w.must(err)
		for _, uri := range []string{byValue, byReference} {
			if b, err := w.wallet.Accept(t.Context(), uri, wallet.AcceptOptions{Copies: 1}); err != nil || len(b) != 1 {
				t.Errorf("%s: %v", uri, err)
			}
		}
	}
}

func TestChosenConfigurations(t *testing.T) {
	w := newWorld(t, "")
	b, err := w.accept(wallet.AcceptOptions{Copies: 1, Configurations: []string{"pid-sd-jwt", "pid-sd-jwt"}}, "mdl", "pid-sd-jwt")
	if err != nil || len(b) != 1 || b[0].Configuration != "pid-sd-jwt" {
		t.Errorf("%+v %v", b, err)
	}
}

// A token that names identifiers is used with these: one batch for each.
func TestCredentialIdentifiers(t *testing.T) {
	w := newWorld(t, "", func(w *world) { w.issuer.Identifiers = true })
	b, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
	if err != nil || len(b) != 2 || b[0].ID == b[1].ID {
		t.Errorf("%+v %v", b, err)
	}
}

func TestTooManyDatasets(t *testing.T) {
	w := newWorld(t, "", func(w *world) { w.issuer.Identifiers, w.issuer.Datasets = true, 12 })
	b, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
	if err != nil || len(b) != 8 || !strings.Contains(strings.Join(w.said, "\n"), "12 datasets") {
		t.Errorf("%d batches, %v", len(b), err)
	}
}

// No key, code or token is in what the wallet says of its work.
func TestProgressHoldsNoSecret(t *testing.T) {
	w := newWorld(t, "", func(w *world) { w.issuer.TxCode, w.issuer.DPoPNonces, w.issuer.StaleNonces = "493536", true, 1 })
	offer := w.issuer.Object("mdl")
	uri, err := offer.URI("haip-vci")
	w.must(err)
	_, err = w.wallet.Accept(t.Context(), uri, wallet.AcceptOptions{TxCode: "493536", Copies: 1})
	w.must(err)
	said := strings.Join(w.said, "\n")
	for _, secret := range []string{offer.PreAuthorized.Code, "493536", "Weber"} {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in %s", secret, said)
		}
	}
	for _, step := range []string{"offer of", "nonce in the DPoP proof", "nonce has run out", "checked and kept", "credential_accepted"} {
		if !strings.Contains(said, step) {
			t.Errorf("no %q in %s", step, said)
		}
	}
}

// Metadata is read before the code leaves the wallet, each endpoint is asked at
// its own address, and nothing else is.
func TestRequests(t *testing.T) {
	w := newWorld(t, "/tenant")
	_, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
	w.must(err)
	want := []string{
		"GET /.well-known/openid-credential-issuer/tenant", "GET /.well-known/oauth-authorization-server/tenant",
		"POST /tenant/token", "POST /tenant/nonce", "POST /tenant/credential", "POST /tenant/notification",
	}
	if got := w.issuer.Requests(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
