package emergency_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

// office is the public URL of these tests.
const office = storetest.PublicURL

// world is an office of a memory store with two humans who have three accounts.
type world struct {
	*emergency.Service
	t         testing.TB
	clock     *clock.Fake
	store     *memory.Store
	keys      map[string]*ecdsa.PrivateKey
	humans    map[string]string
	signing   []string          // keys of any configuration
	signs     map[string]string // configuration -> key
	waits     []string          // keys that are configured, and do not sign yet
	published int
	batches   int
	provider  string // of the wallets that are issued to
	parts     emergency.Parts
	walks     int    // over refresh tokens
	stepping  func() // before a step, if it is not nil
	beginning func() // before a plan begins, likewise
	failing   error  // of publishing
	metered   atomic.Int64
}

// tapped is a store that is watched.
type tapped struct {
	emergency.Store
	w *world
}

func (t tapped) RefreshingDocuments(ctx context.Context, now time.Time, after string, limit int) ([]string, string, error) {
	t.w.walks++
	return t.Store.RefreshingDocuments(ctx, now, after, limit)
}

func (t tapped) StepPlan(ctx context.Context, id string, step, limit int, now time.Time, did func(emergency.Plan) audit.Event) (emergency.Plan, error) {
	if before := t.w.stepping; before != nil {
		before()
	}
	return t.Store.StepPlan(ctx, id, step, limit, now, did)
}

func (t tapped) BeginPlan(ctx context.Context, id string, now time.Time, did audit.Event) (emergency.Plan, error) {
	if before := t.w.beginning; before != nil {
		before()
	}
	return t.Store.BeginPlan(ctx, id, now, did)
}

// restart makes the service anew, as the start of the office does.
func (w *world) restart() {
	w.t.Helper()
	var err error
	w.Service, err = emergency.New(w.parts)
	w.must(err)
}

func newWorld(t testing.TB, persons int) *world {
	t.Helper()
	o := storetest.Usual()
	store, err := memory.New(memory.Options{PublicURL: o.PublicURL, Rand: o.Rand, Pseudonyms: o.Pseudonyms, OpenLists: o.OpenLists})
	w := &world{t: t, clock: clock.NewFake(storetest.Now), store: store, keys: map[string]*ecdsa.PrivateKey{}, humans: map[string]string{"anna": "1", "anna.2": "1", "ben": "2"}}
	w.must(err)
	for id := range w.humans {
		w.keys[id], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		w.must(err)
	}
	w.parts = emergency.Parts{
		Office: office, Store: tapped{store, w}, Audit: store, Officers: w.officer, Clock: w.clock, Rand: rand.Reader,
		Configured: func(kind emergency.Kind) []string {
			if kind == emergency.OfRegistry {
				return []string{"registry-of-P0"}
			}
			if kind == emergency.OfKey {
				return append(slices.Clone(w.signing), w.waits...)
			}
			return nil
		},
		Types: func(string) []string { return []string{"mdl"} },
		Signing: func(of []string) (keys []string) {
			for _, id := range slices.Sorted(maps.Keys(w.signs)) {
				if of == nil || slices.Contains(of, id) {
					keys = append(keys, w.signs[id])
				}
			}
			return append(keys, w.signing...)
		},
		Publish: func(ctx context.Context) error {
			w.published++
			if w.failing != nil {
				return w.failing
			}
			_, err := store.Release(ctx, w.clock.Now())
			return err
		},
		Versions: func(ctx context.Context) (map[string]uint64, error) {
			lists, err := store.Lists(ctx)
			out := map[string]uint64{}
			for _, l := range lists {
				out[l.URI] = l.Version
			}
			return out, err
		},
		Meter: func(copies int) { w.metered.Add(int64(copies)) },
	}
	w.restart()
	for i := range persons {
		p, n := fmt.Sprint("P", i), fmt.Sprint("N", i)
		source := "registry-of-" + p
		for _, r := range store.ApplyEvents(t.Context(), []registry.Application{
			storetest.Event(source, 1, p, storetest.Person("Mustermann")), storetest.Event(source, 2, p, storetest.Licence(n)),
		}) {
			w.must(r.Err)
		}
	}
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

func (w *world) officer(id string) (emergency.Officer, bool) {
	key, known := w.keys[id]
	if !known {
		return emergency.Officer{}, false
	}
	sum := sha256.Sum256(w.der(key))
	return emergency.Officer{ID: id, Human: w.humans[id], Pins: []string{hex.EncodeToString(sum[:])}}, true
}

func (w *world) der(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	w.must(err)
	return der
}

// say signs a word as an officer; change makes it a wrong one.
func (w *world) say(id string, word emergency.Word, d emergency.Draft, change ...func(*emergency.Statement)) emergency.Signed {
	w.t.Helper()
	s := emergency.Statement{Word: word, Office: office, Officer: id, Plan: d.ID, Hash: d.Hash(), At: w.clock.Now().Unix()}
	for _, c := range change {
		c(&s)
	}
	text, err := emergency.Sign(w.keys[id], s, rand.Reader)
	w.must(err)
	return emergency.Signed{Statement: text, PublicKey: jose.EncodeBase64URL(w.der(w.keys[id]))}
}

// issue signs n batches of 20 copies for person i.
func (w *world) issue(i, n int, key string) {
	w.t.Helper()
	for range n {
		w.batches++
		in := storetest.Intent(fmt.Sprint("B", w.batches), fmt.Sprint("P", i), fmt.Sprint("N", i), 2, 20)
		in.SignerKeyID = key
		if w.provider != "" {
			in.Wallet = issuance.Wallet{Unit: fmt.Sprint("U", i), Attestations: []issuance.StatusIndex{{List: "https://p.example/1", Index: 7, Provider: w.provider}}}
		}
		_, err := w.store.RecordIntent(w.t.Context(), in, storetest.AuditEvent(in.Batch))
		w.must(err)
		w.must(w.store.MarkSigned(w.t.Context(), in.Batch, storetest.AuditEvent(in.Batch)))
	}
}

// draft counts what a key has signed.
func (w *world) draft(key string) emergency.Draft {
	w.t.Helper()
	d, err := w.Draft(w.t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: key, Reference: "2026/17"})
	w.must(err)
	return d
}

// approved is a plan with two humans under it.
func (w *world) approved(d emergency.Draft) emergency.Plan {
	w.t.Helper()
	_, err := w.Propose(w.t.Context(), d, w.say("anna", emergency.Propose, d))
	w.must(err)
	p, err := w.Approve(w.t.Context(), d.ID, w.say("ben", emergency.Approve, d))
	w.must(err)
	return p
}

func (w *world) want(what string, err error, kind problem.Kind) {
	w.t.Helper()
	if problem.KindOf(err) != kind || err == nil {
		w.t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

// actions are those of the audit record that are about emergencies.
func (w *world) actions() (out []string) {
	w.t.Helper()
	for _, e := range w.events() {
		if len(e.Action) > 10 && e.Action[:10] == "emergency." {
			out = append(out, e.Action+" "+e.Outcome)
		}
	}
	return out
}

func (w *world) events() (out []audit.Event) {
	w.t.Helper()
	w.must(w.store.AuditLines(w.t.Context(), 1, 1<<20, func(_ uint64, line []byte) error {
		e, err := audit.ParseLine(line)
		out = append(out, e)
		return err
	}))
	return out
}

// invalid counts the copies of a document that are revoked.
func (w *world) invalid(number string) (n int) {
	w.t.Helper()
	copies, err := w.store.Copies(w.t.Context(), number)
	w.must(err)
	for _, c := range copies {
		if c.Invalid {
			n++
		}
	}
	return n
}
