package oid4vci

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const (
	issuer   = "https://issuer.example.com/pid"
	clientID = "https://wallet.example.org"
	cNonce   = "wFq1m2o8Yb0c6R3sKJ4d9A"
)

var now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func checkNonce(n string) error {
	if n != cNonce {
		return errors.New("unknown nonce")
	}
	return nil
}

func rules() ProofRules {
	return ProofRules{Issuer: issuer, ClientID: clientID, CheckNonce: checkNonce, Now: now, BatchSize: 10}
}

func proof(t testing.TB, key crypto.Signer) string {
	t.Helper()
	p, err := SignProof(key, issuer, cNonce, clientID, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func verify(r ProofRules, tokens ...string) ([]Proof, error) {
	return (&CredentialRequest{Proofs: Proofs{JWT: tokens}}).VerifyProofs(r)
}

func TestVerifyProofs(t *testing.T) {
	a, b := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	got, err := verify(rules(), proof(t, a), proof(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !a.PublicKey.Equal(got[0].Key) || !b.PublicKey.Equal(got[1].Key) || got[1].Nonce != cNonce || !got[0].IssuedAt.Equal(now) || got[0].Attestation != nil {
		t.Errorf("%+v", got)
	}
	// An anonymous client leaves iss out.
	r := rules()
	r.ClientID, r.Anonymous = "", true
	anonymous, err := SignProof(a, issuer, cNonce, "", now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(r, anonymous); err != nil {
		t.Error(err)
	}
	if _, err := verify(rules(), anonymous); err != nil {
		t.Errorf("a known client may leave iss out: %v", err)
	}
	// No nonce endpoint: none is needed, and one that is there is not judged.
	r = rules()
	r.CheckNonce = nil
	without, _ := SignProof(a, issuer, "", clientID, now, rand.Reader)
	for _, p := range []string{without, proof(t, a)} {
		if _, err := verify(r, p); err != nil {
			t.Error(err)
		}
	}
	r = rules()
	r.Algorithms = []string{"ES256", "ES384"}
	if _, err := verify(r, proof(t, newKey(t, elliptic.P384()))); err != nil {
		t.Errorf("ES384 where allowed: %v", err)
	}
}

// The nonce is judged once for the request, and only after everything else.
func TestNonceIsJudgedOnceAndLast(t *testing.T) {
	a, b := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	calls := 0
	r := rules()
	r.CheckNonce = func(n string) error { calls++; return checkNonce(n) }
	if _, err := verify(r, proof(t, a), proof(t, b)); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	bad := proof(t, b)
	bad = bad[:len(bad)-4] + "AAAA"
	if _, err := verify(r, proof(t, a), bad); err == nil || calls != 1 {
		t.Errorf("the nonce of a bad request was judged: %d calls, %v", calls, err)
	}
	down := problem.New(problem.Unavailable, "the store is down")
	r.CheckNonce = func(string) error { return down }
	if _, err := verify(r, proof(t, a)); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("a store that is down is not the wallet's fault: %v", err)
	}
}

func TestBadInputsProof(t *testing.T) {
	key := newKey(t, elliptic.P256())
	jwk, _ := jose.MarshalPublicKey(key.Public())
	private, _ := jose.MarshalPrivateKey(key)
	type m = map[string]any
	edit := func(base, with m) m {
		for name, v := range with {
			if v == nil {
				delete(base, name)
			} else {
				base[name] = v
			}
		}
		return base
	}
	sign := func(k crypto.Signer, h, c m) string {
		own, _ := jose.MarshalPublicKey(k.Public())
		payload, err := json.Marshal(edit(m{"iss": clientID, "aud": issuer, "iat": now.Unix(), "nonce": cNonce}, c))
		if err != nil {
			t.Fatal(err)
		}
		s, err := jose.Sign(k, edit(m{"typ": typeProof, "jwk": json.RawMessage(own)}, h), payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	head := func(h m) string { return sign(key, h, nil) }
	body := func(c m) string { return sign(key, nil, c) }
	good := body(nil)
	claims, _ := json.Marshal(m{"aud": issuer, "iat": now.Unix(), "nonce": cNonce})
	// raw signs any header text with the key.
	raw := func(header string) string {
		input := jose.EncodeBase64URL([]byte(header)) + "." + jose.EncodeBase64URL(claims)
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return input + "." + jose.EncodeBase64URL(sig)
	}
	header := func(more string) string {
		return `{"alg":"ES256","typ":"` + typeProof + `","jwk":` + string(jwk) + more + `}`
	}
	mac := func() string {
		in := jose.EncodeBase64URL([]byte(strings.Replace(header(""), "ES256", "HS256", 1))) + "." + jose.EncodeBase64URL(claims)
		h := hmac.New(sha256.New, jwk)
		h.Write([]byte(in))
		return in + "." + jose.EncodeBase64URL(h.Sum(nil))
	}
	dot := strings.LastIndexByte(good, '.')
	sig, _ := jose.DecodeBase64URL(good[dot+1:])
	signature := func(b []byte) string { return good[:dot+1] + jose.EncodeBase64URL(b) }
	rs := [2]*big.Int{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])}
	der, _ := asn1.Marshal(struct{ R, S *big.Int }{rs[0], rs[1]})
	n := elliptic.P256().Params().N
	highS := new(big.Int).Sub(n, rs[1])
	if highS.Cmp(rs[1]) < 0 {
		highS = rs[1]
	}
	p384, p521 := newKey(t, elliptic.P384()), newKey(t, elliptic.P521())
	jwk384, _ := jose.MarshalPublicKey(p384.Public())
	zero := `{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`

	for id, c := range map[string]struct {
		proof string
		want  problem.Kind // "" = accepted
	}{
		"fine":                     {good, ""},
		"C02/nonce_stale":          {body(m{"nonce": "old"}), problem.InvalidNonce},
		"C02/nonce_1_MiB":          {body(m{"nonce": strings.Repeat("n", 1<<20)}), problem.InvalidProof},
		"C02/nonce_absent":         {body(m{"nonce": nil}), problem.InvalidProof},
		"C02/nonce_empty":          {body(m{"nonce": ""}), problem.InvalidProof},
		"C02/nonce_number":         {body(m{"nonce": 1}), problem.InvalidProof},
		"C06/typ_JWT":              {head(m{"typ": "JWT"}), problem.InvalidProof},
		"C06/typ_missing":          {head(m{"typ": nil}), problem.InvalidProof},
		"C06/typ_case":             {head(m{"typ": "OpenID4VCI-proof+jwt"}), problem.InvalidProof},
		"C06/typ_long_form":        {head(m{"typ": "application/" + typeProof}), problem.InvalidProof},
		"C06/none":                 {raw(strings.Replace(header(""), "ES256", "none", 1)), problem.InvalidProof},
		"C06/none_unsigned":        {jose.EncodeBase64URL([]byte(strings.Replace(header(""), "ES256", "none", 1))) + "." + jose.EncodeBase64URL(claims) + ".", problem.InvalidProof},
		"C06/ES256_P384_key":       {raw(strings.Replace(header(""), string(jwk), string(jwk384), 1)), problem.InvalidProof},
		"C06/HS256_jwk":            {mac(), problem.InvalidProof},
		"C06/ES384_not_allowed":    {sign(p384, nil, nil), problem.InvalidProof},
		"C07/jwk_and_kid":          {head(m{"kid": "1"}), problem.InvalidProof},
		"C07/jwk_and_x5c":          {head(m{"x5c": [][]byte{{0x30}}}), problem.InvalidProof},
		"C07/all_three":            {head(m{"kid": "1", "x5c": [][]byte{{0x30}}}), problem.InvalidProof},
		"C07/none_of_them":         {head(m{"jwk": nil}), problem.InvalidProof},
		"C07/x5c_only":             {head(m{"jwk": nil, "x5c": [][]byte{{0x30}}}), problem.InvalidProof},
		"C07/private":              {head(m{"jwk": json.RawMessage(private)}), problem.InvalidProof},
		"C07/P-521":                {sign(p521, nil, nil), problem.InvalidProof},
		"C07/infinity":             {head(m{"jwk": json.RawMessage(zero)}), problem.InvalidProof},
		"C07/not_on_curve":         {head(m{"jwk": json.RawMessage(strings.Replace(zero, "AAA\"", "AAE\"", 2))}), problem.InvalidProof},
		"C07/kid_did_jwk":          {head(m{"jwk": nil, "kid": "did:jwk:eyJrdHkiOiJFQyJ9#0"}), problem.InvalidProof},
		"C07/other_key":            {head(m{"jwk": json.RawMessage(must(jose.MarshalPublicKey(newKey(t, elliptic.P256()).Public())))}), problem.InvalidProof},
		"C07/use_enc":              {head(m{"jwk": json.RawMessage(strings.Replace(string(jwk), "{", `{"use":"enc",`, 1))}), problem.InvalidProof},
		"C07/jwk_text":             {head(m{"jwk": string(jwk)}), problem.InvalidProof},
		"C08/other_issuer":         {body(m{"aud": "https://other.example"}), problem.InvalidProof},
		"C08/trailing_slash":       {body(m{"aud": issuer + "/"}), problem.InvalidProof},
		"C08/array_of_two":         {body(m{"aud": []string{issuer, "https://other.example"}}), problem.InvalidProof},
		"C08/array_of_one":         {body(m{"aud": []string{issuer}}), problem.InvalidProof},
		"C08/token_endpoint":       {body(m{"aud": issuer + "/token"}), problem.InvalidProof},
		"C08/no_aud":               {body(m{"aud": nil}), problem.InvalidProof},
		"C08/10_min_old":           {body(m{"iat": now.Unix() - 600}), problem.InvalidProof},
		"C08/300_s_old":            {body(m{"iat": now.Unix() - 300}), ""},
		"C08/301_s_old":            {body(m{"iat": now.Unix() - 301}), problem.InvalidProof},
		"C08/10_s_ahead":           {body(m{"iat": now.Unix() + 10}), ""},
		"C08/11_s_ahead":           {body(m{"iat": now.Unix() + 11}), problem.InvalidProof},
		"C08/no_iat":               {body(m{"iat": nil}), problem.InvalidProof},
		"C08/iat_string":           {body(m{"iat": "now"}), problem.InvalidProof},
		"C08/exp_past":             {body(m{"exp": now.Unix()}), problem.InvalidProof},
		"C08/exp_string":           {body(m{"exp": "2099"}), problem.InvalidProof},
		"C08/nbf_ahead":            {body(m{"nbf": now.Unix() + 60}), problem.InvalidProof},
		"C08/iss_not_client":       {body(m{"iss": "https://other.example"}), problem.InvalidProof},
		"C08/iss_empty":            {body(m{"iss": ""}), problem.InvalidProof},
		"C08/iss_number":           {body(m{"iss": 1}), problem.InvalidProof},
		"C09/broken":               {signature(append(slices.Clone(sig[:63]), sig[63]^1)), problem.InvalidProof},
		"C09/DER":                  {signature(der), problem.InvalidProof},
		"C09/r_is_zero":            {signature(append(make([]byte, 32), sig[32:]...)), problem.InvalidProof},
		"C09/s_is_zero":            {signature(append(slices.Clone(sig[:32]), make([]byte, 32)...)), problem.InvalidProof},
		"C09/r_is_n":               {signature(append(n.FillBytes(make([]byte, 32)), sig[32:]...)), problem.InvalidProof},
		"C09/high_s":               {signature(append(slices.Clone(sig[:32]), highS.FillBytes(make([]byte, 32))...)), ""},
		"C09/63_octets":            {signature(sig[:63]), problem.InvalidProof},
		"C09/65_octets":            {signature(append(slices.Clone(sig), 0)), problem.InvalidProof},
		"C09/132_octets":           {signature(make([]byte, 132)), problem.InvalidProof},
		"C10/crit_exp":             {raw(header(`,"crit":["exp"],"exp":1`)), problem.InvalidProof},
		"C10/crit_x":               {raw(header(`,"crit":["x"]`)), problem.InvalidProof},
		"C10/crit_empty":           {raw(header(`,"crit":[]`)), problem.InvalidProof},
		"C10/b64_false":            {raw(header(`,"b64":false`)), problem.InvalidProof},
		"C10/zip":                  {raw(header(`,"zip":"DEF"`)), problem.InvalidProof},
		"C10/unknown":              {raw(header(`,"x":[1],"jku":"http://127.0.0.1/"`)), ""},
		"C10/duplicate_jwk":        {raw(header(`,"jwk":` + string(jwk))), problem.InvalidProof},
		"C10/variant_of_jwk":       {raw(header(`,"JWK":` + string(jwk))), problem.InvalidProof},
		"C13/attestation_not_read": {head(m{"key_attestation": "a.b.c"}), ""}, // no rules for them: an unknown member
		"empty":                    {"", problem.InvalidProof},
		"huge":                     {strings.Repeat("a", 1<<20), problem.InvalidProof},
	} {
		t.Run(id, func(t *testing.T) {
			got, err := verify(rules(), c.proof)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if problem.KindOf(err) != c.want || got != nil {
				t.Errorf("%v, want %s", err, c.want)
			}
			if d := problem.Detail(err); d == "" || strings.ContainsAny(d, "\"\\\n") {
				t.Errorf("detail %q", d)
			}
		})
	}
	t.Run("C05/missing", func(t *testing.T) {
		if _, err := (&CredentialRequest{}).VerifyProofs(rules()); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
	t.Run("C08/iss_of_an_anonymous_client", func(t *testing.T) {
		r := rules()
		r.ClientID, r.Anonymous = "", true
		if _, err := verify(r, good); problem.KindOf(err) != problem.InvalidProof {
			t.Error(err)
		}
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestBadInputsBatch(t *testing.T) {
	var tokens []string
	for range 11 {
		tokens = append(tokens, proof(t, newKey(t, elliptic.P256())))
	}
	same := newKey(t, elliptic.P256())
	other, err := SignProof(newKey(t, elliptic.P256()), issuer, "other", clientID, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(tokens[:10])
	broken[7] = broken[7][:len(broken[7])-4] + "AAAA"
	single := rules()
	single.BatchSize = 0
	for id, c := range map[string]struct {
		rules  ProofRules
		tokens []string
		fine   bool
	}{
		"C12/ten":               {rules(), tokens[:10], true},
		"C11/eleven":            {rules(), tokens, false},
		"C11/two_without_batch": {single, tokens[:2], false},
		"C11/one_without_batch": {single, tokens[:1], true},
		"C11/same_key":          {rules(), []string{proof(t, same), tokens[0], proof(t, same)}, false},
		"C11/same_proof":        {rules(), []string{tokens[0], tokens[0]}, false},
		"C11/one_bad_among_ten": {rules(), broken, false},
		"C11/different_nonces":  {rules(), []string{tokens[0], other}, false},
	} {
		t.Run(id, func(t *testing.T) {
			got, err := verify(c.rules, c.tokens...)
			if c.fine {
				if err != nil || len(got) != len(c.tokens) {
					t.Errorf("%d, %v", len(got), err)
				}
			} else if problem.KindOf(err) != problem.InvalidProof || got != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// RFC 7515 appendix A.3.
const fuzzKey = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`

func FuzzVerifyProofs(f *testing.F) {
	// Key and signature are fixed, because the fuzzer's processes must agree on them.
	k, err := jose.ParseKey([]byte(fuzzKey))
	if err != nil {
		f.Fatal(err)
	}
	good, err := SignProof(k.Private.(crypto.Signer), issuer, cNonce, clientID, now, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, "")
	f.Add(good, good)
	f.Add(strings.Replace(good, ".", "..", 1), good)
	f.Fuzz(func(t *testing.T, a, b string) {
		tokens := []string{a}
		if b != "" {
			tokens = append(tokens, b)
		}
		r := rules()
		r.CheckNonce = nil
		got, err := verify(r, tokens...)
		if err != nil {
			if got != nil || problem.KindOf(err) != problem.InvalidProof {
				t.Errorf("%v beside %v", err, got)
			}
			return
		}
		for i, p := range got {
			if s, err := jose.Parse(tokens[i]); err != nil || s.Verify(p.Key) != nil {
				t.Errorf("proof %d: %v", i, err)
			}
		}
	})
}

func BenchmarkVerifyProofs(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var tokens []string
			for range n {
				tokens = append(tokens, proof(b, newKey(b, elliptic.P256())))
			}
			r := rules()
			r.BatchSize = 50
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verify(r, tokens...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
