package issuer_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/issuerhttp"
)

// bits is what the suite takes for the entropy of a text: that of its letters,
// times its length.
func bits(s string) (sum float64) {
	count := map[rune]float64{}
	for _, r := range s {
		count[r]++
	}
	for _, n := range count {
		sum -= n * math.Log2(n/float64(len(s)))
	}
	return sum
}

// From PAR to the token, looked at as the suite does.
func TestConformanceFlow(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca)
	u.back += "?dummy1=lorem&dummy2=ipsum" // as the suite's second client has it
	state := strings.Repeat("s", 128)
	par := u.pushes("state", state)
	t.Run("PAR", func(t *testing.T) {
		m := par.members(t)
		request, _ := m["request_uri"].(string)
		expires, _ := m["expires_in"].(float64)
		for name, ok := range map[string]bool{
			"CheckPAREndpointResponse201WithNoError": par.status == http.StatusCreated && m["error"] == nil,
			"CheckForRequestUriValue":                strings.HasPrefix(request, "urn:ietf:params:oauth:request_uri:"),
			"CheckForPARResponseExpiresIn":           expires > 0 && expires < 600 && expires == math.Trunc(expires),
			"EnsureContentTypeJson":                  par.header.Get("Content-Type") == "application/json",
			"EnsureMinimumRequestUriEntropy":         bits(strings.TrimPrefix(request, "urn:ietf:params:oauth:request_uri:")) >= 128,
			"UnknownMembers":                         unknown(m, "request_uri expires_in") == nil,
		} {
			if !ok {
				t.Errorf("%s: %s", name, par.body)
			}
		}
	})
	back := u.authorizes(par.text(t, "request_uri"), "P-1", "/approve")
	code := back.Query().Get("code")
	t.Run("authorization", func(t *testing.T) {
		q := back.Query()
		for name, ok := range map[string]bool{
			"CheckMatchingCallbackParameters":       strings.HasPrefix(back.String(), u.back+"&") && q.Get("dummy1") == "lorem" && q.Get("dummy2") == "ipsum",
			"RejectInUrlFragment":                   back.Fragment == "",
			"CheckIfAuthorizationEndpointError":     !q.Has("error"),
			"ValidateSuccessfulAuthCodeFlow":        len(q) == 5,
			"CheckStateInAuthorizationResponse":     slices.Equal(q["state"], []string{state}),
			"RequireIssInAuthorizationResponse":     slices.Equal(q["iss"], []string{o.cfg.PublicURL}),
			"EnsureMinimumAuthorizationCodeLength":  len(code)*8 >= 128,
			"EnsureMinimumAuthorizationCodeEntropy": bits(code) >= 128,
		} {
			if !ok {
				t.Errorf("%s: %s", name, back)
			}
		}
	})
	r := u.redeems(code)
	t.Run("token", func(t *testing.T) {
		m := r.members(t)
		access, _ := m["access_token"].(string)
		expires, _ := m["expires_in"].(float64)
		for name, ok := range map[string]bool{
			"CheckTokenEndpointHttpStatus200":        r.status == http.StatusOK && m["error"] == nil,
			"CheckForAccessTokenValue":               access != "" && m["token_type"] == "DPoP",
			"ExtractExpiresInFromTokenEndpoint":      expires > 0 && expires == math.Trunc(expires),
			"CheckForRefreshTokenValue":              m["refresh_token"] != nil && m["refresh_token"] != access,
			"EnsureMinimumAccessTokenLength":         len(access)*8 >= 128,
			"EnsureMinimumAccessTokenEntropy":        bits(access) >= 128,
			"ExpectNoIdTokenInTokenResponse":         m["id_token"] == nil,
			"EnsureContentTypeJson":                  r.header.Get("Content-Type") == "application/json",
			"no-store":                               r.header.Get("Cache-Control") == "no-store",
			"ValidateClientAttestationChallenge":     len(r.header.Values("OAuth-Client-Attestation-Challenge")) == 1 && bits(r.header.Get("OAuth-Client-Attestation-Challenge")) >= 96,
			"VCI 6.2: c_nonce is not of the token's": m["c_nonce"] == nil,
			"UnknownMembers":                         unknown(m, "access_token token_type expires_in refresh_token scope authorization_details") == nil,
		} {
			if !ok {
				t.Errorf("%s: %s %v", name, r.body, r.header)
			}
		}
	})
	// The challenge of the answer is good for the next request.
	u.challenge = r.header.Get("OAuth-Client-Attestation-Challenge")
	if r := u.asks(issuerhttp.TokenPath, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {u.refresh}}); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A person who refuses: RFC 6749, 4.1.2.1.
func TestConformanceRefused(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca)
	back := u.authorizes(u.pushes().text(t, "request_uri"), "P-1", "/deny")
	if q := back.Query(); q.Get("error") != "access_denied" || q.Get("state") != "state-of-the-wallet" || q.Get("iss") != o.cfg.PublicURL || q.Has("code") || back.Fragment != "" {
		t.Errorf("sent on to %s", back)
	}
}

// The endpoint for challenges: ABCA -07, section 8.
func TestConformanceChallenge(t *testing.T) {
	t.Parallel()
	o, _ := haip(t)
	o.serve()
	status, header, body := o.post(o.cfg.PublicURL+issuerhttp.ChallengePath, "", "")
	m := reply{status, header, body}.members(t)
	challenge, _ := m["attestation_challenge"].(string)
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" || bits(challenge) < 96 || len(m) != 1 {
		t.Errorf("%d %s, %v", status, body, header)
	}
}

// What the token says of the credentials that it is for.
func TestConformanceAuthorizationDetails(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca)
	const one = `{"type":"openid_credential","credential_configuration_id":"mdl"}`
	identifiers := func(r reply) []string {
		t.Helper()
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		details, _ := r.members(t)["authorization_details"].([]any)
		if len(details) != 1 {
			t.Fatal(r.body)
		}
		d := details[0].(object)
		ids := list(d["credential_identifiers"])
		if d["type"] != "openid_credential" || d["credential_configuration_id"] != "mdl" || len(ids) == 0 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) ||
			unknown(d, "type credential_configuration_id credential_identifiers claims") != nil {
			t.Error(r.body)
		}
		return ids
	}
	first := identifiers(u.redeems(u.code("scope", "", "authorization_details", "["+one+"]")))
	again := identifiers(u.took(u.asks(issuerhttp.TokenPath, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {u.refresh}})))
	if !slices.Equal(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
	// Who has identifiers names one of them; who has none names the configuration.
	body, _ := u.requests("mdl", u.cNonce(), 1)
	named := strings.Replace(body, `"credential_configuration_id":"mdl"`, `"credential_identifier":"`+first[0]+`"`, 1)
	if r := u.calls(issuerhttp.CredentialPath, "application/json", named); r.status != http.StatusOK {
		t.Errorf("by identifier: %d %s", r.status, r.body)
	}
	unknownOne := strings.Replace(body, `"credential_configuration_id":"mdl"`, `"credential_identifier":"another"`, 1)
	if r := u.calls(issuerhttp.CredentialPath, "application/json", unknownOne); r.status != http.StatusBadRequest || r.text(t, "error") != "unknown_credential_identifier" {
		t.Errorf("an unknown identifier: %d %s", r.status, r.body)
	}
}

// The token of one wallet is worth nothing to another, nor its code or request.
func TestConformanceMultipleClients(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	first, second := o.phone(ca), o.phone(ca)
	second.id, second.back = "https://other.example", "https://other.example/cb?dummy1=lorem&dummy2=ipsum"
	first.enrols()
	a, _ := first.fetches("mdl", 1)
	o.clock.Advance(7e9) // seven seconds
	second.enrols()
	b, _ := second.fetches("mdl", 1)
	for i, one := range signedTimes(t, a.Credentials[0].Credential) {
		if other := signedTimes(t, b.Credentials[0].Credential)[i]; !one.Equal(other) {
			t.Errorf("the times of two copies differ as their requests did: %s, %s", one, other)
		}
	}
	body, _ := first.requests("mdl", first.cNonce(), 1)
	stolen := *first
	stolen.token = second.token
	if r := stolen.calls(issuerhttp.CredentialPath, "application/json", body); r.status != http.StatusUnauthorized || r.text(t, "error") != "invalid_token" {
		t.Errorf("with the key of another: %d %s", r.status, r.body)
	}
	if r := second.redeems(first.code()); r.status != http.StatusBadRequest || r.text(t, "error") != "invalid_grant" {
		t.Errorf("the code of another: %d %s", r.status, r.body)
	}
	r := first.pushes()
	q := url.Values{"client_id": {second.id}, "request_uri": {r.text(t, "request_uri")}}
	if status, _, page := o.get(o.cfg.PublicURL + issuerhttp.AuthorizePath + "?" + q.Encode()); status != http.StatusBadRequest {
		t.Errorf("the request of another: %d %s", status, page)
	}
	// Other parameters beside the two, and in another order, change nothing.
	reordered := o.cfg.PublicURL + issuerhttp.AuthorizePath + "?state=x&request_uri=" + url.QueryEscape(r.text(t, "request_uri")) + "&client_id=" + url.QueryEscape(first.id)
	if status, _, page := o.get(reordered); status != http.StatusOK || !strings.Contains(page, `name="state"`) {
		t.Errorf("reordered: %d %s", status, page)
	}
}

// Attestations of a client that must not pass, at both endpoints that ask for
// them.
func TestConformanceAttestation(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	stranger := newAuthority(t, t.TempDir(), "strangers")
	broken := func(token string) string {
		i := strings.LastIndexByte(token, '.')
		if token[i+1] == 'A' {
			return token[:i+1] + "B" + token[i+2:]
		}
		return token[:i+1] + "A" + token[i+2:]
	}
	for name, headers := range map[string]func(u *walletUnit) []string{
		"VCIIssuerFailOnClientAttestationExpInPast": func(u *walletUnit) []string {
			return []string{"OAuth-Client-Attestation", u.attestationWith(object{"exp": o.clock.Now().Unix() - 300})}
		},
		"VCIIssuerFailOnClientAttestationNoSub": func(u *walletUnit) []string {
			return []string{"OAuth-Client-Attestation", u.attestationWith(object{"sub": nil})}
		},
		"VCIIssuerFailOnInvalidClientAttestationSignature": func(u *walletUnit) []string {
			return []string{"OAuth-Client-Attestation", broken(u.attestation())}
		},
		"VCIIssuerFailOnInvalidClientAttestationPopSignature": func(u *walletUnit) []string {
			return []string{"OAuth-Client-Attestation-PoP", broken(u.pop(u.attested, o.cfg.PublicURL))}
		},
		"VCIIssuerFailOnMismatchedClientAttestationPopKey": func(u *walletUnit) []string {
			return []string{"OAuth-Client-Attestation-PoP", u.pop(newKey(t), o.cfg.PublicURL)}
		},
		"VCIIssuerFailOnClientAttestationPopWrongAud": func(u *walletUnit) []string {
			return []string{"OAuth-Client-Attestation-PoP", u.pop(u.attested, o.cfg.PublicURL+issuerhttp.TokenPath)}
		},
		"not trusted": func(u *walletUnit) []string {
			other := o.phone(stranger)
			other.attested = u.attested
			return []string{"OAuth-Client-Attestation", other.attestation()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := o.phone(ca)
			code := u.code()
			refused := func(where string, r reply) {
				t.Helper()
				m := r.members(t)
				if r.status != http.StatusUnauthorized && r.status != http.StatusBadRequest || r.header.Get("Content-Type") != "application/json" ||
					!slices.Contains([]any{"invalid_client", "invalid_client_attestation"}, m["error"]) || unknown(m, "error error_description") != nil {
					t.Errorf("%s: %d %s", where, r.status, r.body)
				}
				plain(t, r)
			}
			refused("PAR", u.asks(issuerhttp.ParPath, u.wish(), headers(u)...))
			form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {u.back}, "client_id": {u.id}, "code_verifier": {secretCode}}
			refused("token", u.asks(issuerhttp.TokenPath, form, headers(u)...))
			if r := u.redeems(code); r.status != http.StatusOK {
				t.Errorf("the code is gone: %d %s", r.status, r.body)
			}
		})
	}
}

// plain says whether the words of a refusal are such as RFC 6749, 5.2 allows.
func plain(t *testing.T, r reply) {
	t.Helper()
	var m struct {
		Error       *string `json:"error"`
		Description *string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(r.body), &m); err != nil || m.Error == nil || *m.Error == "" || strings.Contains(r.body, "null") {
		t.Fatalf("%v: %s", err, r.body)
	}
	for _, s := range []*string{m.Error, m.Description} {
		if s != nil && strings.ContainsFunc(*s, func(c rune) bool { return c < 0x20 || c > 0x7E || c == '"' || c == '\\' }) {
			t.Errorf("%q", *s)
		}
	}
}
