package issuerhttp_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/clock"
	"vidimus/internal/idp"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// door is the wallets' listener with services that a test bends.
type door struct {
	*world
	mu sync.Mutex

	// Of the authorization server.
	pending  map[string]*authserver.Pending // by request_uri
	pushed   []authserver.PushRequest
	decision authserver.Decision
	denied   string
	fail     error // of the next call to any service

	held []issuerhttp.Holding

	// Of the issuer.
	access   authserver.Access
	request  *oid4vci.CredentialRequest
	deferred *oid4vci.DeferredRequest
	response *oid4vci.CredentialResponse

	failDeferred error
	ended        []string
}

const (
	requestURI = "urn:ietf:params:oauth:request_uri:one"
	walletBack = "https://wallet.example/back"
)

func newDoor(t *testing.T, change func(*issuerhttp.PublicConfig)) *door {
	t.Helper()
	d := &door{
		world: &world{t: t, clock: clock.NewFake(pkitest.Now)},
		held: []issuerhttp.Holding{
			{Configuration: "mdl", Names: map[string]string{"en": "Driving licence", "de": "Führerschein"}, Document: "DL-1", Expires: "2030-08-31"},
			{Configuration: "pid-sd-jwt", Names: map[string]string{"en": "Identity <b>document</b>"}, Document: "ID-1"},
		},
		response: &oid4vci.CredentialResponse{Credentials: []oid4vci.Credential{{Credential: "abc"}}},
	}
	d.pending = map[string]*authserver.Pending{requestURI: {
		ClientID: client, ClientName: "Wallet & Co", RedirectURI: walletBack, Configurations: []string{"mdl", "pid-sd-jwt"},
		Expires: d.clock.Now().Add(5 * time.Minute),
	}}
	sealer, err := idp.NewSealer([]byte("a secret of thirty-two bytes or more"), d.clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cfg := issuerhttp.PublicConfig{
		URL: publicURL, Tokens: d, Credentials: d, Metadata: metadata{}, Ready: d, Authorization: d, Sealer: sealer, Holdings: d, Challenges: d, Nonces: d,
		Deferred: d, Encryption: d,
		Login: &idp.Demo{
			PageURL: publicURL + issuerhttp.DemoPath, People: []idp.DemoPerson{{Number: "P1", Name: "Erika Dvorak"}, {Number: "P2"}}, Clock: d.clock, Rand: rand.Reader,
		},
	}
	if change != nil {
		change(&cfg)
	}
	d.public = d.listen("public", func(e *webserver.Engine) error { return issuerhttp.Public(e, cfg) })
	return d
}

// failing gives the error that the test wants, once.
func (d *door) failing() error {
	err := d.fail
	d.fail = nil
	return err
}

func (d *door) Push(_ context.Context, r authserver.PushRequest) (*authserver.Pushed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pushed = append(d.pushed, r)
	return &authserver.Pushed{RequestURI: requestURI, ExpiresIn: 300}, d.failing()
}

func (d *door) look(clientID, request string) (*authserver.Pending, error) {
	p := d.pending[request]
	if p == nil || p.ClientID != clientID {
		return nil, problem.New(problem.InvalidRequest, "expired or answered")
	}
	return p, d.failing()
}

func (d *door) Pending(_ context.Context, clientID, request string) (*authserver.Pending, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.look(clientID, request)
}

func (d *door) Approve(_ context.Context, clientID, request string, decision authserver.Decision) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := d.look(clientID, request)
	if err != nil {
		return "", err
	}
	delete(d.pending, request)
	d.decision = decision
	return p.RedirectURI + "?code=c&state=s&iss=" + url.QueryEscape(publicURL), nil
}

func (d *door) Deny(_ context.Context, clientID, request, code string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := d.look(clientID, request)
	if err != nil {
		return "", err
	}
	delete(d.pending, request)
	d.denied = code
	return p.RedirectURI + "?error=" + code + "&state=s&iss=" + url.QueryEscape(publicURL), nil
}

func (d *door) Challenge(context.Context) (string, error) { return "a-challenge", nil }
func (d *door) ServerNonce() string                       { return "server-nonce" }
func (d *door) ResourceNonce() string                     { return "resource-nonce" }

func (d *door) Holdings(_ context.Context, person string, configurations []string) ([]issuerhttp.Holding, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if person != "P1" {
		return nil, problem.New(problem.NotFound, "nobody")
	}
	return slices.Clone(d.held), nil
}

func (d *door) Token(context.Context, authserver.TokenRequest) (*oid4vci.TokenResponse, error) {
	return &oid4vci.TokenResponse{AccessToken: "t", TokenType: "DPoP", ExpiresIn: 300}, d.failing()
}

func (d *door) Authenticate(_ context.Context, r authserver.ResourceRequest) (*authserver.Access, error) {
	if err := d.failing(); err != nil {
		return nil, err
	}
	if r.Authorization != "DPoP token" {
		return nil, problem.New(problem.InvalidToken, "the access token is not valid")
	}
	return &d.access, nil
}

func (d *door) End(_ context.Context, _ *authserver.Access, document, reason string) error {
	d.ended = append(d.ended, reason+" "+document)
	return nil
}

func (d *door) Nonce(context.Context) (string, error) { return "c-nonce", nil }

func (d *door) Issue(_ context.Context, _ issuance.Access, r *oid4vci.CredentialRequest) (*oid4vci.CredentialResponse, error) {
	d.request = r
	return d.response, oid4vci.CheckEncryption(r.ResponseEncryption, r.Encrypted, false, false)
}

func (d *door) Deferred(_ context.Context, _ issuance.Access, r *oid4vci.DeferredRequest) (*oid4vci.CredentialResponse, error) {
	d.deferred = r
	return d.response, d.failDeferred
}

func (d *door) Notify(context.Context, issuance.Access, *oid4vci.Notification) error { return nil }
func (d *door) OfferObject(context.Context, string) ([]byte, error)                  { return nil, nil }

// DecryptRequest takes off the word that stands for encryption.
func (d *door) DecryptRequest(_ context.Context, body []byte) ([]byte, error) {
	text, ok := strings.CutPrefix(string(body), "sealed:")
	if !ok {
		return nil, problem.New(problem.InvalidEncryptionParameters, "the request cannot be decrypted")
	}
	return []byte(text), nil
}

func (d *door) EncryptResponse(p *oid4vci.ResponseEncryptionParameters, body []byte) (string, error) {
	return p.Enc + ":" + string(body), nil
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	d       *world
	cookies map[string]string
	lang    string
}

func (w *world) browser() *browser { return &browser{d: w, cookies: map[string]string{}, lang: "en"} }

func (b *browser) do(method, target string, form url.Values, header ...string) answer {
	b.d.t.Helper()
	var all []string
	for name, value := range b.cookies {
		all = append(all, name+"="+value)
	}
	header = append(header, "Accept-Language", b.lang)
	if len(all) > 0 {
		header = append(header, "Cookie", strings.Join(all, "; "))
	}
	body := ""
	if form != nil {
		body = form.Encode()
		header = append(header, "Content-Type", "application/x-www-form-urlencoded")
	}
	a := b.d.do(method, b.d.public+strings.TrimPrefix(target, "https://issuer.example"), body, header...)
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			b.d.t.Errorf("cookie %v", c)
		}
	}
	return a
}

func (b *browser) get(target string) answer { b.d.t.Helper(); return b.do("GET", target, nil) }

const authorizePage = "/office/authorize"

// page is the address that a wallet opens.
func page(request string) string {
	return authorizePage + "?" + url.Values{"client_id": {client}, "request_uri": {request}}.Encode()
}

// login goes from the wallet's address to the page of the request.
func (b *browser) login(request string) answer {
	b.d.t.Helper()
	a := b.d.want(b.get(page(request)), 303)
	a = b.d.want(b.get(a.Header.Get("Location")), 200)
	m := regexp.MustCompile(`name="state" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		b.d.t.Fatalf("no state in %s", a.body)
	}
	a = b.d.want(b.get("/office/login/callback?"+url.Values{"state": {m[1]}, "person": {"P1"}}.Encode()), 303)
	return b.d.want(b.get(a.Header.Get("Location")), 200)
}

var input = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// form reads the form with this action.
func form0(a answer, action string) url.Values {
	_, rest, found := strings.Cut(a.body, `action="`+action+`"`)
	if !found {
		return nil
	}
	text, _, _ := strings.Cut(rest, "</form>")
	v := url.Values{}
	for _, m := range input.FindAllStringSubmatch(text, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

func errorOf(t *testing.T, a answer) string {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Errorf("%d: %s", a.StatusCode, a.body)
	}
	return e.Error
}
