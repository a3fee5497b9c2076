package issuance_test

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
	"image/color"
	"image/jpeg"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

const (
	issuer = "https://issuer.example"
	client = "https://wallet.example"
)

// store is the real one, with counters, and with steps that can fail.
type store struct {
	*memory.Store
	calls                     atomic.Int64
	failIntent, failSigned    atomic.Bool
	intents, signed, burnings atomic.Int64

	mu     sync.Mutex
	refuse error           // of RecordIntent
	last   issuance.Intent // that came
	events []audit.Event   // that were accepted
	// waiting are the transactions that were accepted.
	waiting []issuance.Transaction
}

func (s *store) RecordIntent(ctx context.Context, in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	s.calls.Add(1)
	if s.failIntent.Load() {
		return nil, errors.New("disk full")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = in
	if s.refuse != nil {
		return nil, s.refuse
	}
	given, err := s.Store.RecordIntent(ctx, in, will)
	if err == nil {
		s.intents.Add(1)
		s.events = append(s.events, will)
	}
	return given, err
}

// refusing makes the next intents be refused.
func (s *store) refusing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func (s *store) MarkSigned(ctx context.Context, batch string, did audit.Event) error {
	s.calls.Add(1)
	if s.failSigned.Load() {
		return errors.New("disk full")
	}
	err := s.Store.MarkSigned(ctx, batch, did)
	if err == nil {
		s.signed.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, did)
	}
	return err
}

func (s *store) MarkBurned(ctx context.Context, batch string, did audit.Event) error {
	s.calls.Add(1)
	err := s.Store.MarkBurned(ctx, batch, did)
	if err == nil {
		s.burnings.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, did)
	}
	return err
}

// records reads the store as the wiring of the issuer does. stale answers come
// from the past, as when an event arrives right after the record was read.
type records struct {
	store *memory.Store
	stale atomic.Int64
	down  atomic.Bool
	gone  atomic.Pointer[string]
}

func (r *records) Subject(ctx context.Context, person string) (document.Subject, error) {
	if r.down.Load() {
		return document.Subject{}, errors.New("disk error")
	}
	s, err := r.store.Subject(ctx, person)
	if errors.Is(err, registry.ErrSubjectNotFound) {
		return s, problem.Wrap(problem.NotFound, err, "nobody")
	}
	if gone := r.gone.Load(); gone != nil {
		s.Documents = slices.DeleteFunc(s.Documents, func(d document.Document) bool { return d.Number == *gone })
	}
	if r.stale.Load() > 0 {
		r.stale.Add(-1)
		s.Version--
	}
	return s, err
}

// signers holds two keys; down makes the look-up fail, broken every signature.
type signers struct {
	byName       map[string]*issuance.Signer
	down, broken atomic.Bool
	signatures   atomic.Int64
}

func (s *signers) Signer(_ context.Context, name string) (*issuance.Signer, error) {
	if s.down.Load() || s.byName[name] == nil {
		return nil, errors.New("the key manager does not answer")
	}
	return s.byName[name], nil
}

type countingSigner struct {
	crypto.Signer
	s *signers
}

func (c countingSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if c.s.broken.Load() {
		return nil, errors.New("the key manager went away")
	}
	c.s.signatures.Add(1)
	return c.Signer.Sign(rand, digest, opts)
}

// switchedRand stops giving once it is off.
type switchedRand struct {
	mu   sync.Mutex
	left int // reads that still succeed; negative: all do
}

func (r *switchedRand) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return 0, errors.New("no entropy")
	}
	if r.left > 0 {
		r.left--
	}
	return rand.Read(p)
}

type world struct {
	t       testing.TB
	pki     *pkitest.World
	clock   *clock.Fake
	store   *store
	records *records
	signers *signers
	audit   *audit.Memory
	rand    *switchedRand
	cfg     issuance.Config
	catalog []string // files over the built-in configurations
	service *issuance.Service
	// attesters and lists are those of the service from the next start on.
	attesters func(x5c [][]byte) (crypto.PublicKey, string, error)
	lists     *lists
	meter     meter
}

func newWorld(t testing.TB) *world {
	t.Helper()
	memoryStore, err := memory.New(memory.Options{PublicURL: issuer, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, pki: pkitest.NewWorld(t), clock: clock.NewFake(pkitest.Now), store: &store{Store: memoryStore},
		records: &records{store: memoryStore}, audit: &audit.Memory{}, rand: &switchedRand{left: -1},
		cfg: issuance.Config{Issuer: issuer, OffersURL: issuer + "/offers", Secret: []byte("a secret of thirty-two bytes or more")},
	}
	w.signers = &signers{byName: map[string]*issuance.Signer{}}
	for name, e := range map[string]pkitest.Entity{"mdl": w.pki.DocumentSignerMDL, "pid": w.pki.DocumentSignerPID} {
		terms := catalog.Terms{NotBefore: e.Cert.Cert.NotBefore, NotAfter: e.Cert.Cert.NotAfter, Country: pkitest.Country}
		if name == "pid" {
			terms.Issuer = issuer
		}
		w.signers.byName[name] = &issuance.Signer{Key: countingSigner{e.Key, w.signers}, KeyID: "key of " + name, Chain: e.Chain, Terms: terms}
	}
	w.restart()
	w.fill()
	return w
}

// restart makes a new service on the same store, as after the end of the process.
func (w *world) restart() {
	w.t.Helper()
	cat, err := catalog.Load(w.catalog...)
	if err != nil {
		w.t.Fatal(err)
	}
	parts := issuance.Parts{
		Store: w.store, Records: w.records, Catalog: cat, Signers: w.signers, Audit: w.audit, Clock: w.clock, Rand: w.rand, Attesters: w.attesters, Meter: &w.meter,
	}
	if w.lists != nil {
		parts.Status, parts.Revoker = w.lists, w.lists
	}
	w.service, err = issuance.New(w.cfg, parts)
	if err != nil {
		w.t.Fatal(err)
	}
}

// fill puts one person with a licence and an identity document on record.
func (w *world) fill() {
	w.t.Helper()
	picture := portrait(w.t)
	for _, app := range []registry.Application{
		storetest.Event("r", 1, "P1", document.PersonPut{Attributes: document.Attributes{
			"family_name": "Dvorak", "given_name": "Erika", "birth_date": "1984-01-26", "sex": int64(2), "nationality": []string{"UT"},
			"place_of_birth": map[string]any{"country": "UT"}, "birth_place": "Utopia City", "portrait": picture,
		}}),
		storetest.Event("r", 2, "P1", document.EntitlementPut{
			Kind: document.KindDriving, Territory: "UT", Privileges: []document.Privilege{{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20"}},
		}),
		storetest.Event("r", 3, "P1", put("DL-1", "mdl")),
		storetest.Event("r", 4, "P1", put("ID-1", "pid")),
	} {
		w.apply(app)
	}
}

func put(number, typ string) document.DocumentPut {
	return document.DocumentPut{
		Number: number, Type: typ, IssueDate: "2025-09-01", ExpiryDate: "2030-08-31", IssuingAuthority: "Utopia DMV", IssuingCountry: "UT", UNDistinguishingSign: "UTO",
	}
}

func (w *world) apply(app registry.Application) {
	w.t.Helper()
	if r := w.store.ApplyEvents(context.Background(), []registry.Application{app})[0]; r.Err != nil {
		w.t.Fatal(r.Err)
	}
}

func portrait(t testing.TB) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 32, 40))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: uint8(i * 7)}.Y
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// access is what a token of the office is good for.
func (w *world) access() issuance.Access {
	return issuance.Access{
		TokenID: "t1", Person: "P1", ClientID: client, Thumbprint: "of-a-key", Granted: w.clock.Now().Add(-time.Minute), Expires: w.clock.Now().Add(5 * time.Minute),
		Documents: map[string]string{"mdl": "DL-1", "pid-mdoc": "ID-1", "pid-sd-jwt": "ID-1"},
	}
}

func (w *world) nonce() string {
	w.t.Helper()
	n, err := w.service.Nonce(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// proofs makes n good proofs with one nonce and a key each.
func (w *world) proofs(n int, nonce string) []string {
	w.t.Helper()
	out := make([]string, n)
	for i := range out {
		out[i] = w.proof(newKey(w.t), nonce)
	}
	return out
}

func (w *world) proof(key *ecdsa.PrivateKey, nonce string) string {
	w.t.Helper()
	p, err := oid4vci.SignProof(key, issuer, nonce, client, w.clock.Now(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// forged is a proof with members changed after the fact: a nil value removes.
// The signature is good for what is then there.
func (w *world) forged(nonce string, header, payload map[string]any) string {
	w.t.Helper()
	key := newKey(w.t)
	jwk, err := jose.MarshalPublicKey(key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	h := map[string]any{"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": json.RawMessage(jwk)}
	p := map[string]any{"aud": issuer, "iat": w.clock.Now().Unix(), "nonce": nonce, "iss": client}
	for m, changes := range map[*map[string]any]map[string]any{&h: header, &p: payload} {
		for k, v := range changes {
			if v == nil {
				delete(*m, k)
			} else {
				(*m)[k] = v
			}
		}
	}
	return signRaw(w.t, key, h, p)
}

func signRaw(t testing.TB, key *ecdsa.PrivateKey, header, payload map[string]any) string {
	t.Helper()
	var parts [2]string
	for i, m := range []map[string]any{header, payload} {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = jose.EncodeBase64URL(b)
	}
	input := parts[0] + "." + parts[1]
	h := crypto.SHA256.New()
	h.Write([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return input + "." + jose.EncodeBase64URL(raw)
}

// ask sends a request as it comes over the wire.
func (w *world) ask(a issuance.Access, configuration string, proofs ...string) (*oid4vci.CredentialResponse, error) {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"credential_configuration_id": configuration, "proofs": map[string]any{"jwt": proofs}})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.send(a, string(body))
}

func (w *world) send(a issuance.Access, body string) (*oid4vci.CredentialResponse, error) {
	r, err := oid4vci.ParseCredentialRequest([]byte(body))
	if err != nil {
		return nil, err
	}
	return w.service.Issue(context.Background(), a, r)
}

// allocated is how many status indices were ever given out or passed over.
func (w *world) allocated() (n int) {
	w.t.Helper()
	lists, err := w.store.Lists(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range lists {
		n += l.Allocated
	}
	return n
}

func wantKind(t testing.TB, err error, kind problem.Kind) {
	t.Helper()
	if err == nil || problem.KindOf(err) != kind {
		t.Errorf("got %v, want %s", err, kind)
	}
}

func count(m *audit.Memory, outcome string) (n int) {
	for _, e := range m.Events() {
		if e.Action == "credential.sign" && e.Outcome == outcome {
			n++
		}
	}
	return n
}
