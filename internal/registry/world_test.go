package registry_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
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
)

const (
	office   = "https://office.example"
	driving  = "https://driving.example"
	identity = "https://identity.example"
)

// start is when the clock of a world begins.
var start = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// world is an office with two registries: identity sends persons and PIDs,
// driving sends licences, rights and measures.
type world struct {
	t       testing.TB
	clock   *clock.Fake
	store   *shelf
	inbox   *registry.Inbox
	keys    map[string]*ecdsa.PrivateKey
	receipt *ecdsa.PrivateKey
	kicks   atomic.Int32
	urgent  atomic.Int32 // kicks that were
	holdFor time.Duration
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newWorld holds no events.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewFake(start), keys: map[string]*ecdsa.PrivateKey{driving: newKey(t), identity: newKey(t)}, receipt: newKey(t), store: newShelf(), holdFor: -1}
	w.restart()
	return w
}

// restart puts another inbox over the store.
func (w *world) restart() {
	w.t.Helper()
	inbox, err := registry.New(w.config())
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
	ids.Events, ids.DocumentTypes = []string{"person-put", "document-put", "document-annulled"}, []string{"pid"}
	cars.Events = []string{"entitlement-put", "document-put", "document-annulled", "measure-added", "measure-lifted"}
	cars.DocumentTypes, cars.Kinds, cars.Measures = []string{"mdl"}, []string{"driving"}, []document.MeasureKind{document.CourtBan, document.ProvisionalWithdrawal}
	return registry.Config{
		Issuer: office, Sources: []registry.Source{ids, cars}, Store: w.store, Audit: w.store, Clock: w.clock, HoldFor: w.holdFor,
		Revoked: func(urgent bool) {
			w.kicks.Add(1)
			if urgent {
				w.urgent.Add(1)
			}
		},
		ReceiptSigner: w.receipt, Rand: rand.Reader,
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

// say signs one event of any kind: body is its JSON without seq.
func (w *world) say(source, subject, name string, seq uint64, body string) string {
	w.t.Helper()
	if body != "" {
		body = "," + body
	}
	now := jsonInt(w.clock.Now().Unix())
	return w.raw(source, `{"iss":"`+source+`","aud":"`+office+`","iat":`+now+`,"jti":"`+name+`-`+jsonInt(int64(seq))+`","sub_id":{"format":"opaque","id":"`+subject+`"},`+
		`"events":{"urn:vidimus:event:`+name+`:1":{"seq":`+jsonInt(int64(seq))+body+`}}}`, nil)
}

// send signs and sends an event that must be accepted.
func (w *world) send(source string, e registryclient.Event) registry.Outcome {
	w.t.Helper()
	return w.accept(source, w.sign(source, e).Token)
}

func (w *world) accept(source, token string) registry.Outcome {
	w.t.Helper()
	o, err := w.inbox.Accept(w.t.Context(), source, token)
	if err != nil {
		w.t.Fatalf("%s: %v", source, err)
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
	b, _ := json.Marshal(w.subject())
	return string(b)
}

func (w *world) subject() document.Subject { return w.store.subject("P-1") }

func payloadOf(t *testing.T, token string) string {
	t.Helper()
	s, err := jose.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	return string(s.Payload)
}
