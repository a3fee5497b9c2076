package registry_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

const (
	office    = "https://office.example"
	driving   = "https://driving.example"
	identity  = "https://identity.example"
	publicURL = storetest.PublicURL
)

// world is an office with two registries: identity sends persons and PIDs,
// driving sends licences and rights.
type world struct {
	t       testing.TB
	clock   *clock.Fake
	store   storetest.Store
	inbox   *registry.Inbox
	keys    map[string]*ecdsa.PrivateKey
	receipt *ecdsa.PrivateKey
	kicks   atomic.Int32
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := memory.New(memory.Options{PublicURL: publicURL, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: clock.NewFake(storetest.Now), keys: map[string]*ecdsa.PrivateKey{driving: newKey(t), identity: newKey(t)}, receipt: newKey(t)}
	w.over(s)
	return w
}

// over puts an inbox over a store.
func (w *world) over(s storetest.Store) {
	w.t.Helper()
	w.store = s
	cfg := w.config()
	inbox, err := registry.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.inbox = inbox
}

func (w *world) config() registry.Config {
	source := func(name string) registry.Source {
		return registry.Source{Name: name, Keys: map[string]crypto.PublicKey{"k1": w.keys[name].Public()}}
	}
	ids, cars := source(identity), source(driving)
	ids.Events, ids.DocumentTypes = []string{"person-put", "document-put", "document-annulled", "person-died"}, []string{"pid"}
	cars.Events, cars.DocumentTypes, cars.Kinds = []string{"entitlement-put", "document-put", "document-annulled"}, []string{"mdl"}, []string{"driving"}
	return registry.Config{
		Issuer: office, Sources: []registry.Source{ids, cars}, Store: w.store, Audit: w.store, Clock: w.clock,
		Revoked: func() { w.kicks.Add(1) }, ReceiptSigner: w.receipt, Rand: rand.Reader,
	}
}

func (w *world) client(source string) *registryclient.Client {
	return &registryclient.Client{Source: source, Audience: office, KeyID: "k1", Signer: w.keys[source], Now: w.clock.Now}
}

func (w *world) sign(source string, e registryclient.Event) registryclient.SET {
	w.t.Helper()
	set, err := w.client(source).Sign(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// send signs and sends an event that must be accepted.
func (w *world) send(source string, e registryclient.Event) registry.Outcome {
	w.t.Helper()
	o, err := w.inbox.Accept(w.t.Context(), source, w.sign(source, e).Token)
	if err != nil {
		w.t.Fatalf("event %d of %s: %v", e.Seq, source, err)
	}
	return o
}

func facts(name string) registryclient.PersonPut {
	return registryclient.PersonPut{Attributes: map[string]any{"family_name": name, "given_name": "Erika", "birth_date": "1984-01-26"}}
}

func licence(number string) registryclient.DocumentPut {
	return registryclient.DocumentPut{Number: number, Type: "mdl", IssueDate: "2025-09-01", ExpiryDate: "2030-08-31", IssuingAuthority: "Utopia DMV", IssuingCountry: "UT"}
}

// erika makes a person with a licence; the next event of driving is 2.
func (w *world) erika() {
	w.t.Helper()
	w.send(identity, registryclient.Event{Subject: "P-1", Seq: 1, Payload: facts("Mustermann")})
	w.send(driving, registryclient.Event{Subject: "P-1", Seq: 1, Payload: licence("DL-1")})
}

// raw signs claims as they are written, with a header that may be changed.
func (w *world) raw(source, claims string, change func(header map[string]any)) string {
	w.t.Helper()
	header := map[string]any{"typ": "secevent+jwt", "kid": "k1"}
	if change != nil {
		change(header)
	}
	token, err := jose.Sign(w.keys[source], header, []byte(claims), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// claims of event 2 of the driving registry, with text replaced in pairs.
func claims(now time.Time, swap ...string) string {
	s := `{"iss":"` + driving + `","aud":"` + office + `","iat":` + jsonInt(now.Unix()) + `,"jti":"J2","sub_id":{"format":"opaque","id":"P-1"},` +
		`"events":{"urn:vidimus:event:entitlement-put:1":{"seq":2,"kind":"driving","territory":"UT","privileges":[]}}}`
	for i := 0; i < len(swap); i += 2 {
		if !strings.Contains(s, swap[i]) {
			panic("nothing to replace: " + swap[i])
		}
		s = strings.Replace(s, swap[i], swap[i+1], 1)
	}
	return s
}

func jsonInt(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// refused checks kind and text of a refusal, and that nothing has changed.
func (w *world) refused(t *testing.T, peer, token string, kind problem.Kind, say string) {
	t.Helper()
	before := w.state()
	o, err := w.inbox.Accept(t.Context(), peer, token)
	if err == nil || problem.KindOf(err) != kind || !strings.Contains(problem.Detail(err), say) || o.JTI != "" {
		t.Errorf("%+v, %v: want %s with %q", o, err, kind, say)
	}
	if after := w.state(); after != before {
		t.Errorf("a refused event changes the state:\n%s\nbefore\n%s", after, before)
	}
}

// state is what the events have made of P-1.
func (w *world) state() string {
	w.t.Helper()
	s, err := w.store.Subject(w.t.Context(), "P-1")
	if err != nil && !errors.Is(err, registry.ErrSubjectNotFound) {
		w.t.Fatal(err)
	}
	b, _ := json.Marshal(s)
	return string(b)
}

func (w *world) subject() document.Subject {
	w.t.Helper()
	s, err := w.store.Subject(w.t.Context(), "P-1")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
