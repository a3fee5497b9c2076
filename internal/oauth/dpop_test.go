package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

var now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

const (
	endpoint = "https://issuer.example.com/pid/credential"
	token    = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request() DPoPRequest {
	return DPoPRequest{Method: "POST", URL: endpoint, AccessToken: token, Now: now}
}

// RFC 9449 figures 4 and 12: the published proofs, at the time of their iat.
func TestPublishedProofs(t *testing.T) {
	const head = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
	for name, c := range map[string]struct {
		proof string
		r     DPoPRequest
		jti   string
	}{
		"token request": {
			head + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
			DPoPRequest{Method: "POST", URL: "https://server.example.com/token", Now: time.Unix(1562262616, 0)}, "-BwC3ESc6acc2lTc"},
		"resource request": {
			head + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
			DPoPRequest{Method: "GET", URL: "https://resource.example.org/protectedresource", AccessToken: token, Now: time.Unix(1562262618, 0)}, "e1j3V_bKic8-LAEB"},
	} {
		p, err := VerifyDPoP(c.proof, c.r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Thumbprint != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" || p.JTI != c.jti || !p.IssuedAt.Equal(c.r.Now) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if tokenHash(token) != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Errorf("ath = %s", tokenHash(token))
	}
}

func TestSignDPoP(t *testing.T) {
	key := newKey(t, elliptic.P256())
	proof, err := SignDPoP(key, "POST", endpoint+"?q=1#f", token, "n-1", "jti-1", now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := request()
	r.Nonce = func(n string) error {
		if n != "n-1" {
			return errors.New("stale")
		}
		return nil
	}
	p, err := VerifyDPoP(proof, r)
	if err != nil {
		t.Fatal(err)
	}
	if p.JTI != "jti-1" || !p.IssuedAt.Equal(now) || !p.Expires.After(now.Add(DefaultMaxAge)) || !key.PublicKey.Equal(p.Key) {
		t.Errorf("%+v", p)
	}
	_, okp, _ := ed25519.GenerateKey(rand.Reader)
	r = request()
	r.Algorithms = []string{"ES256", "ES384", "EdDSA"}
	if proof, err = SignDPoP(okp, "POST", endpoint, token, "", "1", now, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyDPoP(proof, r); err != nil {
		t.Errorf("EdDSA: %v", err)
	}
	if _, err := SignDPoP(key, "POST", "issuer.example.com", "", "", "1", now, nil); err == nil {
		t.Error("a relative URL")
	}
}

func TestReplayKey(t *testing.T) {
	key := newKey(t, elliptic.P256())
	sign := func(url, jti string) [32]byte {
		proof, err := SignDPoP(key, "POST", url, token, "", jti, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p, err := VerifyDPoP(proof, request())
		if err != nil {
			t.Fatal(err)
		}
		return p.ReplayKey()
	}
	// Two signatures, two spellings of the URL, one jti: one entry.
	if sign(endpoint, "a") != sign("HTTPS://Issuer.Example.com:443/pid/credential", "a") || sign(endpoint, "a") == sign(endpoint, "b") {
		t.Error("the replay key does not follow key and jti alone")
	}
}

// claims gives the claims of a good proof, changed by edit.
func claims(edit map[string]any) map[string]any {
	c := map[string]any{"jti": "j-1", "htm": "POST", "htu": endpoint, "iat": now.Unix(), "ath": tokenHash(token)}
	for name, v := range edit {
		if v == nil {
			delete(c, name)
		} else {
			c[name] = v
		}
	}
	return c
}

func TestBadInputsDPoP(t *testing.T) {
	key := newKey(t, elliptic.P256())
	jwk, _ := jose.MarshalPublicKey(key.Public())
	private, _ := jose.MarshalPrivateKey(key)
	with := func(members string) json.RawMessage {
		return json.RawMessage(strings.TrimSuffix(string(jwk), "}") + members + "}")
	}
	header := func(edit map[string]any) map[string]any {
		h := map[string]any{"typ": "dpop+jwt", "jwk": json.RawMessage(jwk)}
		for name, v := range edit {
			if v == nil {
				delete(h, name)
			} else {
				h[name] = v
			}
		}
		return h
	}
	sign := func(h, c map[string]any) string {
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := jose.Sign(key, h, payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	body := func(edit map[string]any) string { return sign(header(nil), claims(edit)) }
	head := func(edit map[string]any) string { return sign(header(edit), claims(nil)) }
	// raw makes a token with any header text, signed with the key.
	raw := func(h, payload string) string {
		good := sign(header(nil), claims(nil))
		return jose.EncodeBase64URL([]byte(h)) + "." + jose.EncodeBase64URL([]byte(payload)) + good[strings.LastIndexByte(good, '.'):]
	}
	text := func(payload string) string {
		proof, err := jose.Sign(key, header(nil), []byte(payload), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	mac := func() string {
		in := jose.EncodeBase64URL([]byte(`{"alg":"HS256","typ":"dpop+jwt","jwk":`+string(jwk)+`}`)) + "." + jose.EncodeBase64URL([]byte(`{}`))
		m := hmac.New(sha256.New, jwk)
		m.Write([]byte(in))
		return in + "." + jose.EncodeBase64URL(m.Sum(nil))
	}
	p384 := newKey(t, elliptic.P384())
	es384, err := SignDPoP(p384, "POST", endpoint, token, "", "1", now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := body(nil)
	claimsText, _ := json.Marshal(claims(nil))

	for id, c := range map[string]struct {
		proof string
		want  problem.Kind // "" = accepted
	}{
		"B07/missing":            {"", problem.InvalidDPoPProof},
		"B07/comma_joined":       {good + "," + good, problem.InvalidDPoPProof},
		"B07/comma_space_joined": {good + ", " + good, problem.InvalidDPoPProof},
		"B07/space_before":       {" " + good, problem.InvalidDPoPProof},
		"B07/two_parts":          {good[:strings.LastIndexByte(good, '.')], problem.InvalidDPoPProof},
		"B08/host_case":          {body(map[string]any{"htu": "HTTPS://ISSUER.example.COM/pid/credential"}), ""},
		"B09/path_case":          {body(map[string]any{"htu": "https://issuer.example.com/PID/credential"}), problem.InvalidDPoPProof},
		"B09/query":              {body(map[string]any{"htu": endpoint + "?x=1"}), ""},
		"B09/fragment":           {body(map[string]any{"htu": endpoint + "#x"}), ""},
		"B09/trailing_slash":     {body(map[string]any{"htu": endpoint + "/"}), problem.InvalidDPoPProof},
		"B09/port_443":           {body(map[string]any{"htu": "https://issuer.example.com:443/pid/credential"}), ""},
		"B09/port_8443":          {body(map[string]any{"htu": "https://issuer.example.com:8443/pid/credential"}), problem.InvalidDPoPProof},
		"B09/port_80":            {body(map[string]any{"htu": "https://issuer.example.com:80/pid/credential"}), problem.InvalidDPoPProof},
		"B09/http":               {body(map[string]any{"htu": "http://issuer.example.com/pid/credential"}), problem.InvalidDPoPProof},
		"B09/other_host":         {body(map[string]any{"htu": "https://issuer.example.org/pid/credential"}), problem.InvalidDPoPProof},
		"B09/userinfo":           {body(map[string]any{"htu": "https://issuer.example.com@evil.example/pid/credential"}), problem.InvalidDPoPProof},
		"B09/IDN":                {body(map[string]any{"htu": "https://issuér.example.com/pid/credential"}), problem.InvalidDPoPProof},
		"B09/punycode":           {body(map[string]any{"htu": "https://xn--issur-fsa.example.com/pid/credential"}), problem.InvalidDPoPProof},
		"B09/relative":           {body(map[string]any{"htu": "/pid/credential"}), problem.InvalidDPoPProof},
		"B09/absent":             {body(map[string]any{"htu": nil}), problem.InvalidDPoPProof},
		"B09/number":             {body(map[string]any{"htu": 1}), problem.InvalidDPoPProof},
		"B09/backslash":          {body(map[string]any{"htu": `https:\\issuer.example.com\pid\credential`}), problem.InvalidDPoPProof},
		"B10/lower_case":         {body(map[string]any{"htm": "post"}), problem.InvalidDPoPProof},
		"B10/other":              {body(map[string]any{"htm": "GET"}), problem.InvalidDPoPProof},
		"B10/absent":             {body(map[string]any{"htm": nil}), problem.InvalidDPoPProof},
		"B12/empty":              {body(map[string]any{"jti": ""}), problem.InvalidDPoPProof},
		"B12/missing":            {body(map[string]any{"jti": nil}), problem.InvalidDPoPProof},
		"B12/number":             {body(map[string]any{"jti": 7}), problem.InvalidDPoPProof},
		"B12/257_bytes":          {body(map[string]any{"jti": strings.Repeat("j", 257)}), problem.InvalidDPoPProof},
		"B12/256_bytes":          {body(map[string]any{"jti": strings.Repeat("j", 256)}), ""},
		"B12/1_MiB":              {body(map[string]any{"jti": strings.Repeat("j", 1<<20)}), problem.InvalidDPoPProof},
		"B13/10_s_past":          {body(map[string]any{"iat": now.Unix() - 10}), ""},
		"B13/10_s_future":        {body(map[string]any{"iat": now.Unix() + 10}), ""},
		"B13/11_s_future":        {body(map[string]any{"iat": now.Unix() + 11}), problem.InvalidDPoPProof},
		"B13/300_s_past":         {body(map[string]any{"iat": now.Unix() - 300}), ""},
		"B13/301_s_past":         {body(map[string]any{"iat": now.Unix() - 301}), problem.InvalidDPoPProof},
		"B13/3600_s_future":      {body(map[string]any{"iat": now.Unix() + 3600}), problem.InvalidDPoPProof},
		"B13/string":             {body(map[string]any{"iat": fmt.Sprint(now.Unix())}), problem.InvalidDPoPProof},
		"B13/float":              {body(map[string]any{"iat": json.RawMessage("1.5e10")}), problem.InvalidDPoPProof},
		"B13/fraction":           {body(map[string]any{"iat": json.RawMessage("1781517600.5")}), problem.InvalidDPoPProof},
		"B13/negative":           {body(map[string]any{"iat": -1}), problem.InvalidDPoPProof},
		"B13/2^63":               {body(map[string]any{"iat": json.RawMessage("9223372036854775808")}), problem.InvalidDPoPProof},
		"B13/2^63-1":             {body(map[string]any{"iat": json.RawMessage("9223372036854775807")}), problem.InvalidDPoPProof},
		"B13/-2^63":              {body(map[string]any{"iat": json.RawMessage("-9223372036854775808")}), problem.InvalidDPoPProof},
		"B13/missing":            {body(map[string]any{"iat": nil}), problem.InvalidDPoPProof},
		"B13/null":               {body(map[string]any{"iat": json.RawMessage("null")}), problem.InvalidDPoPProof},
		"B13/exp_past":           {body(map[string]any{"exp": now.Unix()}), problem.InvalidDPoPProof},
		"B13/exp_ahead":          {body(map[string]any{"exp": now.Unix() + 1}), ""},
		"B13/nbf_ahead":          {body(map[string]any{"nbf": now.Unix() + 11}), problem.InvalidDPoPProof},
		"B14/typ_JWT":            {head(map[string]any{"typ": "JWT"}), problem.InvalidDPoPProof},
		"B14/typ_missing":        {head(map[string]any{"typ": nil}), problem.InvalidDPoPProof},
		"B14/typ_case":           {head(map[string]any{"typ": "DPOP+JWT"}), problem.InvalidDPoPProof},
		"B14/typ_long_form":      {head(map[string]any{"typ": "application/dpop+jwt"}), problem.InvalidDPoPProof},
		"B14/none":               {raw(`{"alg":"none","typ":"dpop+jwt","jwk":`+string(jwk)+`}`, string(claimsText)), problem.InvalidDPoPProof},
		"B14/HS256":              {mac(), problem.InvalidDPoPProof},
		"B14/RS256":              {raw(`{"alg":"RS256","typ":"dpop+jwt","jwk":`+string(jwk)+`}`, string(claimsText)), problem.InvalidDPoPProof},
		"B14/ES384_not_allowed":  {es384, problem.InvalidDPoPProof},
		"B14/P384_key_ES256":     {raw(`{"alg":"ES256","typ":"dpop+jwt","jwk":`+string(must(jose.MarshalPublicKey(p384.Public())))+`}`, string(claimsText)), problem.InvalidDPoPProof},
		"B15/no_jwk":             {head(map[string]any{"jwk": nil}), problem.InvalidDPoPProof},
		"B15/private":            {head(map[string]any{"jwk": json.RawMessage(private)}), problem.InvalidDPoPProof},
		"B15/d_null":             {head(map[string]any{"jwk": with(`,"d":null`)}), problem.InvalidDPoPProof},
		"B15/kid_beside":         {head(map[string]any{"kid": "1"}), problem.InvalidDPoPProof},
		"B15/x5c_beside":         {head(map[string]any{"x5c": [][]byte{{0x30, 0}}}), problem.InvalidDPoPProof},
		"B15/x5c_inside":         {head(map[string]any{"jwk": with(`,"x5c":["MAA="]`)}), problem.InvalidDPoPProof},
		"B15/kid_inside":         {head(map[string]any{"jwk": with(`,"kid":"1"`)}), ""}, // wallets send it; it names nothing
		"B15/use_enc":            {head(map[string]any{"jwk": with(`,"use":"enc"`)}), problem.InvalidDPoPProof},
		"B15/not_on_curve":       {head(map[string]any{"jwk": json.RawMessage(`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`)}), problem.InvalidDPoPProof},
		"B15/Ed448":              {head(map[string]any{"jwk": json.RawMessage(`{"kty":"OKP","crv":"Ed448","x":"AAAA"}`)}), problem.InvalidDPoPProof},
		"B15/oct":                {head(map[string]any{"jwk": json.RawMessage(`{"kty":"oct","k":"AAAA"}`)}), problem.InvalidDPoPProof},
		"B15/other_key":          {head(map[string]any{"jwk": json.RawMessage(must(jose.MarshalPublicKey(newKey(t, elliptic.P256()).Public())))}), problem.InvalidDPoPProof},
		"B17/absent":             {body(map[string]any{"ath": nil}), problem.InvalidDPoPProof},
		"B17/wrong":              {body(map[string]any{"ath": "AAAA"}), problem.InvalidDPoPProof},
		"B17/other_token":        {body(map[string]any{"ath": tokenHash("other")}), problem.InvalidDPoPProof},
		"B17/number":             {body(map[string]any{"ath": 1}), problem.InvalidDPoPProof},
		"B28/crit":               {raw(`{"alg":"ES256","crit":["x"],"typ":"dpop+jwt","jwk":`+string(jwk)+`}`, string(claimsText)), problem.InvalidDPoPProof},
		"B29/JWE":                {"eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9..AAAA.AAAA.AAAA", problem.InvalidDPoPProof},
		"B30/duplicate_iat":      {text(`{"jti":"1","htm":"POST","htu":"` + endpoint + `","iat":1,"iat":1781517600}`), problem.InvalidDPoPProof},
		"B30/case_variant":       {text(`{"jti":"1","htm":"POST","htu":"` + endpoint + `","IAT":1781517600}`), problem.InvalidDPoPProof},
		"B30/exp_string":         {body(map[string]any{"exp": "never"}), problem.InvalidDPoPProof},
		"B30/nonce_number":       {body(map[string]any{"nonce": 1}), problem.InvalidDPoPProof},
		"B30/payload_array":      {text(`[]`), problem.InvalidDPoPProof},
		"fine":                   {good, ""},
		"fine, unknown claims":   {body(map[string]any{"more": []any{1}}), ""},
	} {
		t.Run(id, func(t *testing.T) {
			p, err := VerifyDPoP(c.proof, request())
			if c.want == "" {
				if err != nil || p == nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if problem.KindOf(err) != c.want || p != nil {
				t.Errorf("%v, want %s", err, c.want)
			}
			if problem.Detail(err) == "" || strings.ContainsAny(problem.Detail(err), "\"\\\n") {
				t.Errorf("detail %q", problem.Detail(err))
			}
			var k struct{ D string }
			json.Unmarshal(private, &k)
			if strings.Contains(err.Error(), k.D) {
				t.Error("the private key that the client sent is in the error text")
			}
		})
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestBadInputsDPoPNonce(t *testing.T) {
	key := newKey(t, elliptic.P256())
	down := problem.New(problem.Unavailable, "the store is down")
	for id, c := range map[string]struct {
		nonce  string
		judge  func(string) error
		want   problem.Kind
		method string
	}{
		"B16/fine":                     {"n", func(string) error { return nil }, "", "POST"},
		"B16/absent":                   {"", func(string) error { return nil }, problem.UseDPoPNonce, "POST"},
		"B16/stale":                    {"n", func(string) error { return errors.New("stale") }, problem.UseDPoPNonce, "POST"},
		"B16/forged":                   {"n", func(string) error { return problem.New(problem.InvalidNonce, "forged") }, problem.UseDPoPNonce, "POST"},
		"B16/unasked":                  {"n", nil, "", "POST"},
		"B16/store_down":               {"n", func(string) error { return down }, problem.Unavailable, "POST"},
		"B16/bad_proof_comes_first":    {"", func(string) error { return nil }, problem.InvalidDPoPProof, "GET"},
		"B16/bad_proof_does_not_count": {"n", func(string) error { t.Error("the nonce of a bad proof was looked up"); return nil }, problem.InvalidDPoPProof, "GET"},
	} {
		t.Run(id, func(t *testing.T) {
			proof, err := SignDPoP(key, c.method, endpoint, token, c.nonce, "1", now, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			r := request()
			r.Nonce = c.judge
			p, err := VerifyDPoP(proof, r)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if problem.KindOf(err) != c.want || p != nil {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestDPoPWindowByConfiguration(t *testing.T) {
	key := newKey(t, elliptic.P256())
	proof, err := SignDPoP(key, "POST", endpoint, token, "", "1", now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := request()
	r.MaxAge, r.MaxSkew = 60*time.Second, 5*time.Second
	for offset, fine := range map[time.Duration]bool{-6 * time.Second: false, -5 * time.Second: true, 60 * time.Second: true, 61 * time.Second: false} {
		r.Now = now.Add(offset)
		p, err := VerifyDPoP(proof, r)
		if (err == nil) != fine {
			t.Errorf("%v: %v", offset, err)
		}
		// Remembered until it would be refused for its age.
		if p != nil {
			late := r
			late.Now = p.Expires
			if _, err := VerifyDPoP(proof, late); err == nil {
				t.Error("still good when the replay store may forget it")
			}
		}
	}
}

func TestNormalizeURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://a.example":                         "https://a.example/",
		"https://a.example/":                        "https://a.example/",
		"HTTPS://A.Example:443/B?c#d":               "https://a.example/B",
		"http://a.example:80/b":                     "http://a.example/b",
		"https://a.example:/b":                      "https://a.example/b",
		"https://a.example/%7Eb/%2fc/%e2%82%ac":     "https://a.example/~b/%2Fc/%E2%82%AC",
		"https://a.example/b/./c/../d":              "https://a.example/b/d",
		"https://a.example/../../b/..":              "https://a.example/",
		"https://a.example/b/.":                     "https://a.example/b/",
		"https://[2001:DB8::1]:443/x":               "https://[2001:db8::1]/x",
		"https://a.example//b//":                    "https://a.example//b//",
		"https://a.example/...":                     "https://a.example/...",
		"http://127.0.0.1:8080/x":                   "http://127.0.0.1:8080/x",
		"https://a.example/%2e%2e/b":                "https://a.example/b",
		"https://a.example/a%2Fb?x=https://b.other": "https://a.example/a%2Fb",
	} {
		got, err := NormalizeURL(raw)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", raw, got, err, want)
		}
		if again, err := NormalizeURL(got); err != nil || again != got {
			t.Errorf("%s: not stable: %s, %v", raw, again, err)
		}
	}
	for _, raw := range []string{"", "a.example/b", "//a.example/b", "ftp://a.example/", "https:a.example", "https://", "https://:443/", "https://u@a.example/", "https://u:p@a.example/", "https://a.example/\n", "https://a.example/ b", "https://a example/", "https://a.example:port/", "https://ä.example/", `https://a.example\b`, "https://a.example/%zz"} {
		if got, err := NormalizeURL(raw); err == nil {
			t.Errorf("%q: %s", raw, got)
		}
	}
}

// fuzzKey gives the n-th of the keys that the fuzzer's processes agree on.
func fuzzKey(f *testing.F, n byte) *ecdsa.PrivateKey {
	d := make([]byte, 32)
	d[31] = n
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		f.Fatal(err)
	}
	return key
}

func FuzzVerifyDPoP(f *testing.F) {
	good, err := SignDPoP(fuzzKey(f, 1), "POST", endpoint, token, "n", "1", now, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(good + "," + good)
	f.Fuzz(func(t *testing.T, proof string) {
		r := request()
		r.Nonce = func(string) error { return nil }
		p, err := VerifyDPoP(proof, r)
		if err == nil {
			// Only what we signed, or what the fuzzer signed with a key of its own, passes.
			if s, perr := jose.Parse(proof); perr != nil || s.Verify(p.Key) != nil || p.JTI == "" || len(p.Thumbprint) != 43 {
				t.Errorf("%+v", p)
			}
			return
		}
		if k := problem.KindOf(err); p != nil || k != problem.InvalidDPoPProof && k != problem.UseDPoPNonce {
			t.Errorf("%v beside %v", err, p)
		}
	})
}

func FuzzNormalizeURL(f *testing.F) {
	for _, s := range []string{endpoint, "HTTPS://a.example:443/%7e/../b?c#d", "https://[::1]/", "http://a//../.", "HTTPS://aa.%8em7e/..3/%7e/../b?c#d", "https://[::1%25lo]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once, err := NormalizeURL(raw)
		if err != nil {
			return
		}
		if twice, err := NormalizeURL(once); err != nil || twice != once {
			t.Errorf("%q becomes %q, then %q, %v", raw, once, twice, err)
		}
	})
}

func BenchmarkVerifyDPoP(b *testing.B) {
	key := newKey(b, elliptic.P256())
	proof, err := SignDPoP(key, "POST", endpoint, token, "", "j-1", now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	r := request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := VerifyDPoP(proof, r); err != nil {
			b.Fatal(err)
		}
	}
}
