package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
)

// tokenIssuer is an authorization server of somebody else, over HTTP.
type tokenIssuer struct {
	*httptest.Server
	*office

	mu    sync.Mutex
	keys  map[string]*ecdsa.PrivateKey
	named string // as issuer in its metadata; "" is itself
	down  bool
	asked map[string]int
}

func newTokenIssuer(t *testing.T) *tokenIssuer {
	s := &tokenIssuer{keys: map[string]*ecdsa.PrivateKey{"k1": newKey(t)}, asked: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP serves metadata and keys, among them one that nobody here can use.
func (s *tokenIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.URL.Path]++
	if s.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var answer any
	switch r.URL.Path {
	case "/.well-known/oauth-authorization-server":
		answer = map[string]any{"issuer": s.URL + s.named, "jwks_uri": s.URL + "/keys", "token_endpoint": s.URL + "/token"}
	case "/keys":
		set := []any{map[string]any{"kty": "RSA", "kid": "rsa", "n": "sXch", "e": "AQAB"}}
		for kid, key := range s.keys {
			text, err := jose.MarshalPublicKey(key.Public())
			if err != nil {
				panic(err)
			}
			var jwk map[string]any
			if err := json.Unmarshal(text, &jwk); err != nil {
				panic(err)
			}
			jwk["kid"], jwk["use"] = kid, "sig"
			set = append(set, jwk)
		}
		answer = map[string]any{"keys": set}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

func (s *tokenIssuer) does(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// token gives a wallet one of a person, by the key of that kid; changes take the
// place of claims, nil takes one out.
func (s *tokenIssuer) token(u *walletUnit, kid string, change map[string]any) string {
	s.t.Helper()
	thumbprint, err := jose.Thumbprint(u.dpop.Public())
	s.must(err)
	now := s.clock.Now().Unix()
	claims := map[string]any{
		"iss": s.URL, "aud": s.cfg.PublicURL, "sub": "subject", "person_number": "P-1", "client_id": u.id, "jti": rand.Text(), "iat": now, "exp": now + 300,
		"scope": "mdl", "acr": "high", "cnf": map[string]any{"jkt": jose.EncodeBase64URL(thumbprint)},
	}
	maps.Copy(claims, change)
	for name, v := range claims {
		if v == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	s.must(err)
	s.mu.Lock()
	key := s.keys[kid]
	s.mu.Unlock()
	token, err := jose.Sign(key, map[string]any{"typ": "at+jwt", "kid": kid}, payload, rand.Reader)
	s.must(err)
	return token
}

// elsewhere is an office whose wallets get their tokens from another server.
func elsewhere(t *testing.T) (*tokenIssuer, *walletUnit) {
	s := newTokenIssuer(t)
	o, ca := haip(t, func(c *issuer.Config) {
		c.AuthorizationServer = issuer.AuthorizationServer{Issuer: s.URL, PersonClaim: "person_number"}
	})
	s.office = o.serve().people()
	return s, o.phone(ca)
}

func TestExternalServer(t *testing.T) {
	t.Parallel()
	s, u := elsewhere(t)
	// It is named, and ours is nowhere.
	_, _, body := s.get(s.cfg.PublicURL + "/.well-known/openid-credential-issuer")
	if m := (reply{body: body}).members(t); len(m["authorization_servers"].([]any)) != 1 || m["authorization_servers"].([]any)[0] != s.URL {
		t.Errorf("authorization_servers %v", m["authorization_servers"])
	}
	for _, path := range []string{"/.well-known/oauth-authorization-server", issuerhttp.AuthorizePath} {
		if status, _, _ := s.get(s.cfg.PublicURL + path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{issuerhttp.TokenPath, issuerhttp.ParPath, issuerhttp.ChallengePath} {
		if status, _, _ := s.post(s.cfg.PublicURL+path, formType, "grant_type=authorization_code"); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	// Its tokens get copies, once per proof.
	u.token = s.token(u, "k1", nil)
	if response, _ := u.fetches("mdl", 3); len(response.Credentials) != 3 {
		t.Errorf("%d copies", len(response.Credentials))
	}
	if valid, _ := s.office.copies("DL-1"); valid != 3 {
		t.Errorf("%d copies on record", valid)
	}
	u.token = s.token(u, "k1", map[string]any{"scope": nil, "authorization_details": []any{map[string]any{
		"type": "openid_credential", "credential_configuration_id": "pid-sd-jwt",
	}}})
	u.fetches("pid-sd-jwt", 1)
	s.does(func() {
		if s.asked["/keys"] != 1 {
			t.Errorf("the keys were fetched %d times", s.asked["/keys"])
		}
	})
	// A code of ours is of no use.
	if _, err := s.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-1", Key: "k"}); err == nil || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("an offer with a code: %v", err)
	}
	for name, c := range map[string]struct {
		token  string
		status int
		code   string
	}{
		"of another issuer": {s.token(u, "k1", map[string]any{"iss": "https://evil.example"}), 401, "invalid_token"},
		"for another":       {s.token(u, "k1", map[string]any{"aud": "https://other.example"}), 401, "invalid_token"},
		"expired":           {s.token(u, "k1", map[string]any{"exp": start.Unix() - 1}), 401, "invalid_token"},
		"bound to nobody":   {s.token(u, "k1", map[string]any{"cnf": nil}), 401, "invalid_token"},
		"of nobody":         {s.token(u, "k1", map[string]any{"person_number": nil}), 401, "invalid_token"},
		"of a stranger":     {s.token(u, "k1", map[string]any{"person_number": "P-999"}), 403, "insufficient_scope"},
		"for nothing":       {s.token(u, "k1", map[string]any{"scope": "openid"}), 403, "insufficient_scope"},
		"cut":               {s.token(u, "k1", nil)[:100], 401, "invalid_token"},
		"opaque":            {"abcdef", 401, "invalid_token"},
	} {
		u.token = c.token
		r := u.asksFor("mdl")
		if r.status != c.status || !strings.Contains(r.header.Get("WWW-Authenticate")+r.body, c.code) {
			t.Errorf("%s: %d %.200s %s", name, r.status, r.body, r.header.Get("WWW-Authenticate"))
		}
	}
}

// Keys come and go.
func TestExternalServerKeys(t *testing.T) {
	t.Parallel()
	s, u := elsewhere(t)
	ask := func(kid string) int {
		t.Helper()
		u.token = s.token(u, kid, nil)
		return u.asksFor("mdl").status
	}
	s.does(func() { s.down = true })
	u.mayWait = true
	if got := ask("k1"); got != http.StatusServiceUnavailable {
		t.Errorf("before its keys are known: %d", got)
	}
	s.does(func() { s.down, s.named = false, "/other" })
	s.clock.Advance(time.Minute)
	if got := ask("k1"); got != http.StatusServiceUnavailable {
		t.Errorf("metadata of another: %d", got)
	}
	s.does(func() { s.named = "" })
	s.clock.Advance(time.Minute)
	if got := ask("k1"); got != http.StatusOK {
		t.Errorf("known: %d", got)
	}
	next, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	s.does(func() { s.keys["k2"] = next })
	s.clock.Advance(time.Minute)
	if got := ask("k2"); got != http.StatusOK {
		t.Errorf("a new key: %d", got)
	}
	asked := 0
	s.does(func() { asked = s.asked["/keys"]; s.keys["k3"] = next })
	for range 5 {
		if got := ask("k3"); got != http.StatusUnauthorized {
			t.Errorf("a key that nobody knows yet: %d", got)
		}
	}
	s.does(func() {
		if s.asked["/keys"] != asked {
			t.Errorf("unknown keys were looked for %d times within a minute", s.asked["/keys"]-asked)
		}
		s.down = true
	})
	s.clock.Advance(2 * time.Hour)
	if got := ask("k1"); got != http.StatusOK {
		t.Errorf("the keys before serve for a day: %d", got)
	}
	s.clock.Advance(23 * time.Hour)
	if got := ask("k1"); got != http.StatusServiceUnavailable {
		t.Errorf("and no longer: %d", got)
	}
	s.does(func() { s.down = false; delete(s.keys, "k1"); s.keys["k1"] = next })
	s.clock.Advance(time.Minute)
	if got := ask("k1"); got != http.StatusOK {
		t.Errorf("the key was replaced: %d", got)
	}
}

func TestExternalServerConfig(t *testing.T) {
	t.Parallel()
	for key, server := range map[string]issuer.AuthorizationServer{
		"authorization_server.issuer: missing":      {PersonClaim: "sub", JWKSURI: "https://login.example/keys"},
		"authorization_server.issuer: an https":     {PersonClaim: "sub", Issuer: "http://login.example"},
		"authorization_server.issuer: it is ours":   {PersonClaim: "sub", Issuer: "https://issuer.example"},
		"authorization_server.jwks_uri: an https":   {PersonClaim: "sub", Issuer: "https://login.example", JWKSURI: "file:///keys"},
		"authorization_server.person_claim: miss":   {Issuer: "https://login.example"},
		"authorization_server.acr: missing":         {PersonClaim: "sub", Issuer: "https://login.example"},
		"authorization_server.algorithms: one of E": {PersonClaim: "sub", Issuer: "https://login.example", Algorithms: []string{"none"}},
	} {
		c := production(t, issuer.Defaults())
		c.Authority = issuer.Authority{Country: "UT", Organization: "Utopia"}
		c.Clients, c.AuthorizationServer = nil, server
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	c := production(t, issuer.Defaults())
	c.Authority = issuer.Authority{Country: "UT", Organization: "Utopia"}
	c.Clients, c.AuthorizationServer = nil, issuer.AuthorizationServer{Issuer: "https://login.example/realm", PersonClaim: "sub", ACR: []string{"high"}, Algorithms: []string{"ES384"}}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}
