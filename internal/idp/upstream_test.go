package idp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"vidimus/internal/idp"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

func TestLogin(t *testing.T) {
	p := newProvider(t)
	u := p.upstream(nil)
	state := p.begin(u)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": callback, "scope": "openid", "state": state.Secret, "nonce": state.Nonce,
		"code_challenge_method": "S256", "acr_values": acr + " " + acr + "est", "max_age": "600", "ui_locales": "lb fr",
	} {
		if got := p.asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(p.asked.Get("claims"), `"person_number":{"essential":true}`) || !strings.Contains(p.asked.Get("claims"), `"acr":{"essential":true,"values":[`) {
		t.Errorf("claims %s", p.asked.Get("claims"))
	}
	if state.Return != "/authorize?x=y" || len(state.Secret) != 43 || len(state.Verifier) != 43 {
		t.Errorf("state %+v", state)
	}
	login, err := u.Finish(t.Context(), p.back(state), state)
	if err != nil {
		t.Fatal(err)
	}
	if want := (idp.Login{Person: person, ACR: acr, At: now.Add(-time.Minute), Name: "Erika Dvorak"}); login != want {
		t.Errorf("%+v, want %+v", login, want)
	}
	f := p.forms[0]
	if p.basic != "office:s+e%26cret" || f.Get("grant_type") != "authorization_code" || f.Get("redirect_uri") != callback || f.Has("client_secret") {
		t.Errorf("token request %v, authenticated as %q", f, p.basic)
	}
	// Metadata and keys are kept, and fetched again when they are old.
	if _, err := p.login(u); err != nil {
		t.Fatal(err)
	}
	if p.requests["/.well-known/openid-configuration"] != 1 || p.requests["/jwks"] != 1 {
		t.Errorf("requests %v", p.requests)
	}
	p.clock.Advance(time.Hour)
	if _, err := p.login(u); err != nil {
		t.Fatal(err)
	}
	if p.requests["/.well-known/openid-configuration"] != 2 {
		t.Errorf("requests %v", p.requests)
	}
	// New keys are found by the token that they signed.
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := p.login(u); err != nil {
		t.Error(err)
	}
}

func TestClientWithKey(t *testing.T) {
	p := newProvider(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.login(p.upstream(func(c *idp.Config) { c.Secret, c.Key, c.KeyID = "", key, "k7" })); err != nil {
		t.Fatal(err)
	}
	s, err := jose.Parse(p.forms[0].Get("client_assertion"), 1<<12)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(key.Public()); err != nil || s.Header.KeyID != "k7" {
		t.Errorf("%v, kid %q", err, s.Header.KeyID)
	}
	var c struct {
		Iss, Sub, Aud, Jti string
		Exp                int64
	}
	if err := json.Unmarshal(s.Payload, &c); err != nil || c.Iss != clientID || c.Sub != clientID || c.Aud != p.srv.URL || c.Jti == "" || c.Exp != now.Add(time.Minute).Unix() {
		t.Errorf("%+v, %v", c, err)
	}
	// A public client says its name and no more.
	if _, err := p.login(p.upstream(func(c *idp.Config) { c.Secret = "" })); err != nil {
		t.Fatal(err)
	}
	if f := p.forms[1]; f.Get("client_id") != clientID || f.Has("client_assertion") {
		t.Errorf("form %v", f)
	}
}

// people maps the provider's subject to the registry's number.
type people struct{ err error }

func (p people) Person(_ context.Context, issuer, value string) (string, error) {
	if p.err != nil {
		return "", p.err
	}
	return "number of " + value, nil
}

func TestPeople(t *testing.T) {
	p := newProvider(t)
	mapped := func(err error) *idp.Upstream {
		return p.upstream(func(c *idp.Config) { c.PersonClaim, c.People = "sub", people{err} })
	}
	login, err := p.login(mapped(nil))
	if err != nil || login.Person != "number of 248289761001" {
		t.Errorf("%+v, %v", login, err)
	}
	_, err = p.login(mapped(problem.New(problem.NotFound, "nobody")))
	wantKind(t, "nobody", err, problem.NotFound)
	_, err = p.login(mapped(io.ErrUnexpectedEOF))
	wantKind(t, "nobody knows", err, problem.Unavailable)
}

// Tokens that are not good: OpenID Connect Core 1.0, section 3.1.3.7.
func TestBadTokens(t *testing.T) {
	p := newProvider(t)
	u := p.upstream(nil)
	unix := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, c := range map[string]struct {
		claims map[string]any
		kind   problem.Kind
	}{
		"other issuer":            {map[string]any{"iss": "https://evil.example"}, problem.AuthenticationFailed},
		"no issuer":               {map[string]any{"iss": nil}, problem.AuthenticationFailed},
		"other client":            {map[string]any{"aud": "another"}, problem.AuthenticationFailed},
		"two clients, no azp":     {map[string]any{"aud": []string{clientID, "another"}}, problem.AuthenticationFailed},
		"azp is another":          {map[string]any{"azp": "another"}, problem.AuthenticationFailed},
		"expired":                 {map[string]any{"exp": unix(-time.Minute)}, problem.AuthenticationFailed},
		"no exp":                  {map[string]any{"exp": nil}, problem.AuthenticationFailed},
		"exp as text":             {map[string]any{"exp": "2099"}, problem.AuthenticationFailed},
		"old":                     {map[string]any{"iat": unix(-7 * time.Minute)}, problem.AuthenticationFailed},
		"of the future":           {map[string]any{"iat": unix(2 * time.Minute)}, problem.AuthenticationFailed},
		"no iat":                  {map[string]any{"iat": nil}, problem.AuthenticationFailed},
		"other nonce":             {map[string]any{"nonce": "another"}, problem.AuthenticationFailed},
		"no nonce":                {map[string]any{"nonce": nil}, problem.AuthenticationFailed},
		"acr too low":             {map[string]any{"acr": "https://eid.example/loa/low"}, problem.AccessDenied},
		"acr is a prefix":         {map[string]any{"acr": acr[:len(acr)-1]}, problem.AccessDenied},
		"no acr":                  {map[string]any{"acr": nil}, problem.AccessDenied},
		"acr is a list":           {map[string]any{"acr": []string{acr}}, problem.AuthenticationFailed},
		"no auth_time":            {map[string]any{"auth_time": nil}, problem.AuthenticationFailed},
		"logged in long ago":      {map[string]any{"auth_time": unix(-12 * time.Minute)}, problem.AccessDenied},
		"will have logged in":     {map[string]any{"auth_time": unix(2 * time.Minute)}, problem.AuthenticationFailed},
		"no person":               {map[string]any{"person_number": nil}, problem.AccessDenied},
		"person is a number":      {map[string]any{"person_number": 1}, problem.AccessDenied},
		"person is empty":         {map[string]any{"person_number": ""}, problem.AccessDenied},
		"person has a newline":    {map[string]any{"person_number": "P1\nP2"}, problem.AccessDenied},
		"person is much too long": {map[string]any{"person_number": strings.Repeat("1", 129)}, problem.AccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			p.claims = c.claims
			_, err := p.login(u)
			wantKind(t, name, err, c.kind)
		})
	}
	p.claims = map[string]any{"aud": []string{clientID, "another"}, "azp": clientID, "name": "A\u202eB"}
	if login, err := p.login(u); err != nil || login.Name != "" {
		t.Errorf("two clients and azp: %+v, %v", login, err)
	}
}

func TestBadSignatures(t *testing.T) {
	p := newProvider(t)
	u := p.upstream(nil)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(header string, payload []byte) string {
		return jose.EncodeBase64URL([]byte(header)) + "." + jose.EncodeBase64URL(payload)
	}
	for name, sign := range map[string]func([]byte) string{
		"other key": func(b []byte) string {
			token, err := jose.Sign(other, map[string]any{}, b, rand.Reader)
			if err != nil {
				t.Error(err)
			}
			return token
		},
		"none": func(b []byte) string { return encode(`{"alg":"none"}`, b) + "." },
		"a MAC under the public key": func(b []byte) string {
			jwk, err := jose.MarshalPublicKey(p.key.Public())
			if err != nil {
				t.Error(err)
			}
			text := encode(`{"alg":"HS256"}`, b)
			m := hmac.New(sha256.New, jwk)
			m.Write([]byte(text))
			return text + "." + jose.EncodeBase64URL(m.Sum(nil))
		},
		"no JWT":   func([]byte) string { return "id" },
		"no token": func([]byte) string { return "" },
		"endless":  func([]byte) string { return strings.Repeat("a", 40<<10) },
		"a member twice": func(b []byte) string {
			token, err := jose.Sign(p.key, map[string]any{}, append([]byte(`{"acr":"low",`), b[1:]...), rand.Reader)
			if err != nil {
				t.Error(err)
			}
			return token
		},
	} {
		t.Run(name, func(t *testing.T) {
			p.sign = sign
			_, err := p.login(u)
			wantKind(t, name, err, problem.AuthenticationFailed)
		})
	}
}

func TestBadCallbacks(t *testing.T) {
	p := newProvider(t)
	u := p.upstream(nil)
	state := p.begin(u)
	other := p.begin(u)
	p.begin(u)
	with := func(changes map[string]string) url.Values {
		q := maps.Clone(p.back(state))
		for name, v := range changes {
			if q.Set(name, v); v == "" {
				q.Del(name)
			}
		}
		return q
	}
	for name, c := range map[string]struct {
		query url.Values
		state idp.State
		kind  problem.Kind
	}{
		"another login":           {with(nil), other, problem.AuthenticationFailed},
		"no state":                {with(map[string]string{"state": ""}), state, problem.AuthenticationFailed},
		"no state on either side": {with(map[string]string{"state": ""}), idp.State{}, problem.AuthenticationFailed},
		"other issuer":            {with(map[string]string{"iss": "https://evil.example"}), state, problem.AuthenticationFailed},
		"no issuer":               {with(map[string]string{"iss": ""}), state, problem.AuthenticationFailed},
		"no code":                 {with(map[string]string{"code": ""}), state, problem.AuthenticationFailed},
		"long code":               {with(map[string]string{"code": strings.Repeat("a", 5<<10)}), state, problem.AuthenticationFailed},
		"wrong code":              {with(map[string]string{"code": "guessed"}), state, problem.AuthenticationFailed},
		"cancelled":               {with(map[string]string{"error": "access_denied"}), state, problem.AccessDenied},
		"level not reached":       {with(map[string]string{"error": "unmet_authentication_requirements"}), state, problem.AccessDenied},
		"provider down":           {with(map[string]string{"error": "temporarily_unavailable"}), state, problem.Unavailable},
		"made up error":           {with(map[string]string{"error": "<script>"}), state, problem.AuthenticationFailed},
		"error of another login":  {with(map[string]string{"error": "access_denied", "state": "x"}), state, problem.AuthenticationFailed},
		"verifier of another":     {with(map[string]string{"state": other.Secret}), other, problem.AuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := u.Finish(t.Context(), c.query, c.state)
			wantKind(t, name, err, c.kind)
		})
	}
}

// A provider that misbehaves is Unavailable, and costs little.
func TestBadProviders(t *testing.T) {
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	answers := func(path string, f func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				f(w)
			}
			return r.URL.Path == path
		}
	}
	status := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code); _, _ = io.WriteString(w, body) }
	}
	redirect := func(w http.ResponseWriter) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	endless := func(w http.ResponseWriter) {
		for range 33 {
			_, _ = io.WriteString(w, strings.Repeat(" ", 64<<10))
		}
	}
	const discovery = "/.well-known/openid-configuration"
	for name, change := range map[string]func(*provider){
		"metadata of another":    func(p *provider) { p.metadata["issuer"] = "https://evil.example" },
		"token endpoint by http": func(p *provider) { p.metadata["token_endpoint"] = "http://provider.example/token" },
		"keys by http":           func(p *provider) { p.metadata["jwks_uri"] = "http://provider.example/jwks" },
		"no token endpoint":      func(p *provider) { p.metadata["token_endpoint"] = nil },
		"no metadata":            func(p *provider) { p.answer = answers(discovery, status(500, "secret-access-token")) },
		"metadata elsewhere":     func(p *provider) { p.answer = answers(discovery, redirect) },
		"endless metadata":       func(p *provider) { p.answer = answers(discovery, endless) },
		"metadata are a page":    func(p *provider) { p.answer = answers(discovery, status(200, "<html>")) },
		"token endpoint down":    func(p *provider) { p.answer = answers("/token", status(502, "")) },
		"token elsewhere":        func(p *provider) { p.answer = answers("/token", redirect) },
		"endless token":          func(p *provider) { p.answer = answers("/token", endless) },
		"client not known":       func(p *provider) { p.answer = answers("/token", status(401, `{"error":"invalid_client"}`)) },
		"keys down":              func(p *provider) { p.answer = answers("/jwks", status(503, "")) },
		"keys elsewhere":         func(p *provider) { p.answer = answers("/jwks", redirect) },
		"endless keys":           func(p *provider) { p.answer = answers("/jwks", endless) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			change(p)
			u := p.upstream(nil)
			redirect, state, err := u.Begin(t.Context(), idp.Start{})
			if err == nil {
				_, query, _ := strings.Cut(redirect, "?")
				if p.asked, err = url.ParseQuery(query); err != nil {
					t.Fatal(err)
				}
				_, err = u.Finish(t.Context(), p.back(state), state)
			}
			wantKind(t, name, err, problem.Unavailable)
		})
	}
}

// While the provider is down, nobody waits for the time-out of another.
func TestPauseAfterFailure(t *testing.T) {
	p := newProvider(t)
	p.metadata["issuer"] = "https://evil.example"
	u := p.upstream(nil)
	for range 5 {
		_, _, err := u.Begin(t.Context(), idp.Start{})
		wantKind(t, "down", err, problem.Unavailable)
	}
	if n := p.requests["/.well-known/openid-configuration"]; n != 1 {
		t.Errorf("%d requests for metadata", n)
	}
	p.metadata = map[string]any{}
	p.clock.Advance(5 * time.Second)
	if _, err := p.login(u); err != nil {
		t.Error(err)
	}
	_, _, err := u.Begin(t.Context(), idp.Start{Return: strings.Repeat("x", 4<<10)})
	wantKind(t, "a long return", err, problem.InvalidRequest)
}

func TestConfig(t *testing.T) {
	p := newProvider(t)
	for name, change := range map[string]func(*idp.Config){
		"issuer by http":       func(c *idp.Config) { c.Issuer = "http://provider.example" },
		"loopback by http":     func(c *idp.Config) { c.Issuer = "http://127.0.0.1:8080" },
		"issuer with fragment": func(c *idp.Config) { c.Issuer += "#x" },
		"no redirect URL":      func(c *idp.Config) { c.RedirectURL = "" },
		"no client id":         func(c *idp.Config) { c.ClientID = "" },
		"secret and key":       func(c *idp.Config) { c.Key = p.key },
		"no levels":            func(c *idp.Config) { c.ACRs = nil },
		"a level with a space": func(c *idp.Config) { c.ACRs = []string{"high low"} },
		"no claim":             func(c *idp.Config) { c.PersonClaim = "" },
		"max age of a week":    func(c *idp.Config) { c.MaxAge = 7 * 24 * time.Hour },
		"a MAC":                func(c *idp.Config) { c.Algorithms = []string{"HS256"} },
		"no signature":         func(c *idp.Config) { c.Algorithms = []string{"none"} },
		"no clock":             func(c *idp.Config) { c.Clock = nil },
	} {
		cfg := idp.Config{
			Issuer: p.srv.URL, ClientID: clientID, Secret: "s", RedirectURL: callback, ACRs: []string{acr}, PersonClaim: "sub", Clock: p.clock, Rand: rand.Reader,
		}
		change(&cfg)
		if _, err := idp.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
