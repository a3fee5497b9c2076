package issuerhttp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"vidimus/api/registryclient"
	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/idp"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/memory"
	"vidimus/internal/webserver"
)

const (
	publicURL = "https://issuer.example/office" // a path, so that every rule about paths is met
	client    = "https://wallet.example"
	source    = "https://registry.example"
)

// world is a whole issuer behind three real listeners. Its public URL is not
// where it listens: what it says of itself must not come from the connection.
type world struct {
	t         testing.TB
	pki       *pkitest.World
	clock     *clock.Fake
	store     *memory.Store
	publisher *status.Publisher
	source    *ecdsa.PrivateKey
	ready     atomic.Pointer[error]

	public, registry, office string // http://127.0.0.1:port

	log slog.Handler // of the listeners; nil throws it away
}

// records and eligibility join the store to the services, as the wiring does.
type records struct{ *memory.Store }

func (r records) Subject(ctx context.Context, person string) (document.Subject, error) {
	s, err := r.Store.Subject(ctx, person)
	if errors.Is(err, registry.ErrSubjectNotFound) {
		err = problem.Wrap(problem.NotFound, err, "nobody")
	}
	return s, err
}

type eligibility struct {
	records
	clock clock.Clock
}

func (e eligibility) Eligible(ctx context.Context, person string, documents map[string]string) error {
	s, err := e.Subject(ctx, person)
	if err != nil {
		return err
	}
	for _, number := range documents {
		if err := s.Issuable(number, e.clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

type signers map[string]*issuance.Signer

func (s signers) Signer(_ context.Context, name string) (*issuance.Signer, error) {
	if s[name] == nil {
		return nil, errors.New("no such key")
	}
	return s[name], nil
}

type metadata struct{}

func (metadata) IssuerMetadata() []byte { return []byte(`{"credential_issuer":"` + publicURL + `"}`) }
func (metadata) ServerMetadata() []byte { return []byte(`{"issuer":"` + publicURL + `"}`) }

func (w *world) Ready(context.Context) error {
	if e := w.ready.Load(); e != nil {
		return *e
	}
	return nil
}

// limits of a test; nil limits nothing.
type limits struct {
	all, guesses *webserver.Limiter
	log          slog.Handler
}

func newWorld(t testing.TB, l limits) *world {
	t.Helper()
	store, err := memory.New(memory.Options{PublicURL: publicURL, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pki: pkitest.NewWorld(t), clock: clock.NewFake(pkitest.Now), store: store, source: newKey(t), log: l.log}
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	keys := signers{}
	for name, e := range map[string]pkitest.Entity{"mdl": w.pki.DocumentSignerMDL, "pid": w.pki.DocumentSignerPID} {
		keys[name] = &issuance.Signer{Key: e.Key, KeyID: name, Chain: e.Chain, Terms: catalog.Terms{NotBefore: e.Cert.Cert.NotBefore, NotAfter: e.Cert.Cert.NotAfter, Country: pkitest.Country}}
	}
	secret := []byte("a secret of thirty-two bytes or more")
	auth, err := authserver.New(authserver.Config{
		Issuer: publicURL, TokenEndpoint: publicURL + issuerhttp.TokenPath, PushEndpoint: publicURL + issuerhttp.ParPath, Secret: secret,
		Clients: []string{client}, Redirects: map[string][]string{client: {walletBack}},
		Configurations: map[string]authserver.Configuration{
			"mdl": {Type: "org.iso.18013.5.1.mDL", Scope: "mdl"}, "pid-sd-jwt": {Type: "urn:eudi:pid:1", Scope: "pid"},
		},
	}, authserver.Parts{Store: store, Subjects: eligibility{records{store}, w.clock}, Audit: store, Clock: w.clock, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	issue, err := issuance.New(issuance.Config{Issuer: publicURL, OffersURL: publicURL + issuerhttp.OffersPath, Secret: secret}, issuance.Parts{
		Store: store, Records: records{store}, Catalog: cat, Signers: keys, Audit: store, Clock: w.clock, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.publisher, err = status.New(status.Config{
		Store: store, Signer: w.pki.StatusSigner.Key, Chain: w.pki.StatusSigner.Chain, Clock: w.clock, Rand: rand.Reader, PublicURL: publicURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := registry.New(registry.Config{
		Issuer: publicURL, Store: store, Audit: store, Clock: w.clock, ReceiptSigner: w.pki.ReceiptSigner.Key, Rand: rand.Reader, HoldFor: -1,
		Sources: []registry.Source{{
			Name: source, Keys: map[string]crypto.PublicKey{"k1": w.source.Public()}, DocumentTypes: []string{"mdl", "pid"}, Kinds: []string{"driving"},
			Events: []string{"person-put", "entitlement-put", "document-put", "document-annulled"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := idp.NewSealer(secret, w.clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.public = w.listen("public", func(e *webserver.Engine) error {
		return issuerhttp.Public(e, issuerhttp.PublicConfig{
			URL: publicURL, Tokens: auth, Credentials: issue, Metadata: metadata{}, Lists: w.publisher, Ready: w, Limit: l.all, Guesses: l.guesses,
			OldWellKnown: true, Authorization: auth, Sealer: sealer, Nonces: auth, Challenges: auth, Deferred: issue,
			Holdings: issuerhttp.RecordHoldings{Records: records{store}, Catalog: cat, Issuable: document.Subject.Issuable, Clock: w.clock},
			Login: &idp.Demo{
				PageURL: publicURL + issuerhttp.DemoPath, People: []idp.DemoPerson{{Number: "P1", Name: "Erika"}}, Clock: w.clock, Rand: rand.Reader,
			},
		})
	})
	w.registry = w.listen("registry", func(e *webserver.Engine) error {
		issuerhttp.Registry(e, issuerhttp.RegistryConfig{Inbox: inbox, Peer: func(r *http.Request) (string, error) { return r.Header.Get("Test-Peer"), nil }})
		return nil
	})
	w.office = w.listen("office", func(e *webserver.Engine) error {
		issuerhttp.Office(e, issuerhttp.OfficeConfig{Grants: auth, Offers: issue, Actor: func(*http.Request) (string, error) { return "clerk", nil }})
		return nil
	})
	return w
}

func (w *world) listen(name string, routes func(*webserver.Engine) error) string {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	if w.log != nil {
		log = slog.New(w.log)
	}
	e, err := webserver.New(webserver.Config{Listener: name, Log: log, Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := routes(e); err != nil {
		w.t.Fatal(err)
	}
	s, err := webserver.Listen(name, "127.0.0.1:0", e, nil, log)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- webserver.Run(ctx, s) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (a answer) member(t testing.TB, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%d %q: %v", a.StatusCode, a.body, err)
	}
	s, _ := m[name].(string)
	return s
}

var transport = &http.Transport{DisableCompression: true}

// do sends a request; header names and values alternate.
func (w *world) do(method, target, body string, header ...string) answer {
	w.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, target, r)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp, string(b)}
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.StatusCode != status {
		w.t.Fatalf("%s: %d %s, want %d", a.Request.URL.Path, a.StatusCode, a.body, status)
	}
	return a
}

// fill pushes one person with a licence and an identity document.
func (w *world) fill() {
	w.t.Helper()
	img := image.NewGray(image.Rect(0, 0, 32, 40))
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, img, nil); err != nil {
		w.t.Fatal(err)
	}
	licence := func(number, typ string) registryclient.DocumentPut {
		return registryclient.DocumentPut{
			Number: number, Type: typ, IssueDate: "2025-09-01", ExpiryDate: "2030-08-31",
			IssuingAuthority: "Utopia DMV", IssuingCountry: "UT", UNDistinguishingSign: "UTO",
		}
	}
	for i, p := range []registryclient.Payload{
		registryclient.PersonPut{Attributes: map[string]any{
			"family_name": "Dvorak", "given_name": "Erika", "birth_date": "1984-01-26", "sex": 2, "nationality": []string{"UT"},
			"place_of_birth": map[string]any{"country": "UT"}, "portrait": picture.Bytes(),
		}},
		registryclient.EntitlementPut{Kind: "driving", Territory: "UT", Privileges: []registryclient.Privilege{
			{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20"},
		}},
		licence("DL-1", "mdl"), licence("ID-1", "pid"),
	} {
		if err := w.events().Push(context.Background(), w.event(i+1, p)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// events is the registry's side.
func (w *world) events() *registryclient.Client {
	return &registryclient.Client{Endpoint: w.registry, Source: source, Audience: publicURL, KeyID: "k1", Signer: w.source, Now: w.clock.Now}
}

func (w *world) event(seq int, p registryclient.Payload) registryclient.SET {
	w.t.Helper()
	set, err := w.events().Sign(registryclient.Event{Subject: "P1", Seq: uint64(seq), Payload: p})
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// offer asks the office for one.
func (w *world) offer(key string, documents map[string]string) issuerhttp.OfferResponse {
	w.t.Helper()
	body, err := json.Marshal(issuerhttp.OfferRequest{Key: key, Person: "P1", Documents: documents})
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.want(w.do("POST", w.office+issuerhttp.OfficePath, string(body), "Content-Type", "application/json"), 200)
	var o issuerhttp.OfferResponse
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// wallet holds the key of its proofs and, later, a token.
type wallet struct {
	w     *world
	key   *ecdsa.PrivateKey
	token string
}

func (wa *wallet) proof(target string) string {
	wa.w.t.Helper()
	p, err := oauth.SignDPoP(wa.key, "POST", target, wa.token, "", rand.Text(), wa.w.clock.Now(), rand.Reader)
	if err != nil {
		wa.w.t.Fatal(err)
	}
	return p
}

// at is where the test reaches a URL of the issuer.
func (w *world) at(path string) string {
	u, err := url.Parse(publicURL)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.public + u.Path + path
}

// code takes the pre-authorized code out of an offer by reference.
func (w *world) code(o issuerhttp.OfferResponse) string {
	w.t.Helper()
	_, reference, err := oid4vci.ParseOfferURI(o.Reference)
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.want(w.do("GET", w.at(strings.TrimPrefix(reference, publicURL)), ""), 200)
	offer, err := oid4vci.ParseCredentialOffer([]byte(a.body))
	if err != nil {
		w.t.Fatal(err)
	}
	return offer.PreAuthorized.Code
}

func tokenForm(code, txCode string) string {
	return url.Values{
		"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {code}, "tx_code": {txCode}, "client_id": {client},
	}.Encode()
}

func (wa *wallet) ask(path, body string, header ...string) answer {
	wa.w.t.Helper()
	return wa.w.do("POST", wa.w.at(path), body, append([]string{
		"Content-Type", "application/json", "Authorization", "DPoP " + wa.token, "DPoP", wa.proof(publicURL + path),
	}, header...)...)
}

// enrol gives a wallet a token for an mDL and a PID.
func (w *world) enrol() *wallet {
	w.t.Helper()
	o := w.offer(rand.Text(), map[string]string{"mdl": "DL-1", "pid-sd-jwt": "ID-1"})
	wa := &wallet{w: w, key: newKey(w.t)}
	a := w.want(w.do("POST", w.at("/token"), tokenForm(w.code(o), o.TxCode), "Content-Type", "application/x-www-form-urlencoded", "DPoP", wa.proof(publicURL+"/token")), 200)
	wa.token = a.member(w.t, "access_token")
	return wa
}

// request is a credential request with n fresh keys and a fresh nonce.
func (w *world) request(configuration string, n int) string {
	w.t.Helper()
	nonce := w.want(w.do("POST", w.at("/nonce"), ""), 200).member(w.t, "c_nonce")
	var r oid4vci.CredentialRequest
	r.ConfigurationID = configuration
	for range n {
		p, err := oid4vci.SignProof(newKey(w.t), publicURL, nonce, client, w.clock.Now(), rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		r.Proofs.JWT = append(r.Proofs.JWT, p)
	}
	b, err := r.MarshalJSON()
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}
