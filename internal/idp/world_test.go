package idp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/idp"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const (
	clientID = "office"
	callback = "https://issuer.example/login/callback"
	acr      = "https://eid.example/loa/high"
	person   = "P1"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// provider is an OpenID provider over TLS whose answers a test bends.
type provider struct {
	t     *testing.T
	clock *clock.Fake
	srv   *httptest.Server
	key   *ecdsa.PrivateKey

	mu       sync.Mutex
	metadata map[string]any                                    // changes to it; nil removes
	claims   map[string]any                                    // changes to the ID token
	sign     func(payload []byte) string                       // nil: as it should be
	answer   func(w http.ResponseWriter, r *http.Request) bool // true: it answered itself
	asked    url.Values                                        // the last authorization request
	forms    []url.Values                                      // token requests
	basic    string
	requests map[string]int
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, clock: clock.NewFake(now), key: key, metadata: map[string]any{}, claims: map[string]any{}, requests: map[string]int{}}
	p.srv = httptest.NewTLSServer(p)
	t.Cleanup(p.srv.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[r.URL.Path]++
	if p.answer != nil && p.answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.json(w, bent(map[string]any{
			"issuer": p.srv.URL, "authorization_endpoint": p.srv.URL + "/auth", "token_endpoint": p.srv.URL + "/token", "jwks_uri": p.srv.URL + "/jwks",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "claims_parameter_supported": true, "authorization_response_iss_parameter_supported": true,
		}, p.metadata))
	case "/jwks":
		jwk, err := jose.MarshalPublicKey(p.key.Public())
		if err != nil {
			p.t.Error(err)
		}
		p.json(w, map[string]any{"keys": []json.RawMessage{jwk}})
	case "/token":
		if err := r.ParseForm(); err != nil {
			p.t.Error(err)
		}
		p.forms = append(p.forms, r.PostForm)
		if user, pass, ok := r.BasicAuth(); ok {
			p.basic = user + ":" + pass
		}
		if p.asked == nil || r.PostForm.Get("code") != "the-code" || !pkce(r.PostForm.Get("code_verifier"), p.asked.Get("code_challenge")) {
			w.WriteHeader(400)
			p.json(w, map[string]any{"error": "invalid_grant"})
			return
		}
		p.json(w, map[string]any{"access_token": "secret-access-token", "token_type": "Bearer", "id_token": p.token()})
	default:
		http.NotFound(w, r)
	}
}

func pkce(verifier, challenge string) bool {
	d := sha256.Sum256([]byte(verifier))
	return jose.EncodeBase64URL(d[:]) == challenge
}

func (p *provider) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func bent(m, changes map[string]any) map[string]any {
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

func (p *provider) token() string {
	payload, err := json.Marshal(bent(map[string]any{
		"iss": p.srv.URL, "sub": "248289761001", "aud": clientID, "nonce": p.asked.Get("nonce"), "iat": p.clock.Now().Unix(),
		"exp": p.clock.Now().Add(5 * time.Minute).Unix(), "auth_time": p.clock.Now().Add(-time.Minute).Unix(), "acr": acr,
		"person_number": person, "name": "Erika Dvorak",
	}, p.claims))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.sign != nil {
		return p.sign(payload)
	}
	token, err := jose.Sign(p.key, map[string]any{"typ": "JWT"}, payload, rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// upstream is a client of the provider.
func (p *provider) upstream(change func(*idp.Config)) *idp.Upstream {
	p.t.Helper()
	roots := p.srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	cfg := idp.Config{
		Issuer: p.srv.URL, ClientID: clientID, Secret: "s e&cret", RedirectURL: callback, ACRs: []string{acr, acr + "est"},
		PersonClaim: "person_number", Roots: roots, Clock: p.clock, Rand: rand.Reader,
	}
	if change != nil {
		change(&cfg)
	}
	u, err := idp.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return u
}

// begin starts a login and looks at what the browser would ask for.
func (p *provider) begin(u *idp.Upstream) idp.State {
	p.t.Helper()
	redirect, state, err := u.Begin(p.t.Context(), idp.Start{Return: "/authorize?x=y", Locales: []string{"lb", "fr"}})
	if err != nil {
		p.t.Fatal(err)
	}
	at, query, _ := strings.Cut(redirect, "?")
	if at != p.srv.URL+"/auth" {
		p.t.Fatalf("the browser is sent to %s", at)
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = q
	return state
}

// back is the query of the callback as it should be.
func (p *provider) back(state idp.State) url.Values {
	return url.Values{"code": {"the-code"}, "state": {state.Secret}, "iss": {p.srv.URL}}
}

func (p *provider) login(u *idp.Upstream) (idp.Login, error) {
	p.t.Helper()
	state := p.begin(u)
	return u.Finish(p.t.Context(), p.back(state), state)
}

func wantKind(t *testing.T, what string, err error, kind problem.Kind) {
	t.Helper()
	if err == nil || problem.KindOf(err) != kind {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
	for _, secret := range []string{"the-code", "secret-access-token", person, "Dvorak"} {
		if err != nil && strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%s: the error holds %q: %v", what, secret, err)
		}
	}
}
