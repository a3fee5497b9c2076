package authserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/clock"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/store/memory"
)

const (
	issuer        = "https://issuer.example"
	tokenURL      = issuer + "/token"
	credentialURL = issuer + "/credential"
)

var start = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// subjects says no to whoever is on its list.
type subjects struct {
	mu     sync.Mutex
	denied map[string]error
}

func (s *subjects) Eligible(_ context.Context, person string, documents map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, number := range documents {
		if err := s.denied[number]; err != nil {
			return err
		}
	}
	return s.denied[person]
}

// deny says no to a person, or to one document.
func (s *subjects) deny(number string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[number] = err
}

// count is how many events of an action with an outcome are on record.
func count(m *audit.Memory, action, outcome string) (n int) {
	for _, e := range m.Events() {
		if e.Action == action && e.Outcome == outcome {
			n++
		}
	}
	return n
}

// recording is a store whose steps go on the record that the tests read.
type recording struct {
	authserver.Store
	audit *audit.Memory
}

// with does a step unless the record takes nothing, and says it there.
func (r recording) with(ctx context.Context, step func() (did audit.Event, err error)) error {
	if r.audit.Fail != nil {
		return r.audit.Fail
	}
	did, err := step()
	if err == nil {
		err = r.audit.Append(ctx, did)
	}
	return err
}

func (r recording) EndRequest(ctx context.Context, uri authserver.Digest, now time.Time, code *authserver.CodeRecord, did audit.Event) error {
	return r.with(ctx, func() (audit.Event, error) { return did, r.Store.EndRequest(ctx, uri, now, code, did) })
}

func (r recording) RedeemCode(ctx context.Context, code authserver.Digest, now time.Time, once []authserver.Once, g authserver.Given) error {
	return r.with(ctx, func() (audit.Event, error) { return g.Issued, r.Store.RedeemCode(ctx, code, now, once, g) })
}

func (r recording) RedeemPreAuthorizedCode(ctx context.Context, code authserver.Digest, mac []byte, now time.Time, once []authserver.Once, g authserver.Given) (grant authserver.GrantRecord, err error) {
	err = r.with(ctx, func() (did audit.Event, err error) {
		grant, err = r.Store.RedeemPreAuthorizedCode(ctx, code, mac, now, once, g)
		return g.Issued, err
	})
	return grant, err
}

func (r recording) Refresh(ctx context.Context, hash authserver.Digest, now time.Time, once []authserver.Once, t authserver.TokenRecord, waiting []string, issued func(authserver.TokenRecord) audit.Event) (given authserver.TokenRecord, err error) {
	err = r.with(ctx, func() (did audit.Event, err error) {
		if given, err = r.Store.Refresh(ctx, hash, now, once, t, waiting, issued); err == nil {
			did = issued(given)
		}
		return did, err
	})
	return given, err
}

type world struct {
	t        testing.TB
	server   *authserver.Server
	cfg      authserver.Config
	parts    authserver.Parts
	clock    *clock.Fake
	subjects *subjects
	audit    *audit.Memory
	offers   atomic.Int64
}

func config() authserver.Config {
	return authserver.Config{
		Issuer: issuer, TokenEndpoint: tokenURL, Secret: []byte("a secret of thirty-two bytes or more"),
		Configurations: map[string]authserver.Configuration{
			"mdl":     {Type: "org.iso.18013.5.1.mDL", Scope: "mdl"},
			"pid":     {Type: "urn:eudi:pid:1", Scope: "pid"},
			"library": {Type: "urn:example:library", Scope: "library", WithoutTxCode: true},
		},
		Clients: []string{"https://wallet.example", "other"},
	}
}

func newWorld(t testing.TB, change func(*authserver.Config)) *world {
	t.Helper()
	store, err := memory.New(memory.Options{PublicURL: issuer, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cfg: config(), clock: clock.NewFake(start), subjects: &subjects{denied: map[string]error{}}, audit: &audit.Memory{}}
	if change != nil {
		change(&w.cfg)
	}
	w.parts = authserver.Parts{Store: recording{store, w.audit}, Subjects: w.subjects, Audit: w.audit, Clock: w.clock, Rand: rand.Reader}
	w.restart()
	return w
}

// restart makes a new server on the same store, as after the end of the process.
func (w *world) restart() {
	w.t.Helper()
	var err error
	if w.server, err = authserver.New(w.cfg, w.parts); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) offer(documents map[string]string, withoutTxCode bool) *authserver.PreAuthorized {
	w.t.Helper()
	pre, err := w.server.PreAuthorize(context.Background(), authserver.Grant{
		IdempotencyKey: "offer " + strconv.FormatInt(w.offers.Add(1), 10), Person: "P1", Documents: documents, WithoutTxCode: withoutTxCode, Actor: "office",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return pre
}

func (w *world) mdl() *authserver.PreAuthorized {
	return w.offer(map[string]string{"mdl": "D1"}, false)
}

// wallet is a key that makes proofs.
type wallet struct {
	w   *world
	key *ecdsa.PrivateKey
	jti atomic.Int64
}

func (w *world) wallet() *wallet {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return &wallet{w: w, key: key}
}

func (wa *wallet) proof(method, url, token string) string {
	p, err := oauth.SignDPoP(wa.key, method, url, token, "", "jti-"+strconv.FormatInt(wa.jti.Add(1), 10), wa.w.clock.Now(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return p
}

// form is a token request; an empty value leaves the parameter out.
func form(t testing.TB, pairs ...string) oauth.Form {
	t.Helper()
	v := url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "client_id": {"https://wallet.example"}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	f, err := oauth.ParseForm([]byte(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// token asks for a token with a fresh proof.
func (wa *wallet) token(pairs ...string) (*oid4vci.TokenResponse, error) {
	return wa.w.server.Token(context.Background(), authserver.TokenRequest{Form: form(wa.w.t, pairs...), DPoP: wa.proof("POST", tokenURL, "")})
}

func (wa *wallet) redeem(pre *authserver.PreAuthorized) (*oid4vci.TokenResponse, error) {
	return wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode)
}

func (wa *wallet) access(token string) (*authserver.Access, error) {
	return wa.w.server.Authenticate(context.Background(), authserver.ResourceRequest{
		Method: "POST", URL: credentialURL, Authorization: "DPoP " + token, DPoP: wa.proof("POST", credentialURL, token),
	})
}

func wantKind(t testing.TB, err error, kind problem.Kind) {
	t.Helper()
	if err == nil || problem.KindOf(err) != kind {
		t.Errorf("got %v, want %s", err, kind)
	}
}

// wrong is a transaction code of the right form that is not the right one.
func wrong(txCode string, n int) string {
	v, _ := strconv.Atoi(txCode)
	s := strconv.Itoa((v + 1 + n) % 1_000_000)
	for len(s) < len(txCode) {
		s = "0" + s
	}
	return s
}
