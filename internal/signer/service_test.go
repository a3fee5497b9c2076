package signer_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	. "vidimus/internal/signer"
)

// counting is a key that counts what it signed, and may fail.
type counting struct {
	crypto.Signer
	signed atomic.Int64
	fail   atomic.Bool
	before func() // each signature
}

func (c *counting) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if c.fail.Load() {
		return nil, errors.New("the token is gone")
	}
	if c.before != nil {
		c.before()
	}
	c.signed.Add(1)
	return c.Signer.Sign(rand, digest, opts)
}

// count puts a counting key in the place of one.
func count(name string, to **counting) func(*Config) {
	return func(c *Config) {
		for i := range c.Keys {
			if c.Keys[i].Name == name {
				*to = &counting{Signer: c.Keys[i].Signer}
				c.Keys[i].Signer = *to
			}
		}
	}
}

// What is signed stands in the record before it is signed: who asked, with which key,
// of what kind, how many, and the digest over the digests.
func TestRecord(t *testing.T) {
	var key *counting
	w := newWorld(t, count("mdl", &key))
	a, b := w.mso("mdl", mdl, nil), w.mso("mdl", mdl, nil)
	key.before = func() {
		if w.audit.Head().Seq != 1 {
			t.Error("signed before it was recorded")
		}
	}
	signatures, err := w.service.Sign(t.Context(), Caller{UID: 996, GID: 5, PID: 77}, Request{Key: "mdl", Messages: [][]byte{a, b}})
	w.must(err)
	w.verify("mdl", a, signatures[0])
	w.verify("mdl", b, signatures[1])
	events := w.events()
	if len(events) != 1 {
		t.Fatalf("%d lines", len(events))
	}
	da, db := sha256.Sum256(a), sha256.Sum256(b)
	all := sha256.Sum256(append(da[:], db[:]...))
	e := events[0]
	if e.Action != ActionSign || e.Actor != "uid 996 pid 77" || e.Subject != "mdl" || e.Outcome != audit.Intent ||
		e.Detail["kind"] != "mso" || e.Detail["count"] != "2" || e.Detail["digest"] != hex.EncodeToString(all[:]) || e.Detail["key"] != w.kid("mdl") {
		t.Errorf("%+v", e)
	}
	if _, err := w.sign("mdl", []byte("sign this")); ReasonOf(err) != ReasonForm {
		t.Error(err)
	}
	if e := w.events()[1]; e.Outcome != audit.Denied || e.Detail["reason"] != "form" || e.Detail["problem"] != "invalid_request" || e.Actor != "test" || e.Subject != "mdl" {
		t.Errorf("%+v", e)
	}
	if _, err := w.sign("no\nkey", a); ReasonOf(err) != ReasonKey {
		t.Error(err)
	}
	if e := w.events()[2]; e.Subject != "unknown" {
		t.Errorf("%+v", e)
	}
}

// leaving is a context that ends when it is looked at the second time: while the
// request is read.
type leaving struct {
	context.Context
	looks atomic.Int32
}

func (l *leaving) Err() error {
	if l.looks.Add(1) > 1 {
		return context.Canceled
	}
	return nil
}

// Who gives up before the record has a line gets none and no signature, and that is no
// failure of the key.
func TestGivenUp(t *testing.T) {
	var key *counting
	w := newWorld(t, count("mdl", &key))
	before := key.signed.Load()
	ctx := &leaving{Context: context.Background()}
	signatures, err := w.service.Sign(ctx, Caller{Name: "test"}, Request{Key: "mdl", Messages: [][]byte{w.mso("mdl", mdl, nil)}})
	if signatures != nil || !errors.Is(err, context.Canceled) || problem.KindOf(err) != problem.Unavailable {
		t.Errorf("%v", err)
	}
	if n := w.audit.Head().Seq; n != 0 || key.signed.Load() != before {
		t.Errorf("%d lines, %d signatures", n, key.signed.Load()-before)
	}
	if st := w.service.Status()[2]; st.Failures != 0 || st.Requests != 0 {
		t.Errorf("%+v", st)
	}
}

// full is a record on a disk that is full.
type full struct{}

func (full) Append(context.Context, audit.Event) error { return errors.New("no space left on device") }

// What cannot be recorded is not signed.
func TestNothingSignedWithoutRecord(t *testing.T) {
	var key *counting
	var told []error
	w := newWorld(t, count("mdl", &key), func(c *Config) {
		c.Audit = full{}
		c.OnError = func(err error) { told = append(told, err) }
	})
	before := key.signed.Load() // its proof
	signatures, err := w.sign("mdl", w.mso("mdl", mdl, nil))
	if signatures != nil || problem.KindOf(err) != problem.Unavailable || errors.Is(err, ErrRefused) || key.signed.Load() != before {
		t.Errorf("%d signed: %v", key.signed.Load()-before, err)
	}
	if len(told) != 1 || w.service.Status()[2].Failures != 1 {
		t.Errorf("told %v", told)
	}
	if strings.Contains(problem.Detail(err), "space") {
		t.Error("the peer is told of our disk")
	}
}

// A key that fails signs nothing of the batch, and the record says so.
func TestKeyFails(t *testing.T) {
	var key *counting
	w := newWorld(t, count("mdl", &key))
	key.fail.Store(true)
	messages := [][]byte{}
	for range 5 {
		messages = append(messages, w.mso("mdl", mdl, nil))
	}
	signatures, err := w.sign("mdl", messages...)
	if signatures != nil || problem.KindOf(err) != problem.Unavailable {
		t.Errorf("%v", err)
	}
	if e := w.events(); len(e) != 2 || e[0].Outcome != audit.Intent || e[1].Outcome != audit.Failed || e[1].Detail["count"] != "5" {
		t.Errorf("%+v", e)
	}
	key.fail.Store(false)
	if _, err := w.sign("mdl", messages...); err != nil {
		t.Error(err)
	}
}

// TestRates: two front ends together get no more out of a key than its rate, and a flood
// of refusals does not fill the record.
func TestRates(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		for i := range c.Keys {
			c.Keys[i].Policy.Rate = Rate{PerSecond: 10, Burst: MaxMessages}
		}
	})
	proof := speakers[KindProof].speak(w)
	many := make([][]byte, 200)
	for i := range many {
		many[i] = proof
	}
	ask := func(uid uint32, messages [][]byte) error {
		_, err := w.service.Sign(t.Context(), Caller{UID: uid, PID: 1}, Request{Key: "mdl", Messages: messages})
		return err
	}
	w.must(ask(1, many))
	if err := ask(2, many); ReasonOf(err) != ReasonRate || problem.KindOf(err) != problem.RateLimited || !strings.Contains(problem.Detail(err), "try again in 21 s") {
		t.Errorf("above the rate: %v", err)
	}
	w.must(ask(2, many[:56]))
	if err := ask(1, many[:1]); ReasonOf(err) != ReasonRate {
		t.Errorf("above the rate: %v", err)
	}
	if _, err := w.sign("pid", w.mso("pid", pidMdoc, nil)); err != nil {
		t.Errorf("another key: %v", err)
	}
	w.Clock.Advance(time.Second)
	w.must(ask(1, many[:10]))
	lines := w.audit.Head().Seq
	for range 5000 {
		if err := ask(3, [][]byte{{1}}); ReasonOf(err) != ReasonForm {
			t.Fatal(err)
		}
	}
	if more := w.audit.Head().Seq - lines; more > 100 || more < 90 {
		t.Errorf("%d lines about 5000 refusals", more)
	}
	w.Clock.Advance(time.Minute)
	ask(3, [][]byte{{1}})
	events := w.events()
	e := events[len(events)-1]
	if left, err := strconv.Atoi(e.Detail["size"]); err != nil || e.Outcome != audit.Denied || left < 4900 || left > 5000 {
		t.Errorf("%+v", e)
	}
}

// A key whose certificate has ended, or does not hold yet, signs nothing but that it is
// there: bad input K04.
func TestCertificateEnds(t *testing.T) {
	w := newWorld(t)
	leaf := w.ReceiptSigner.Cert
	for name, tt := range map[string]struct {
		at   time.Time
		want Reason
	}{
		"K04/expired":       {leaf.NotAfter().Add(time.Second), ReasonCertificate},
		"K04/not_yet_valid": {leaf.NotBefore().Add(-time.Hour), ReasonCertificate},
		"K04/last_second":   {leaf.NotAfter(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.Clock.Set(tt.at)
			w.Now = tt.at
			if _, err := w.sign("receipt", speakers[KindReceipt].speak(w)); ReasonOf(err) != tt.want {
				t.Error(err)
			}
			k, err := w.service.Keys("test").Signer(t.Context(), "signer:key=receipt")
			w.must(err)
			w.must(keys.Prove(k, leaf.Cert, rand.Reader))
		})
	}
}

// TestNew: what is no key of its certificate, or not one for this, is found out at once.
func TestNew(t *testing.T) {
	w := newWorld(t)
	cfg := func(k Key) Config { return Config{Keys: []Key{k}, Audit: w.audit, Clock: w.Clock, Rand: rand.Reader} }
	for name, tt := range map[string]struct {
		change func(*Key)
		want   string
	}{
		"K04/key_of_another":       {func(k *Key) { k.Signer = newKey(t) }, "the certificate is for another key"},
		"K04/certificate_of_other": {func(k *Key) { k.Chain = w.StatusSigner.Chain }, "does not conform"},
		"K02/signs_for_another":    {func(k *Key) { k.Signer = pretender{k.Signer.Public(), newKey(t)} }, "the signature made does not verify"},
		"no_chain":                 {func(k *Key) { k.Chain = nil }, "a chain of 1 to"},
		"no_signer":                {func(k *Key) { k.Signer = nil }, "a signer"},
		"name":                     {func(k *Key) { k.Name = "MDL" }, "the name of a key"},
		"garbage":                  {func(k *Key) { k.Chain = [][]byte{{1}} }, "certificate 1"},
		"no_doctypes":              {func(k *Key) { k.Policy.Office.DocTypes = nil }, "need the doctypes"},
		"rate":                     {func(k *Key) { k.Policy.Rate = Rate{PerSecond: 1, Burst: 1} }, "burst"},
		"prefix_without_slash":     {func(k *Key) { k.Policy.Office.StatusPrefix = issuerURL }, "end it in a slash"},
		"prefix_with_percent":      {func(k *Key) { k.Policy.Office.StatusPrefix = issuerURL + "/%61/" }, "percent"},
		"kind":                     {func(k *Key) { k.Policy.Kinds = append(k.Policy.Kinds, "anything") }, "unknown kind"},
	} {
		t.Run(name, func(t *testing.T) {
			k := w.key("mdl")
			tt.change(&k)
			if s, err := New(cfg(k)); s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
	k := w.key("mdl")
	c := cfg(k)
	c.Keys = append(c.Keys, k)
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("twice: %v", err)
	}
	for _, p := range pki.Profiles() {
		if _, err := PolicyFor(p, Office{Issuer: issuerURL, DocTypes: []string{mdl}}); (err == nil) != Serves(p) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := PolicyFor(pki.ProfileReceiptSigner, Office{}); err == nil {
		t.Error("a policy for nobody")
	}
}

// pretender shows one key and signs with another.
type pretender struct {
	pub crypto.PublicKey
	crypto.Signer
}

func (p pretender) Public() crypto.PublicKey { return p.pub }

// A key on P-384 signs with SHA-384, and its proof with SHA-256.
func TestCurves(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	w.must(err)
	e, err := w.Issue(pki.Template{Profile: pki.ProfileDocumentSignerMDL, Subject: pki.Name{Country: "UT", CommonName: "ds 384"}, Public: key.Public()}, &w.IACA)
	w.must(err)
	w.entities["mdl"] = pkitest.Entity{Cert: e.Cert, Key: key, Chain: e.Chain}
	w.service, err = New(Config{Keys: []Key{w.key("mdl")}, Audit: w.audit, Clock: w.Clock, Rand: rand.Reader})
	w.must(err)
	for _, message := range [][]byte{w.mso("mdl", mdl, nil), speakers[KindProof].speak(w)} {
		signatures, err := w.sign("mdl", message)
		w.must(err)
		w.verify("mdl", message, signatures[0])
	}
	k, err := w.service.Keys("test").Signer(t.Context(), URI("mdl"))
	w.must(err)
	w.must(keys.Prove(k, e.Cert.Cert, rand.Reader))
}

// Sixty-four at once, over every key, with one record in a file: nothing is lost.
func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f, _, err := audit.OpenFile(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newWorld(t, func(c *Config) { c.Audit = f })
	type job struct {
		key      string
		messages [][]byte
	}
	var jobs []job
	for _, kind := range Kinds() {
		s := speakers[kind]
		j := job{s.key, [][]byte{s.speak(w)}}
		if !kind.Follows() { // lists are signed alone
			j.messages = slices.Repeat(j.messages, 4)
		}
		jobs = append(jobs, j)
	}
	var wg sync.WaitGroup
	var asked atomic.Uint64
	for i := range 64 {
		wg.Go(func() {
			for n := range 8 {
				j := jobs[(i+n)%len(jobs)]
				signatures, err := w.sign(j.key, j.messages...)
				if err != nil {
					t.Error(err)
					return
				}
				asked.Add(uint64(len(j.messages)))
				w.verify(j.key, j.messages[0], signatures[n%len(signatures)])
			}
		})
	}
	wg.Wait()
	if seq := f.Head().Seq; seq != 64*8 {
		t.Errorf("%d lines", seq)
	}
	var messages uint64
	for _, k := range w.service.Status() {
		messages += k.Messages
	}
	if messages != asked.Load() {
		t.Errorf("%d messages of %d", messages, asked.Load())
	}
}

// A batch asks once, whoever comes late or leaves.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	open, err := w.service.Keys("issuer").Signer(t.Context(), "signer:key=mdl")
	w.must(err)
	far := open.(keys.Batcher)
	proof := speakers[KindProof].speak(w)
	sign := func(b keys.Batch) error {
		sig, err := b.SignMessage(rand.Reader, proof, crypto.SHA256)
		if err == nil {
			w.verify("mdl", proof, sig)
		}
		return err
	}
	b := far.Batch(t.Context(), 10)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			defer b.Leave()
			if i%3 == 0 {
				return // its copy could not be made
			}
			if err := sign(b); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if e := w.events(); len(e) != 1 || e[0].Detail["count"] != "6" || e[0].Actor != "issuer" {
		t.Errorf("%+v", e)
	}
	if err := sign(b); err == nil {
		t.Error("signed after the batch was")
	}
	empty := far.Batch(t.Context(), 2)
	empty.Leave()
	empty.Leave()
	empty.Leave()
	if err := sign(empty); err == nil {
		t.Error("signed after all had left")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sign(far.Batch(ctx, 1)); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("nobody waits any more: %v", err)
	}
	if e := w.events(); len(e) != 1 {
		t.Errorf("%d lines", len(e))
	}
	if _, err := w.service.Keys("x").Signer(t.Context(), "signer:key=none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := w.service.Keys("x").Create(t.Context(), "signer:key=none", elliptic.P256()); !errors.Is(err, keys.ErrURI) {
		t.Error(err)
	}
}

// No message of this product takes long to judge.
func BenchmarkJudge(b *testing.B) {
	w := newWorld(b)
	for _, kind := range []Kind{KindMSO, KindSDJWT, KindStatusJWT, KindReceipt, KindReaderCertificate} {
		s := speakers[kind]
		message := s.speak(w)
		b.Run(fmt.Sprintf("%s/%d", kind, len(message)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Judge(w.service, s.key, message, w.Now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
