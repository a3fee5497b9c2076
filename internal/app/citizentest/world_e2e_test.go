//go:build e2e

package citizentest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/citizen"
	"vidimus/internal/citizenhttp"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/idp"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/notice"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
	"vidimus/internal/store/memory"
	"vidimus/internal/webserver"
)

// site is the pages over https at their public URL, which has a path, and a
// wallet of another origin that takes the answer.
type site struct {
	URL, wallet string

	mu       sync.Mutex
	pending  map[string]*authserver.Pending
	decision authserver.Decision
	denied   string
	revoked  []string
}

const (
	base       = "/office"
	client     = "https://wallet.example"
	requestURI = "urn:ietf:params:oauth:request_uri:one"
)

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{pending: map[string]*authserver.Pending{}}
	wallet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="en"><head><title>Wallet</title><link rel="icon" href="data:,"></head><body><main><h1 id="back">Back in the wallet</h1></main></body></html>`)
	}))
	t.Cleanup(wallet.Close)
	s.wallet = wallet.URL
	var handler http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	s.URL = "https://" + server.Listener.Addr().String() + base
	s.ask(requestURI)

	e, err := webserver.New(webserver.Config{Listener: "public", Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := idp.NewSealer([]byte("a secret of thirty-two bytes or more"), clock.System{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	demo := func(path string) *idp.Demo {
		return &idp.Demo{
			PageURL: s.URL + path, Clock: clock.System{}, Rand: rand.Reader,
			People: []idp.DemoPerson{{Number: "P-100", Name: "Erika Dvorak"}, {Number: "P-101", Name: "Jean-Claude Muller"}, {Number: "P-102"}},
		}
	}
	if err := issuerhttp.Public(e, issuerhttp.PublicConfig{
		URL: s.URL, Tokens: nothing{}, Credentials: nothing{}, Metadata: nothing{}, Lists: nothingLists{}, Ready: nothing{},
		Authorization: s, Login: demo(issuerhttp.DemoPath), Sealer: sealer, Holdings: s,
	}); err != nil {
		t.Fatal(err)
	}
	store, err := memory.New(memory.Options{PublicURL: s.URL, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	codes, err := citizen.New(citizen.Parts{Store: store, Wallets: s, Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := citizenhttp.Pages(e, citizenhttp.Config{
		URL: s.URL, Login: demo(citizenhttp.DemoPath), Sealer: sealer, Office: s, Desk: s, Revocations: codes, Rand: rand.Reader,
	}); err != nil {
		t.Fatal(err)
	}
	handler = e
	server.StartTLS()
	t.Cleanup(server.Close)
	return s
}

// ask pushes a request.
func (s *site) ask(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[uri] = &authserver.Pending{
		ClientID: client, ClientName: "Wallet of Utopia", RedirectURI: s.wallet + "/back", Configurations: []string{"mdl", "pid-sd-jwt", "pid-mdoc"},
		Expires: time.Now().Add(5 * time.Minute),
	}
}

func (s *site) Push(context.Context, authserver.PushRequest) (*authserver.Pushed, error) {
	return nil, problem.New(problem.Unavailable, "not here")
}

func (s *site) Pending(_ context.Context, clientID, request string) (*authserver.Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pending[request]; p != nil && p.ClientID == clientID {
		return p, nil
	}
	return nil, problem.New(problem.InvalidRequest, "expired or answered")
}

func (s *site) Approve(ctx context.Context, clientID, request string, d authserver.Decision) (string, error) {
	p, err := s.Pending(ctx, clientID, request)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, request)
	s.decision = d
	return p.RedirectURI + "?code=c&state=s", nil
}

func (s *site) Deny(ctx context.Context, clientID, request, code string) (string, error) {
	p, err := s.Pending(ctx, clientID, request)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, request)
	s.denied = code
	return p.RedirectURI + "?error=" + code + "&state=s", nil
}

func (s *site) Holdings(_ context.Context, person string, _ []string) ([]issuerhttp.Holding, error) {
	switch person {
	case "P-102":
		return []issuerhttp.Holding{{Configuration: "mdl", Names: map[string]string{"en": "Driving licence", "fr": "Permis de conduire", "de": "Führerschein", "lb": "Führerschäin"}}}, nil
	case "P-100":
	default:
		return nil, problem.New(problem.NotFound, "nobody")
	}
	names := map[string]string{"en": "Identity document", "fr": "Document d’identité", "de": "Personalausweis", "lb": "Carte d’identité"}
	return []issuerhttp.Holding{
		{Configuration: "mdl", Names: map[string]string{"en": "Driving licence", "fr": "Permis de conduire", "de": "Führerschein", "lb": "Führerschäin"}, Document: "DL-2025-000100", Expires: "2035-08-31"},
		{Configuration: "pid-sd-jwt", Names: names, Document: "ID-2025-000100", Expires: "2030-08-31"}, {Configuration: "pid-mdoc", Names: names},
	}, nil
}

func known(person string) error {
	if person != "P-100" {
		return problem.New(problem.NotFound, "nobody")
	}
	return nil
}

func (s *site) Documents(_ context.Context, person string) ([]citizenhttp.Document, error) {
	return []citizenhttp.Document{
		{Number: "DL-2025-000100", Type: "mdl", State: "valid", Issued: "2025-09-01", Expires: "2035-08-31", Authority: "Utopia Department of Motor Vehicles", Issuable: true, Copies: 12},
		{Number: "ID-2025-000100", Type: "pid", State: "annulled", Issued: "2025-09-01", Expires: "2030-08-31", Authority: "Utopia"},
	}, known(person)
}

func (s *site) Wallets(_ context.Context, person string) ([]citizenhttp.Wallet, error) {
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	return []citizenhttp.Wallet{
		{Unit: "one", Since: day, Last: day.AddDate(0, 1, 0), Copies: 10, Documents: []string{"DL-2025-000100"}},
		{Unit: "two", Since: day, Last: day, Copies: 2, Documents: []string{"DL-2025-000100"}},
	}, known(person)
}

func (s *site) Issued(_ context.Context, person string, _ int) ([]citizenhttp.Issue, error) {
	var all []citizenhttp.Issue
	for i := range 6 {
		all = append(all, citizenhttp.Issue{
			Day: time.Date(2026, 6, 30-i, 0, 0, 0, 0, time.UTC), Document: "DL-2025-000100", Configuration: "mdl", Unit: "one", Copies: 20, Valid: 20 - 3*i,
		})
	}
	return all, known(person)
}

func (s *site) Notices(_ context.Context, person string, _ int) ([]notice.Record, error) {
	return []notice.Record{
		{Notice: document.Notice{Fact: document.FactWalletLost}, Created: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)},
		{Notice: document.Notice{Fact: document.FactDocumentAnnulled}, Created: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)},
	}, known(person)
}

func (s *site) Offer(context.Context, citizenhttp.OfferWish) (*citizenhttp.Offer, error) {
	return &citizenhttp.Offer{
		URI:       "openid-credential-offer://?credential_offer=%7B%7D",
		Reference: "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fissuer.example%2Foffice%2Foffers%2F2bB0Zt0n8cGm3pXrQmYk6w1sVfJ7uHdLxN4eTqAoCiE",
		TxCode:    "493536", Expires: time.Now().Add(10 * time.Minute),
	}, nil
}

// Lost implements citizen.Wallets.
func (s *site) Lost(_ context.Context, _, unit, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = append(s.revoked, unit)
	return nil
}

func (s *site) Export(context.Context, string) ([]byte, error) { return []byte("{}"), nil }

// nothing is the rest of the listener, which no page asks.
type nothing struct{}

var errNothing = problem.New(problem.Unavailable, "not here")

func (nothing) Token(context.Context, authserver.TokenRequest) (*oid4vci.TokenResponse, error) {
	return nil, errNothing
}
func (nothing) Authenticate(context.Context, authserver.ResourceRequest) (*authserver.Access, error) {
	return nil, errNothing
}
func (nothing) End(context.Context, *authserver.Access, string, string) error { return errNothing }
func (nothing) Nonce(context.Context) (string, error)                         { return "", errNothing }
func (nothing) Issue(context.Context, issuance.Access, *oid4vci.CredentialRequest) (*oid4vci.CredentialResponse, error) {
	return nil, errNothing
}
func (nothing) Notify(context.Context, issuance.Access, *oid4vci.Notification) error {
	return errNothing
}
func (nothing) OfferObject(context.Context, string) ([]byte, error) { return nil, errNothing }
func (nothing) IssuerMetadata() []byte                              { return nil }
func (nothing) ServerMetadata() []byte                              { return nil }
func (nothing) Ready(context.Context) error                         { return nil }
func (nothing) Aggregation() *status.Object                         { return nil }
func (nothing) Identifiers(context.Context, string) (*status.Object, error) {
	return nil, errNothing
}

// nothingLists has the method of the lists, whose name the tokens have too.
type nothingLists struct{ nothing }

func (nothingLists) Token(context.Context, string, statuslist.Format) (*status.Object, error) {
	return nil, errNothing
}
