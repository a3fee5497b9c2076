package oid4vci

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

var attesterLeaf = []byte{0x30, 0x01}

var errUntrusted = errors.New("no anchor for this chain")

func attestationRules(attester crypto.Signer) ProofRules {
	r := rules()
	r.KeyAttestation = &KeyAttestationRules{
		Required:           true,
		KeyStorage:         []string{"iso_18045_high"},
		UserAuthentication: []string{"iso_18045_high", "iso_18045_moderate"},
		Chain: func(x5c [][]byte) (crypto.PublicKey, error) {
			if string(x5c[0]) != string(attesterLeaf) {
				return nil, errUntrusted
			}
			return attester.Public(), nil
		},
	}
	return r
}

func levels(more map[string]any) map[string]any {
	c := map[string]any{"key_storage": []string{"iso_18045_high"}, "user_authentication": []string{"iso_18045_moderate"}, "certification": "https://c.example"}
	for name, v := range more {
		c[name] = v
	}
	return c
}

func TestKeyAttestation(t *testing.T) {
	attester, a, b, c := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	keys := []crypto.PublicKey{a.Public(), b.Public(), c.Public()}
	status := map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 1, "uri": "https://s.example"}}}
	attest := func(nonce string, more map[string]any) string {
		token, err := SignKeyAttestation(attester, [][]byte{attesterLeaf}, keys, nonce, now, now.Add(time.Hour), levels(more), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	check := func(name string, r *CredentialRequest, rules ProofRules, n int) {
		t.Helper()
		got, err := r.VerifyProofs(rules)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if len(got) != n {
			t.Fatalf("%s: %d keys, want %d", name, len(got), n)
		}
		for i, p := range got {
			if !p.Key.(interface{ Equal(crypto.PublicKey) bool }).Equal(keys[i]) || p.Nonce != cNonce || !p.IssuedAt.Equal(now) {
				t.Errorf("%s: %d: %+v", name, i, p)
			}
			if k := p.Attestation; k == nil || len(k.Keys) != 3 || !k.Expires.Equal(now.Add(time.Hour)) || k.KeyStorage[0] != "iso_18045_high" || string(k.Leaf) != string(attesterLeaf) {
				t.Errorf("%s: %+v", name, k)
			}
		}
	}
	small := attestationRules(attester)
	small.BatchSize = 2
	single := attestationRules(attester)
	single.BatchSize = 0
	for name, nonce := range map[string]string{"nonce in both": cNonce, "nonce in the proof alone": ""} {
		token, err := SignAttestedProof(a, attest(nonce, nil), issuer, cNonce, clientID, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		r := &CredentialRequest{Proofs: Proofs{JWT: []string{token}}}
		check(name, r, attestationRules(attester), 3)
		check(name+", batch of 2", r, small, 2)
		check(name+", no batch", r, single, 1)
	}
	r := &CredentialRequest{Proofs: Proofs{Attestation: []string{attest(cNonce, status)}}}
	check("attestation proof", r, attestationRules(attester), 3)
	got, err := r.VerifyProofs(attestationRules(attester))
	if err != nil || !strings.Contains(string(got[0].Attestation.Status()), "status_list") {
		t.Errorf("status: %v", err)
	}
	r = &CredentialRequest{Proofs: Proofs{Attestation: []string{attest(cNonce, map[string]any{"key_storage_status": status})}}}
	if got, err := r.VerifyProofs(attestationRules(attester)); err != nil || !strings.Contains(string(got[0].Attestation.Status()), "status_list") {
		t.Errorf("EUDI status: %v", err)
	}

	// The key of the proof may be named: by jwk, by kid, thumbprint or index.
	jwk, _ := jose.MarshalPublicKey(b.Public())
	tp, _ := jose.Thumbprint(b.Public())
	withKid := strings.Replace(string(must(jose.MarshalPublicKey(b.Public()))), "{", `{"kid":"second",`, 1)
	own := attest(cNonce, map[string]any{"attested_keys": []json.RawMessage{must(jose.MarshalPublicKey(a.Public())), json.RawMessage(withKid), must(jose.MarshalPublicKey(c.Public()))}})
	for name, h := range map[string]map[string]any{
		"jwk":        {"jwk": json.RawMessage(jwk)},
		"kid":        {"kid": "second"},
		"thumbprint": {"kid": jose.EncodeBase64URL(tp)},
		"index":      {"kid": "1"},
	} {
		h["typ"], h["key_attestation"] = typeProof, own
		token, err := signProof(b, h, issuer, cNonce, clientID, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		check("named by "+name, &CredentialRequest{Proofs: Proofs{JWT: []string{token}}}, attestationRules(attester), 3)
	}
}

func TestStatusPeriod(t *testing.T) {
	for text, want := range map[string]string{
		``: "", `{}`: "", `{"exp":1780000000}`: "2026-05-28T20:26:40Z", `{"exp":999999999999999}`: "", `{"exp":"x"}`: "error", `[]`: "error",
	} {
		var raw json.RawMessage
		if text != "" {
			raw = json.RawMessage(text)
		}
		at, err := StatusPeriod(raw)
		got := at.Format(time.RFC3339)
		switch {
		case err != nil:
			got = "error"
		case at.IsZero():
			got = ""
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestBadInputsKeyAttestation(t *testing.T) {
	attester, stranger, a, b := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	type m = map[string]any
	attestWith := func(signer crypto.Signer, header, claims m) string {
		c := levels(m{"iat": now.Unix(), "exp": now.Unix() + 3600, "nonce": cNonce, "attested_keys": []json.RawMessage{must(jose.MarshalPublicKey(a.Public()))}})
		for name, v := range claims {
			if v == nil {
				delete(c, name)
			} else {
				c[name] = v
			}
		}
		h := m{"typ": typeKeyAttestation, "x5c": [][]byte{attesterLeaf}}
		for name, v := range header {
			if v == nil {
				delete(h, name)
			} else {
				h[name] = v
			}
		}
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jose.Sign(signer, h, payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	attest := func(claims m) string { return attestWith(attester, nil, claims) }
	proofWith := func(key crypto.Signer, attestation any, header m) string {
		h := m{"typ": typeProof, "key_attestation": attestation}
		for name, v := range header {
			h[name] = v
		}
		token, err := signProof(key, h, issuer, cNonce, clientID, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := attest(nil)
	many := make([]json.RawMessage, maxAttestedKeys+1)
	for i := range many {
		many[i] = must(jose.MarshalPublicKey(a.Public()))
	}
	private, _ := jose.MarshalPrivateKey(a)

	for id, c := range map[string]struct {
		att   string       // as an attestation proof and, signed over by a, in a jwt proof
		want  problem.Kind // "" = accepted
		proof string       // instead of the jwt proof
	}{
		"fine":                       {att: good},
		"C13/untrusted_root":         {att: attestWith(attester, m{"x5c": [][]byte{{0x30, 2}}}, nil), want: problem.InvalidProof},
		"C13/trusted_but_unlinked":   {att: attestWith(stranger, m{"x5c": [][]byte{{0x30, 2}, attesterLeaf}}, nil), want: problem.InvalidProof},
		"C13/signed_by_another":      {att: attestWith(stranger, nil, nil), want: problem.InvalidProof},
		"C13/no_x5c":                 {att: attestWith(attester, m{"x5c": nil, "kid": "1"}, nil), want: problem.InvalidProof},
		"C13/jwk_header":             {att: attestWith(stranger, m{"x5c": nil, "jwk": json.RawMessage(must(jose.MarshalPublicKey(stranger.Public())))}, nil), want: problem.InvalidProof},
		"C13/typ":                    {att: attestWith(attester, m{"typ": "JWT"}, nil), want: problem.InvalidProof},
		"C13/old_typ":                {att: attestWith(attester, m{"typ": typeKeyAttestationOld}, nil), want: problem.InvalidProof},
		"C13/expired":                {att: attest(m{"exp": now.Unix()}), want: problem.InvalidProof},
		"C13/iat_ahead":              {att: attest(m{"iat": now.Unix() + 60}), want: problem.InvalidProof},
		"C13/no_iat":                 {att: attest(m{"iat": nil}), want: problem.InvalidProof},
		"C13/level_too_low":          {att: attest(m{"key_storage": []string{"iso_18045_moderate", "iso_18045_basic"}}), want: problem.InvalidProof},
		"C13/no_level":               {att: attest(m{"key_storage": nil}), want: problem.InvalidProof},
		"C13/no_user_authentication": {att: attest(m{"user_authentication": nil}), want: problem.InvalidProof},
		"C13/level_no_array":         {att: attest(m{"key_storage": "iso_18045_high"}), want: problem.InvalidProof},
		"C13/other_nonce":            {att: attest(m{"nonce": "other"}), want: ""}, // kinds differ by proof type, see below
		"C13/certification_object":   {att: attest(m{"certification": m{}}), want: problem.InvalidProof},
		"C13/no_keys":                {att: attest(m{"attested_keys": nil}), want: problem.InvalidProof},
		"C13/empty_keys":             {att: attest(m{"attested_keys": []string{}}), want: problem.InvalidProof},
		"C13/private_key":            {att: attest(m{"attested_keys": []json.RawMessage{private}}), want: problem.InvalidProof},
		"C07/P-384_key":              {att: attest(m{"attested_keys": []json.RawMessage{must(jose.MarshalPublicKey(a.Public())), must(jose.MarshalPublicKey(newKey(t, elliptic.P384()).Public()))}}), want: problem.InvalidProof},
		"C07/Ed25519_key":            {att: attest(m{"attested_keys": []any{m{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}}), want: problem.InvalidProof},
		"C13/RSA_key":                {att: attest(m{"attested_keys": []any{m{"kty": "RSA"}}}), want: problem.InvalidProof},
		"C13/same_key_twice":         {att: attest(m{"attested_keys": many[:2]}), want: problem.InvalidProof},
		"C14/too_many_keys":          {att: attest(m{"attested_keys": many}), want: problem.InvalidProof},
		"C13/key_not_attested":       {att: good, want: problem.InvalidProof, proof: proofWith(b, good, m{"jwk": json.RawMessage(must(jose.MarshalPublicKey(b.Public())))})},
		"C13/signed_by_other_key":    {att: good, want: problem.InvalidProof, proof: proofWith(b, good, nil)},
		"C13/kid_unknown":            {att: good, want: problem.InvalidProof, proof: proofWith(a, good, m{"kid": "7"})},
		"C13/kid_negative":           {att: good, want: problem.InvalidProof, proof: proofWith(a, good, m{"kid": "-0"})},
		"C13/kid_with_zeros":         {att: good, want: problem.InvalidProof, proof: proofWith(a, good, m{"kid": "00"})},
		"C13/kid_empty":              {att: good, want: problem.InvalidProof, proof: proofWith(a, good, m{"kid": ""})},
		"C13/jwk_and_kid":            {att: good, want: problem.InvalidProof, proof: proofWith(a, good, m{"kid": "0", "jwk": json.RawMessage(must(jose.MarshalPublicKey(a.Public())))})},
		"C13/not_a_string":           {att: good, want: problem.InvalidProof, proof: proofWith(a, m{"a": 1}, nil)},
		"C13/missing":                {att: good, want: problem.InvalidProof, proof: proof(t, a)},
	} {
		t.Run(id, func(t *testing.T) {
			token := c.proof
			if token == "" {
				token = proofWith(a, c.att, nil)
			}
			r := &CredentialRequest{Proofs: Proofs{JWT: []string{token}}}
			got, err := r.VerifyProofs(attestationRules(attester))
			if id == "C13/other_nonce" {
				c.want = problem.InvalidProof
			}
			if c.want == "" && err != nil || c.want != "" && (problem.KindOf(err) != c.want || got != nil) {
				t.Errorf("in a jwt proof: %v, want %s", err, c.want)
			}
			if c.proof != "" {
				return
			}
			if id == "C13/other_nonce" {
				c.want = problem.InvalidNonce
			}
			r = &CredentialRequest{Proofs: Proofs{Attestation: []string{c.att}}}
			got, err = r.VerifyProofs(attestationRules(attester))
			if c.want == "" && err != nil || c.want != "" && (problem.KindOf(err) != c.want || got != nil) {
				t.Errorf("as a proof: %v, want %s", err, c.want)
			}
		})
	}
	asProof := func(r ProofRules, tokens ...string) error {
		_, err := (&CredentialRequest{Proofs: Proofs{Attestation: tokens}}).VerifyProofs(r)
		return err
	}
	t.Run("C13/nonce_absent", func(t *testing.T) {
		if err := asProof(attestationRules(attester), attest(m{"nonce": nil})); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
	t.Run("C13/exp_absent_in_a_jwt_proof", func(t *testing.T) {
		token := attest(m{"exp": nil})
		if _, err := verify(attestationRules(attester), proofWith(a, token, nil)); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
		if err := asProof(attestationRules(attester), token); err != nil {
			t.Errorf("optional in an attestation proof: %v", err)
		}
	})
	t.Run("C14/too_large", func(t *testing.T) {
		if err := asProof(attestationRules(attester), attest(m{"x": strings.Repeat("x", maxProof)})); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
	t.Run("C13/two_attestations", func(t *testing.T) {
		if err := asProof(attestationRules(attester), good, good); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
	t.Run("C13/two_proofs_with_attestation", func(t *testing.T) {
		if _, err := verify(attestationRules(attester), proofWith(a, good, nil), proof(t, b)); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
	t.Run("C05/attestation_not_offered", func(t *testing.T) {
		if err := asProof(rules(), good); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
	t.Run("C13/old_typ_by_configuration", func(t *testing.T) {
		r := attestationRules(attester)
		r.KeyAttestation.AcceptOldType = true
		if err := asProof(r, attestWith(attester, m{"typ": typeKeyAttestationOld}, nil)); err != nil {
			t.Error(err)
		}
	})
	t.Run("C13/optional", func(t *testing.T) {
		r := attestationRules(attester)
		r.KeyAttestation.Required = false
		if _, err := verify(r, proof(t, a)); err != nil {
			t.Error(err)
		}
	})
	t.Run("C13/optional_and_untrusted", func(t *testing.T) {
		r := attestationRules(attester)
		r.KeyAttestation.Required = false
		own := m{"jwk": json.RawMessage(must(jose.MarshalPublicKey(a.Public())))}
		stranger := attestWith(stranger, m{"x5c": [][]byte{{0x30, 2}}}, nil)
		if got, err := verify(r, proofWith(a, stranger, own)); err != nil || len(got) != 1 || got[0].Attestation != nil {
			t.Errorf("the proof names its key: %+v, %v", got, err)
		}
		if _, err := verify(r, proofWith(a, stranger, nil)); problem.KindOf(err) != problem.InvalidProof {
			t.Errorf("the attestation alone names the key: %v", err)
		}
		if _, err := verify(r, proofWith(a, attest(m{"exp": now.Unix()}), own)); problem.KindOf(err) != problem.InvalidProof {
			t.Errorf("a trusted attestation that is wrong: %v", err)
		}
		if err := asProof(r, stranger); problem.KindOf(err) != problem.InvalidProof {
			t.Errorf("as a proof: %v", err)
		}
	})
	t.Run("C13/trust_store_down", func(t *testing.T) {
		r := attestationRules(attester)
		r.KeyAttestation.Chain = func([][]byte) (crypto.PublicKey, error) { return nil, problem.New(problem.Unavailable, "not loaded") }
		if err := asProof(r, good); problem.KindOf(err) != problem.Unavailable {
			t.Error(err)
		}
		r.KeyAttestation.Chain = nil
		if err := asProof(r, good); problem.KindOf(err) != problem.Internal {
			t.Errorf("without a rule nobody is trusted: %v", err)
		}
		r.KeyAttestation.Chain = func([][]byte) (crypto.PublicKey, error) { return nil, problem.New(problem.InvalidClient, "x") }
		if err := asProof(r, good); problem.KindOf(err) != problem.InvalidProof {
			t.Errorf("the kind is the protocol's, whatever the chain rule says: %v", err)
		}
	})
}

func BenchmarkKeyAttestation20(b *testing.B) {
	attester := newKey(b, elliptic.P256())
	var keys []crypto.PublicKey
	first := newKey(b, elliptic.P256())
	keys = append(keys, first.Public())
	for range 19 {
		keys = append(keys, newKey(b, elliptic.P256()).Public())
	}
	att, err := SignKeyAttestation(attester, [][]byte{attesterLeaf}, keys, cNonce, now, now.Add(time.Hour), levels(nil), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	token, err := SignAttestedProof(first, att, issuer, cNonce, clientID, now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	r := attestationRules(attester)
	r.BatchSize = 20
	b.ReportAllocs()
	for b.Loop() {
		if got, err := verify(r, token); err != nil || len(got) != 20 {
			b.Fatal(err)
		}
	}
}
