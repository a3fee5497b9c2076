package oauth

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

const (
	issuer   = "https://as.example.com"
	clientID = "https://wallet.example.org"
)

var errUntrusted = errors.New("no anchor for this chain")

func TestVerifyClientAttestation(t *testing.T) {
	provider, instance := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	leaf := []byte{0x30, 0x01}
	r := AttestationRequest{
		Issuer: issuer, ClientID: clientID, Now: now, MaxLifetime: 24 * time.Hour,
		Chain: func(x5c [][]byte) (crypto.PublicKey, error) {
			if len(x5c) != 1 || string(x5c[0]) != string(leaf) {
				return nil, errUntrusted
			}
			return provider.Public(), nil
		},
		Challenge: func(c string) error {
			if c != "c-1" {
				return errors.New("unknown challenge")
			}
			return nil
		},
	}
	status := map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 7, "uri": "https://s.example/1"}}}
	for name, extra := range map[string]map[string]any{
		"-10":             status,
		"-07":             {"iss": "https://provider.example", "nbf": now.Unix()},
		"EUDI":            {"wallet_name": "W", "client_status": status},
		"no known status": nil,
	} {
		att, err := SignAttestation(provider, [][]byte{leaf}, clientID, instance.Public(), now, now.Add(time.Hour), extra, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		pop, err := SignAttestationPoP(instance, issuer, clientID, "c-1", "jti-1", now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		a, err := VerifyClientAttestation(att, pop, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.ClientID != clientID || !instance.PublicKey.Equal(a.Key) || a.JTI != "jti-1" || !a.ValidUntil.Equal(now.Add(time.Hour)) || string(a.Leaf) != string(leaf) || len(a.Thumbprint) != 43 {
			t.Errorf("%s: %+v", name, a)
		}
		if !a.Expires.After(now.Add(DefaultMaxAge)) || a.ReplayKey() == [32]byte{} {
			t.Errorf("%s: replay until %v", name, a.Expires)
		}
		if has := strings.Contains(string(a.Status()), "status_list"); has != (name == "-10" || name == "EUDI") {
			t.Errorf("%s: status %s", name, a.Status())
		}
	}
}

func TestBadInputsAttestation(t *testing.T) {
	provider, instance, stranger := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	leaf := []byte{0x30, 0x01}
	own, _ := jose.MarshalPublicKey(instance.Public())
	private, _ := jose.MarshalPrivateKey(instance)
	edit := func(base, with map[string]any) map[string]any {
		for name, v := range with {
			if v == nil {
				delete(base, name)
			} else {
				base[name] = v
			}
		}
		return base
	}
	token := func(key crypto.Signer, header, claims map[string]any) string {
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		s, err := jose.Sign(key, header, payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	att := func(key crypto.Signer, header, claims map[string]any) string {
		return token(key, edit(map[string]any{"typ": typeAttestation, "x5c": [][]byte{leaf}}, header),
			edit(map[string]any{"sub": clientID, "iat": now.Unix(), "exp": now.Unix() + 3600, "cnf": map[string]any{"jwk": json.RawMessage(own)}}, claims))
	}
	pop := func(key crypto.Signer, header, claims map[string]any) string {
		return token(key, edit(map[string]any{"typ": typeAttestationPoP}, header),
			edit(map[string]any{"aud": issuer, "iat": now.Unix(), "jti": "j", "challenge": "c-1"}, claims))
	}
	goodAtt, goodPoP := att(provider, nil, nil), pop(instance, nil, nil)
	type m = map[string]any
	cnf := func(jwk string) m { return m{"cnf": m{"jwk": json.RawMessage(jwk)}} }
	hs256 := strings.Replace(goodAtt, goodAtt[:strings.IndexByte(goodAtt, '.')], jose.EncodeBase64URL([]byte(`{"alg":"HS256","typ":"`+typeAttestation+`","x5c":["MAE="]}`)), 1)

	for id, c := range map[string]struct {
		att, pop  string
		client    string
		challenge bool // the refusal must ask for a fresh challenge
		fine      bool
	}{
		"fine":                     {att: goodAtt, pop: goodPoP, client: clientID, fine: true},
		"fine, no client_id":       {att: goodAtt, pop: goodPoP, fine: true},
		"fine, -07":                {att: att(provider, nil, m{"iss": "x"}), pop: pop(instance, nil, m{"iss": clientID}), fine: true},
		"B23/unknown_provider":     {att: att(provider, m{"x5c": [][]byte{{0x30, 0x02}}}, nil), pop: goodPoP},
		"B23/other_key":            {att: att(stranger, nil, nil), pop: goodPoP},
		"B23/no_x5c":               {att: att(provider, m{"x5c": nil}, nil), pop: goodPoP},
		"B23/jwk_instead_of_x5c":   {att: att(stranger, m{"x5c": nil, "jwk": json.RawMessage(must(jose.MarshalPublicKey(stranger.Public())))}, nil), pop: goodPoP},
		"B23/expired":              {att: att(provider, nil, m{"exp": now.Unix()}), pop: goodPoP},
		"B23/one_second_left":      {att: att(provider, nil, m{"exp": now.Unix() + 1}), pop: goodPoP, fine: true},
		"B23/nbf_ahead":            {att: att(provider, nil, m{"nbf": now.Unix() + 60}), pop: goodPoP},
		"B23/iat_ahead":            {att: att(provider, nil, m{"iat": now.Unix() + 60}), pop: goodPoP},
		"B23/no_exp":               {att: att(provider, nil, m{"exp": nil}), pop: goodPoP},
		"B23/exp_too_far":          {att: att(provider, nil, m{"exp": now.Unix() + 90_000}), pop: goodPoP},
		"B23/exp_2^63-1":           {att: att(provider, nil, m{"exp": json.RawMessage("9223372036854775807")}), pop: goodPoP},
		"B23/typ":                  {att: att(provider, m{"typ": "JWT"}, nil), pop: goodPoP},
		"B23/typ_of_pop":           {att: att(provider, m{"typ": typeAttestationPoP}, nil), pop: goodPoP},
		"B23/HS256":                {att: hs256, pop: goodPoP},
		"B23/no_cnf":               {att: att(provider, nil, m{"cnf": nil}), pop: goodPoP},
		"B23/cnf_kid_only":         {att: att(provider, nil, m{"cnf": m{"kid": "1"}}), pop: goodPoP},
		"B23/cnf_private":          {att: att(provider, nil, cnf(string(private))), pop: goodPoP},
		"B23/cnf_oct":              {att: att(provider, nil, cnf(`{"kty":"oct","k":"AAAA"}`)), pop: goodPoP},
		"B23/no_sub":               {att: att(provider, nil, m{"sub": nil}), pop: goodPoP},
		"B23/sub_not_client_id":    {att: goodAtt, pop: goodPoP, client: "https://other.example"},
		"B23/joined":               {att: goodAtt + "~" + goodPoP, pop: goodPoP},
		"B24/other_key":            {att: goodAtt, pop: pop(stranger, nil, nil)},
		"B24/key_in_header":        {att: goodAtt, pop: pop(stranger, m{"jwk": json.RawMessage(must(jose.MarshalPublicKey(stranger.Public())))}, nil)},
		"B24/aud_token_endpoint":   {att: goodAtt, pop: pop(instance, nil, m{"aud": issuer + "/token"})},
		"B24/aud_trailing_slash":   {att: goodAtt, pop: pop(instance, nil, m{"aud": issuer + "/"})},
		"B24/aud_array_of_2":       {att: goodAtt, pop: pop(instance, nil, m{"aud": []string{issuer, "https://evil.example"}})},
		"B24/aud_array_of_1":       {att: goodAtt, pop: pop(instance, nil, m{"aud": []string{issuer}})},
		"B24/no_aud":               {att: goodAtt, pop: pop(instance, nil, m{"aud": nil})},
		"B24/stale_challenge":      {att: goodAtt, pop: pop(instance, nil, m{"challenge": "c-0"}), challenge: true},
		"B24/no_challenge":         {att: goodAtt, pop: pop(instance, nil, m{"challenge": nil}), challenge: true},
		"B24/challenge_as_nonce":   {att: goodAtt, pop: pop(instance, nil, m{"challenge": nil, "nonce": "c-1"}), challenge: true},
		"B24/no_jti":               {att: goodAtt, pop: pop(instance, nil, m{"jti": nil})},
		"B24/long_jti":             {att: goodAtt, pop: pop(instance, nil, m{"jti": strings.Repeat("j", maxJTI+1)})},
		"B24/missing":              {att: goodAtt, pop: ""},
		"B24/missing_attestation":  {att: "", pop: goodPoP},
		"B24/two_headers_joined":   {att: goodAtt, pop: goodPoP + ", " + goodPoP},
		"B24/iss_not_sub":          {att: goodAtt, pop: pop(instance, nil, m{"iss": "https://other.example"})},
		"B24/old":                  {att: goodAtt, pop: pop(instance, nil, m{"iat": now.Unix() - 301})},
		"B24/ahead":                {att: goodAtt, pop: pop(instance, nil, m{"iat": now.Unix() + 11})},
		"B24/no_iat":               {att: goodAtt, pop: pop(instance, nil, m{"iat": nil})},
		"B24/exp_past":             {att: goodAtt, pop: pop(instance, nil, m{"exp": now.Unix() - 1})},
		"B24/typ":                  {att: goodAtt, pop: pop(instance, m{"typ": "dpop+jwt"}, nil)},
		"B24/attestation_as_pop":   {att: goodAtt, pop: goodAtt},
		"B30/exp_string":           {att: att(provider, nil, m{"exp": "2099"}), pop: goodPoP},
		"B30/aud_number":           {att: goodAtt, pop: pop(instance, nil, m{"aud": 1})},
		"B30/iss_array":            {att: goodAtt, pop: pop(instance, nil, m{"iss": []string{clientID}})},
		"B30/nbf_object":           {att: goodAtt, pop: pop(instance, nil, m{"nbf": m{}})},
		"B29/attestation_is_a_JWE": {att: "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9..AAAA.AAAA.AAAA", pop: goodPoP},
		"B23/too_large":            {att: att(provider, nil, m{"more": strings.Repeat("x", maxAttestation)}), pop: goodPoP},
	} {
		t.Run(id, func(t *testing.T) {
			a, err := VerifyClientAttestation(c.att, c.pop, AttestationRequest{
				Issuer: issuer, ClientID: c.client, Now: now, MaxLifetime: 24 * time.Hour,
				Chain: func(x5c [][]byte) (crypto.PublicKey, error) {
					if string(x5c[0]) != string(leaf) {
						return nil, errUntrusted
					}
					return provider.Public(), nil
				},
				Challenge: func(c string) error {
					if c != "c-1" {
						return errors.New("unknown challenge")
					}
					return nil
				},
			})
			if c.fine {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if problem.KindOf(err) != problem.InvalidClient || a != nil {
				t.Errorf("%v", err)
			}
			if errors.Is(err, ErrAttestationChallenge) != c.challenge {
				t.Errorf("asks for a challenge: %v", err)
			}
			if id == "B23/unknown_provider" && !errors.Is(err, errUntrusted) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}

	down := problem.New(problem.Unavailable, "trust list not loaded")
	r := AttestationRequest{Issuer: issuer, Now: now, Chain: func([][]byte) (crypto.PublicKey, error) { return nil, down }}
	if _, err := VerifyClientAttestation(goodAtt, goodPoP, r); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("a trust store that is down is not the client's fault: %v", err)
	}
	r.Chain = func([][]byte) (crypto.PublicKey, error) { return nil, problem.New(problem.InvalidToken, "other") }
	if _, err := VerifyClientAttestation(goodAtt, goodPoP, r); problem.KindOf(err) != problem.InvalidClient {
		t.Errorf("the kind is the protocol's, whatever the chain rule says: %v", err)
	}
	r.Chain = nil
	if _, err := VerifyClientAttestation(goodAtt, goodPoP, r); problem.KindOf(err) != problem.Internal {
		t.Errorf("without a rule nobody is trusted: %v", err)
	}
	r.Chain = func([][]byte) (crypto.PublicKey, error) { return provider.Public(), nil }
	r.Challenge = func(string) error { return down }
	if _, err := VerifyClientAttestation(goodAtt, goodPoP, r); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("a challenge store that is down: %v", err)
	}
}

func FuzzVerifyClientAttestation(f *testing.F) {
	provider, instance := fuzzKey(f, 1), fuzzKey(f, 2)
	att, err := SignAttestation(provider, [][]byte{{0x30}}, clientID, instance.Public(), now, now.Add(time.Hour), nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	pop, err := SignAttestationPoP(instance, issuer, clientID, "", "j", now, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(att, pop)
	f.Add(pop, att)
	f.Fuzz(func(t *testing.T, a, p string) {
		got, err := VerifyClientAttestation(a, p, AttestationRequest{Issuer: issuer, Now: now, Chain: func([][]byte) (crypto.PublicKey, error) { return provider.Public(), nil }})
		if err == nil && (a != att || !instance.PublicKey.Equal(got.Key)) {
			t.Errorf("accepted what nobody signed: %s", a)
		}
		if err != nil && (got != nil || problem.KindOf(err) != problem.InvalidClient) {
			t.Errorf("%v beside %v", err, got)
		}
	})
}
