package issuer_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
)

const (
	formType   = "application/x-www-form-urlencoded"
	walletID   = "https://wallet.example"
	walletBack = "https://wallet.example/cb"
	secretCode = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // the PKCE verifier
)

// reply is what the office answered.
type reply struct {
	status int
	header http.Header
	body   string
}

// members reads a JSON object.
func (r reply) members(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return m
}

func (r reply) text(t testing.TB, name string) string {
	t.Helper()
	s, _ := r.members(t)[name].(string)
	return s
}

// walletUnit is a phone with the wallet of a provider whom the office trusts.
// It speaks HAIP 1.0 whole, one step at a time, so that a test can do each of
// them wrong.
type walletUnit struct {
	*office
	provider *ecdsa.PrivateKey // signs attestations
	chain    [][]byte
	id, back string // of the wallet product
	attested *ecdsa.PrivateKey
	dpop     *ecdsa.PrivateKey

	challenge           string
	serverNonce, nonceR string // of DPoP proofs, for the two servers apart
	token, refresh      string
	attest              map[string]any // more claims of its attestations
	mayWait             bool           // the office may say that it cannot know now

	secrets *[]string // whatever must reach no log; nil collects nothing
}

// haip is an office that demands all that HAIP 1.0 lets it demand, and the
// provider of the wallets that it takes.
func haip(t *testing.T, change ...func(*issuer.Config)) (*office, authority) {
	t.Helper()
	ca := newAuthority(t, t.TempDir(), "providers")
	o := newOffice(t, append([]func(*issuer.Config){func(c *issuer.Config) {
		c.Wallets.Attesters = []string{filepath.Join(t.TempDir(), "providers.pem")}
		c.Wallets.Challenges, c.Wallets.DPoPNonces = true, true
		write(t, c.Wallets.Attesters[0], "CERTIFICATE", ca.cert.Raw)
	}}, change...)...)
	return o, ca
}

// phone is a new one with the wallet of that provider.
func (o *office) phone(ca authority) *walletUnit {
	o.t.Helper()
	leaf := ca.client()
	return &walletUnit{
		office: o, provider: leaf.PrivateKey.(*ecdsa.PrivateKey), chain: leaf.Certificate, id: walletID, back: walletBack,
		attested: newKey(o.t), dpop: newKey(o.t),
	}
}

// keep notes what must reach no log.
func (u *walletUnit) keep(secrets ...string) {
	if u.secrets != nil {
		*u.secrets = append(*u.secrets, secrets...)
	}
}

func (u *walletUnit) attestation() string {
	u.t.Helper()
	now := u.clock.Now()
	s, err := oauth.SignAttestation(u.provider, u.chain, u.id, u.attested.Public(), now.Add(-time.Minute), now.Add(12*time.Hour), u.attest, rand.Reader)
	u.must(err)
	u.keep(s)
	return s
}

// attestationWith signs claims of an attestation as they are; nil takes one out.
func (u *walletUnit) attestationWith(change map[string]any) string {
	u.t.Helper()
	jwk, err := jose.MarshalPublicKey(u.attested.Public())
	u.must(err)
	now := u.clock.Now()
	claims := map[string]any{"sub": u.id, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(), "cnf": map[string]any{"jwk": json.RawMessage(jwk)}}
	for name, v := range change {
		if claims[name] = v; v == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	u.must(err)
	s, err := jose.Sign(u.provider, map[string]any{"typ": "oauth-client-attestation+jwt", "x5c": u.chain}, payload, rand.Reader)
	u.must(err)
	return s
}

// pop proves possession of the attested key to an audience.
func (u *walletUnit) pop(by *ecdsa.PrivateKey, audience string) string {
	u.t.Helper()
	if u.challenge == "" && u.cfg.Wallets.Challenges {
		status, _, body := u.post(u.cfg.PublicURL+issuerhttp.ChallengePath, "", "")
		u.challenge = reply{status, nil, body}.text(u.t, "attestation_challenge")
	}
	s, err := oauth.SignAttestationPoP(by, audience, u.id, u.challenge, rand.Text(), u.clock.Now(), rand.Reader)
	u.must(err)
	u.keep(s, u.challenge)
	return s
}

func (u *walletUnit) proof(url, token, nonce string) string {
	u.t.Helper()
	p, err := oauth.SignDPoP(u.dpop, http.MethodPost, url, token, nonce, rand.Text(), u.clock.Now(), rand.Reader)
	u.must(err)
	u.keep(p)
	return p
}

// asks sends a form to the authorization server, with new proofs unless header
// names others, and once more when it wants a nonce.
func (u *walletUnit) asks(path string, form url.Values, header ...string) reply {
	u.t.Helper()
	for again := false; ; again = true {
		all := append([]string{
			"DPoP", u.proof(u.cfg.PublicURL+path, "", u.serverNonce), "OAuth-Client-Attestation", u.attestation(), "OAuth-Client-Attestation-PoP", u.pop(u.attested, u.cfg.PublicURL),
		}, header...)
		status, got, body := u.post(u.cfg.PublicURL+path, formType, form.Encode(), all...)
		if n := got.Get("DPoP-Nonce"); n != "" {
			u.serverNonce = n
			u.keep(n)
		}
		if status >= http.StatusInternalServerError && !(u.mayWait && status == http.StatusServiceUnavailable) {
			u.t.Errorf("%s: %d %s", path, status, body)
		}
		if again || !strings.Contains(body, "use_dpop_nonce") {
			return reply{status, got, body}
		}
	}
}

// calls sends JSON to the issuer, with the token and a new proof.
func (u *walletUnit) calls(path, mediaType, body string, header ...string) reply {
	u.t.Helper()
	target, _, _ := strings.Cut(path, "?")
	for again := false; ; again = true {
		all := append([]string{"Authorization", "DPoP " + u.token, "DPoP", u.proof(u.cfg.PublicURL+target, u.token, u.nonceR)}, header...)
		status, got, answer := u.post(u.cfg.PublicURL+path, mediaType, body, all...)
		if n := got.Get("DPoP-Nonce"); n != "" {
			u.nonceR = n
			u.keep(n)
		}
		if status >= http.StatusInternalServerError && !(u.mayWait && status == http.StatusServiceUnavailable) {
			u.t.Errorf("%s: %d %s", target, status, answer)
		}
		if again || !strings.Contains(answer, "use_dpop_nonce") {
			return reply{status, got, answer}
		}
	}
}

// wish is a request for PAR; changes are pairs, an empty value takes one out.
func (u *walletUnit) wish(change ...string) url.Values {
	challenge := sha256.Sum256([]byte(secretCode))
	v := url.Values{
		"response_type": {"code"}, "client_id": {u.id}, "redirect_uri": {u.back}, "scope": {"mdl"}, "state": {"state-of-the-wallet"},
		"code_challenge": {jose.EncodeBase64URL(challenge[:])}, "code_challenge_method": {"S256"},
	}
	edit(v, change)
	return v
}

func edit(v url.Values, change []string) {
	for i := 0; i < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
}

func (u *walletUnit) pushes(change ...string) reply {
	u.t.Helper()
	r := u.asks(issuerhttp.ParPath, u.wish(change...))
	if r.status == http.StatusCreated {
		u.keep(strings.TrimPrefix(r.text(u.t, "request_uri"), "urn:ietf:params:oauth:request_uri:"))
	}
	return r
}

// redeems asks for a token with a code.
func (u *walletUnit) redeems(code string, change ...string) reply {
	u.t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {u.back}, "client_id": {u.id}, "code_verifier": {secretCode}}
	edit(v, change)
	return u.took(u.asks(issuerhttp.TokenPath, v))
}

// took keeps the tokens of an answer.
func (u *walletUnit) took(r reply) reply {
	u.t.Helper()
	if r.status == http.StatusOK {
		u.token, u.refresh = r.text(u.t, "access_token"), r.text(u.t, "refresh_token")
		u.keep(u.token, u.refresh)
	}
	return r
}

// authorizes is the browser of a person who logs in and says yes, or no; it
// gives where the wallet was sent back to.
func (u *walletUnit) authorizes(request, person, action string) *url.URL {
	u.t.Helper()
	b := u.office.citizen()
	b.web.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), u.cfg.PublicURL) {
			return nil
		}
		return http.ErrUseLastResponse
	}
	q := url.Values{"client_id": {u.id}, "request_uri": {request}}
	status, page := b.read(b.web.Get(u.cfg.PublicURL + issuerhttp.AuthorizePath + "?" + q.Encode()))
	m := regexp.MustCompile(`name="state" value="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		u.t.Fatalf("the login: %d %s", status, page)
	}
	u.keep(m[1])
	status, page = b.read(b.web.Get(u.cfg.PublicURL + issuerhttp.CallbackPath + "?" + url.Values{"state": {m[1]}, "person": {person}}.Encode()))
	_, after, found := strings.Cut(page, `action="`+issuerhttp.AuthorizePath+action+`"`)
	if !found {
		u.t.Fatalf("no form to send: %d %s", status, page)
	}
	after, _, _ = strings.Cut(after, "</form>")
	form := url.Values{}
	for _, m := range inputs.FindAllStringSubmatch(after, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	u.keep(form.Get("form_token"))
	res, err := b.web.PostForm(u.cfg.PublicURL+issuerhttp.AuthorizePath+action, form)
	u.must(err)
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		u.t.Fatalf("the form: %d", res.StatusCode)
	}
	back, err := res.Location()
	u.must(err)
	return back
}

// code pushes a request and has it approved.
func (u *walletUnit) code(change ...string) string {
	u.t.Helper()
	r := u.pushes(change...)
	if r.status != http.StatusCreated {
		u.t.Fatalf("PAR: %d %s", r.status, r.body)
	}
	code := u.authorizes(r.text(u.t, "request_uri"), "P-1", "/approve").Query().Get("code")
	if code == "" {
		u.t.Fatal("no code")
	}
	u.keep(code)
	return code
}

// enrols goes the whole way to a token.
func (u *walletUnit) enrols(change ...string) *walletUnit {
	u.t.Helper()
	if r := u.redeems(u.code(change...)); r.status != http.StatusOK {
		u.t.Fatalf("token: %d %s", r.status, r.body)
	}
	return u
}

// cNonce fetches a fresh one.
func (u *walletUnit) cNonce() string {
	u.t.Helper()
	n := rawWallet{u.office, u.dpop}.nonce()
	u.keep(n)
	return n
}

// requests makes a credential request with as many fresh keys.
func (u *walletUnit) requests(configuration, nonce string, copies int) (string, []*ecdsa.PrivateKey) {
	u.t.Helper()
	r := oid4vci.CredentialRequest{ConfigurationID: configuration}
	var keys []*ecdsa.PrivateKey
	for range copies {
		key := newKey(u.t)
		p, err := oid4vci.SignProof(key, u.cfg.PublicURL, nonce, u.id, u.clock.Now(), rand.Reader)
		u.must(err)
		u.keep(p)
		r.Proofs.JWT, keys = append(r.Proofs.JWT, p), append(keys, key)
	}
	body, err := json.Marshal(r)
	u.must(err)
	return string(body), keys
}

// fetches gets copies, and gives them with their keys.
func (u *walletUnit) fetches(configuration string, copies int) (*oid4vci.CredentialResponse, []*ecdsa.PrivateKey) {
	u.t.Helper()
	body, keys := u.requests(configuration, u.cNonce(), copies)
	r := u.calls(issuerhttp.CredentialPath, "application/json", body)
	response, err := oid4vci.ParseCredentialResponse([]byte(r.body))
	if err != nil || r.status != http.StatusOK {
		u.t.Fatalf("credentials: %d %s %v", r.status, r.body, err)
	}
	u.keep(response.NotificationID)
	for _, c := range response.Credentials {
		u.keep(c.Credential)
	}
	return response, keys
}
