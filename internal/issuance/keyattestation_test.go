package issuance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

const demanding = "key_attestations_required: {key_storage: [iso_18045_high], user_authentication: [iso_18045_high, iso_18045_moderate]}\n"

// provider is a wallet provider whose chain is one made-up certificate.
type provider struct {
	key *ecdsa.PrivateKey
	der []byte
}

func (p provider) trusted(x5c [][]byte) (crypto.PublicKey, string, error) {
	if len(x5c) != 1 || string(x5c[0]) != string(p.der) {
		return nil, "", errors.New("no anchor for this chain")
	}
	return p.key.Public(), "keys", nil
}

// attesting is a world in which a provider is trusted, and in which licences
// demand key attestations.
func attesting(t testing.TB) (*world, provider) {
	w := newWorld(t)
	p := provider{newKey(t), []byte{0x30, 1}}
	w.attesters = p.trusted
	w.configured("mdl", demanding)
	return w, p
}

// attest makes a key attestation for n new keys; a nil claim is left out.
func (w *world) attest(p provider, n int, nonce string, claims map[string]any) (string, []*ecdsa.PrivateKey) {
	w.t.Helper()
	keys := make([]*ecdsa.PrivateKey, n)
	public := make([]crypto.PublicKey, n)
	for i := range keys {
		keys[i] = newKey(w.t)
		public[i] = keys[i].Public()
	}
	all := map[string]any{"key_storage": []string{"iso_18045_high"}, "user_authentication": []string{"iso_18045_moderate"}}
	for k, v := range claims {
		all[k] = v
	}
	token, err := oid4vci.SignKeyAttestation(p.key, [][]byte{p.der}, public, nonce, w.clock.Now(), w.clock.Now().Add(time.Hour), all, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return token, keys
}

// attested is the one proof that goes with a key attestation.
func (w *world) attested(p provider, n int, nonce string, claims map[string]any) string {
	w.t.Helper()
	token, keys := w.attest(p, n, "", claims)
	proof, err := oid4vci.SignAttestedProof(keys[0], token, issuer, nonce, client, w.clock.Now(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return proof
}

func (w *world) askAttested(a issuance.Access, attestation string) (*oid4vci.CredentialResponse, error) {
	return w.send(a, `{"credential_configuration_id":"mdl","proofs":{"attestation":["`+attestation+`"]}}`)
}

func TestKeyAttestation(t *testing.T) {
	w, p := attesting(t)
	for _, n := range []int{1, 5, 30} { // one copy for each key, at most a batch
		want := min(n, 20)
		a := w.access()
		a.TokenID = fmt.Sprint("t", n)
		resp, err := w.ask(a, "mdl", w.attested(p, n, w.nonce(), nil))
		if err != nil || len(resp.Credentials) != want {
			t.Fatalf("%d keys in a jwt proof: %d copies, %v", n, len(resp.Credentials), err)
		}
		token, keys := w.attest(p, n, w.nonce(), nil)
		if resp, err = w.askAttested(a, token); err != nil || len(resp.Credentials) != want {
			t.Fatalf("%d keys in an attestation proof: %v", n, err)
		}
		for i, key := range deviceKeys(t, resp.Credentials) {
			if key != thumbprint(t, keys[i].Public()) {
				t.Errorf("copy %d of %d has another key", i, n)
			}
		}
	}
	// A provider's own key may be on a larger curve.
	strong, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.attesters = provider{strong, p.der}.trusted
	w.restart()
	if _, err := w.ask(w.access(), "mdl", w.attested(provider{strong, p.der}, 1, w.nonce(), nil)); err != nil {
		t.Errorf("P-384: %v", err)
	}
	w.attesters = p.trusted
	w.restart()
	// What does not demand one takes both ways, and one from a stranger as if
	// it were not there.
	for name, proof := range map[string]string{
		"attested": w.attested(p, 2, w.nonce(), nil), "plain": w.proof(newKey(t), w.nonce()), "of a stranger": w.strange(t),
	} {
		if _, err := w.ask(w.access(), "pid-mdoc", proof); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// strange is a proof with its key, and with a key attestation by nobody.
func (w *world) strange(t *testing.T) string {
	t.Helper()
	token, keys := w.attest(provider{newKey(t), []byte{0x30, 9}}, 1, "", nil)
	jwk, err := jose.MarshalPublicKey(keys[0].Public())
	if err != nil {
		t.Fatal(err)
	}
	return signRaw(t, keys[0], map[string]any{"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": json.RawMessage(jwk), "key_attestation": token},
		map[string]any{"aud": issuer, "iat": w.clock.Now().Unix(), "nonce": w.nonce(), "iss": client})
}

func TestBadInputsKeyAttestation(t *testing.T) {
	w, p := attesting(t)
	stranger := provider{newKey(t), []byte{0x30, 2}}
	impostor := provider{newKey(t), p.der}
	for name, c := range map[string]struct {
		by     provider
		claims map[string]any
		n      int
	}{
		"C13/untrusted":          {by: stranger, n: 1},
		"C13/trusted_unlinked":   {by: impostor, n: 1},
		"C13/level":              {by: p, n: 1, claims: map[string]any{"key_storage": []string{"iso_18045_moderate"}}},
		"C13/no_level":           {by: p, n: 1, claims: map[string]any{"key_storage": nil}},
		"C13/authentication":     {by: p, n: 1, claims: map[string]any{"user_authentication": []string{"iso_18045_basic"}}},
		"C13/expired":            {by: p, n: 1, claims: map[string]any{"exp": w.clock.Now().Unix()}},
		"C13/status_no_index":    {by: p, n: 1, claims: map[string]any{"status": map[string]any{"status_list": map[string]any{"uri": "https://p.example"}}}},
		"C13/status_text":        {by: p, n: 1, claims: map[string]any{"status": "valid"}},
		"C13/status_period_text": {by: p, n: 1, claims: map[string]any{"key_storage_status": map[string]any{"exp": "soon"}}},
		"C14/too_many_keys":      {by: p, n: 101},
	} {
		t.Run(name, func(t *testing.T) {
			nonce := w.nonce()
			token, keys := w.attest(c.by, c.n, nonce, c.claims)
			proof, err := oid4vci.SignAttestedProof(keys[0], token, issuer, nonce, client, w.clock.Now(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			before := w.store.intents.Load()
			_, err = w.ask(w.access(), "mdl", proof)
			wantKind(t, err, problem.InvalidProof)
			_, err = w.askAttested(w.access(), token)
			wantKind(t, err, problem.InvalidProof)
			if w.store.intents.Load() != before {
				t.Error("something was consumed")
			}
			a := w.access()
			a.TokenID = name
			if _, err := w.ask(a, "mdl", w.attested(p, 1, nonce, nil)); err != nil {
				t.Errorf("the nonce was lost: %v", err)
			}
		})
	}
	t.Run("C13/missing", func(t *testing.T) {
		_, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.InvalidProof)
	})
	t.Run("C13/nobody_trusted", func(t *testing.T) {
		w.attesters = nil
		w.restart()
		_, err := w.ask(w.access(), "mdl", w.attested(p, 1, w.nonce(), nil))
		wantKind(t, err, problem.InvalidProof)
	})
	t.Run("C13/nobody_knows", func(t *testing.T) {
		w.attesters = func([][]byte) (crypto.PublicKey, string, error) {
			return nil, "", problem.New(problem.Unavailable, "no list")
		}
		w.restart()
		_, err := w.ask(w.access(), "mdl", w.attested(p, 1, w.nonce(), nil))
		wantKind(t, err, problem.Unavailable)
	})
}

// A copy ends with the status of what the wallet showed, whichever ends first,
// and the unit has the name of its instance.
func TestWalletBounds(t *testing.T) {
	w, p := attesting(t)
	day := func(n int) time.Time { return w.clock.Now().Truncate(24*time.Hour).AddDate(0, 0, n) }
	status := func(index, days int) map[string]any {
		return map[string]any{"key_storage_status": map[string]any{
			"status": map[string]any{"status_list": map[string]any{"idx": index, "uri": "https://p.example/1"}}, "exp": day(days).Add(5 * time.Hour).Unix(),
		}}
	}
	for name, c := range map[string]struct {
		wallet, key, want int // days
	}{
		"neither is short": {100, 100, 14}, "the key": {100, 3, 3}, "the wallet": {2, 5, 2}, "not said": {0, 0, 14}, "the key alone": {0, 4, 4},
	} {
		a := w.access()
		a.TokenID, a.InstanceThumbprint = name, "of-the-phone"
		a.Attestations = []issuance.StatusIndex{{List: "https://p.example/0", Index: 1}}
		if c.wallet > 0 {
			a.AttestationsExpire = day(c.wallet).Add(time.Hour)
		}
		claims := status(7, c.key)
		if c.key == 0 {
			claims = nil
		}
		if _, err := w.ask(a, "mdl", w.attested(p, 1, w.nonce(), claims)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in := w.store.last
		if !in.Expires.Equal(day(c.want)) || in.Wallet.Unit != w.service.WalletUnit("of-the-phone") || in.Wallet.Unit == w.service.WalletUnit("of-a-key") {
			t.Errorf("%s: %s, want %s; unit %s", name, in.Expires, day(c.want), in.Wallet.Unit)
		}
		if n := len(in.Wallet.Attestations); c.key > 0 && (n != 2 || in.Wallet.Attestations[1].Index != 7) || c.key == 0 && n != 1 {
			t.Errorf("%s: %+v", name, in.Wallet)
		}
	}
	a := w.access()
	a.AttestationsExpire = w.clock.Now()
	_, err := w.ask(a, "mdl", w.attested(p, 1, w.nonce(), nil))
	wantKind(t, err, problem.CredentialRequestDenied)
}
