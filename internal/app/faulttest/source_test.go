package faulttest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/invariants"
	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
)

// source is one registry: it signs events in order, keeps what was not
// acknowledged, and sends that again after a crash, token for token.
type source struct {
	name    string
	key     *ecdsa.PrivateKey
	client  *registryclient.Client
	journal *invariants.Journal
	random  *mathrand.Rand
	pool    *pool
	most    int // people

	seq     uint64
	people  []*human
	pending []signed
	old     []registryclient.SET // acknowledged, to be sent again at times
}

// human is a person of one source as its events say.
type human struct {
	number   string
	licence  string // document number; "" for none
	identity string
	round    int // of documents
	measures []string
	ahead    int // measures that begin by themselves
}

// signed is an event and what it means to the source once acknowledged.
type signed struct {
	set  registryclient.SET
	then func(registryclient.SET)
}

// portraitJPEG is a small grey picture: what is in it does not matter here.
var portraitJPEG = sync.OnceValue(func() []byte {
	img := image.NewGray(image.Rect(0, 0, 35, 45))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{uint8(i)}.Y
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// newSource makes a registry and its entry in the configuration.
func newSource(dir string, n int, cfg *issuer.Config) (*source, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	kid := fmt.Sprint("registry-", n)
	if err := os.WriteFile(filepath.Join(dir, kid+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	s := &source{name: "https://" + kid + ".example", key: key}
	entry := issuer.Source{
		Issuer: s.name, Keys: []string{"../" + kid + ".pem"}, Events: document.Names(), DocumentTypes: []string{"mdl", "pid"}, Entitlements: []string{document.KindDriving},
	}
	for _, m := range document.MeasureKinds() {
		entry.Measures = append(entry.Measures, string(m))
	}
	cfg.Sources = append(cfg.Sources, entry)
	s.client = &registryclient.Client{Source: s.name, Signer: key, KeyID: kid}
	return s, nil
}

// push sends what is pending, then new events, until ctx ends or the office is
// gone. count is told of every acknowledged event.
func (s *source) push(ctx context.Context, count func(int)) error {
	for ctx.Err() == nil {
		if len(s.pending) == 0 {
			if err := s.next(); err != nil {
				return err
			}
		}
		if err := s.deliver(ctx, count); err != nil {
			return err
		}
		if len(s.old) > 0 && s.random.IntN(10) == 0 {
			if err := s.repeat(ctx, count); err != nil {
				return err
			}
		}
		pause(ctx, time.Duration(s.random.IntN(6))*time.Millisecond) // or wallets get no turn
	}
	return nil
}

// deliver sends all that is pending: singly or as a batch, as it comes.
func (s *source) deliver(ctx context.Context, count func(int)) error {
	if len(s.pending) > 1 && s.random.IntN(2) == 0 {
		return s.batch(ctx, count)
	}
	for len(s.pending) > 0 {
		if err := s.single(ctx, s.pending[0].set); err != nil {
			return gone(err)
		}
		s.acknowledged(1)
		count(1)
	}
	return nil
}

func entry(kind invariants.Kind, source string, set registryclient.SET) invariants.Entry {
	digest := sha256.Sum256([]byte(set.Token))
	return invariants.Entry{Kind: kind, Source: source, JTI: set.JTI, Digest: hex.EncodeToString(digest[:])}
}

// single pushes one token. A refusal is an error of this test: the source says
// nothing wrong.
func (s *source) single(ctx context.Context, set registryclient.SET) error {
	e := entry(invariants.Push, s.name, set)
	call := s.journal.Sent(e)
	err := s.client.Push(ctx, set)
	switch {
	case err == nil:
		e.State, e.HTTP = invariants.Answered, http.StatusAccepted
	case errors.As(err, new(*registryclient.Refusal)):
		e.State = invariants.Refused
		err = &violation{[]string{"I1"}, fmt.Sprintf("event %s of %s, which says nothing wrong: %v", set.JTI, s.name, err)}
	default:
		return err // unknown
	}
	s.journal.Done(call, e)
	return err
}

// repeat pushes an old token again: it has been taken, and changes nothing.
func (s *source) repeat(ctx context.Context, count func(int)) error {
	set := s.old[s.random.IntN(len(s.old))]
	if err := s.single(ctx, set); err != nil {
		return gone(err)
	}
	count(1)
	return nil
}

func (s *source) batch(ctx context.Context, count func(int)) error {
	var sets []registryclient.SET
	calls := map[string]uint64{}
	for _, p := range s.pending {
		sets = append(sets, p.set)
		calls[p.set.JTI] = s.journal.Sent(entry(invariants.Push, s.name, p.set))
	}
	answer, err := s.client.PushBatch(ctx, sets)
	if err != nil {
		return gone(err)
	}
	n := 0
	for _, set := range sets {
		if r := answer.Refused[set.JTI]; r != nil {
			return &violation{[]string{"I1"}, fmt.Sprintf("event %s of %s, which says nothing wrong: %v", set.JTI, s.name, r)}
		}
		if !slices.Contains(answer.Acks, set.JTI) {
			// Not acknowledged: to be sent again, with all that come after, which
			// are refused for that they came too early.
			break
		}
		e := entry(invariants.Push, s.name, set)
		e.State, e.HTTP = invariants.Answered, http.StatusOK
		s.journal.Done(calls[set.JTI], e)
		n++
	}
	s.acknowledged(n)
	count(n)
	return nil
}

func (s *source) acknowledged(n int) {
	for _, p := range s.pending[:n] {
		if p.then != nil {
			p.then(p.set)
		}
		s.old = append(s.old, p.set)
	}
	s.pending = s.pending[n:]
	if len(s.old) > 50 {
		s.old = slices.Clone(s.old[len(s.old)-50:])
	}
}

// add signs an event; then runs once it is acknowledged.
func (s *source) add(subject string, payload registryclient.Payload, then func(registryclient.SET)) error {
	return s.addFrom(time.Time{}, subject, payload, then)
}

// addFrom is add for what takes effect at another time than when it is taken.
func (s *source) addFrom(effective time.Time, subject string, payload registryclient.Payload, then func(registryclient.SET)) error {
	s.seq++
	set, err := s.client.Sign(registryclient.Event{Subject: subject, Seq: s.seq, Effective: effective, Payload: payload})
	if err != nil {
		return err
	}
	s.pending = append(s.pending, signed{set, then})
	return nil
}

// next makes the source say something new: of a new person, or of one of its
// own.
func (s *source) next() error {
	if len(s.people) < s.most {
		h := &human{number: fmt.Sprintf("P-%s-%d", s.client.KeyID, len(s.people))}
		s.people = append(s.people, h)
		if err := s.identify(h); err != nil {
			return err
		}
		if err := s.add(h.number, registryclient.EntitlementPut{Kind: document.KindDriving, Territory: "UT", Privileges: privileges("B")}, nil); err != nil {
			return err
		}
		return s.documents(h)
	}
	h := s.people[s.random.IntN(len(s.people))]
	switch n := s.random.IntN(20); {
	case n < 3:
		return s.identify(h)
	case n < 6:
		return s.add(h.number, registryclient.EntitlementPut{Kind: document.KindDriving, Territory: "UT", Privileges: privileges([]string{"A", "B", "C", "AM"}[s.random.IntN(4)])}, nil)
	case n < 9 && h.licence != "":
		return s.annul(h, &h.licence)
	case n < 12 && h.identity != "":
		return s.annul(h, &h.identity)
	case n < 16:
		return s.measure(h)
	}
	if h.licence == "" || h.identity == "" {
		return s.documents(h)
	}
	return s.add(h.number, registryclient.DocumentCarrierLost{Number: h.licence, Reason: fmt.Sprint("lost ", s.seq)}, nil)
}

// mostAhead is how many measures of one person begin by themselves.
const mostAhead = 40

// measure adds one to the right to drive, or ends one: lifted, or never lawful.
// Those of the first person begin by themselves, a moment later, when they are
// of an odd number.
func (s *source) measure(h *human) error {
	if h == s.people[0] && s.seq%2 == 0 && h.ahead < mostAhead {
		h.ahead++
		return s.addFrom(time.Now().Add(time.Second), h.number, registryclient.MeasureAdded{
			ID: fmt.Sprint("A-", s.seq), Kind: registryclient.PointsSuspension, Right: registryclient.Right{Kind: document.KindDriving, Territory: "UT"},
			Orders: registryclient.Orders{Authority: "Utopia Police", Categories: []string{"A"}},
		}, nil)
	}
	if len(h.measures) < 2 {
		id := fmt.Sprint("M-", s.seq)
		h.measures = append(h.measures, id)
		kinds := []string{registryclient.ProvisionalWithdrawal, registryclient.PointsSuspension, registryclient.CourtBan}
		return s.add(h.number, registryclient.MeasureAdded{
			ID: id, Kind: kinds[s.random.IntN(len(kinds))], Right: registryclient.Right{Kind: document.KindDriving, Territory: "UT"},
			Orders: registryclient.Orders{Authority: "Utopia Police", Categories: []string{"B"}},
		}, nil)
	}
	id := h.measures[0]
	h.measures = h.measures[1:]
	if s.random.IntN(2) == 0 {
		return s.add(h.number, registryclient.MeasureLifted{ID: id, Reason: "served"}, nil)
	}
	return s.add(h.number, registryclient.AppealUpheld{Measure: id, Reason: "never lawful"}, nil)
}

func privileges(category string) []registryclient.Privilege {
	return []registryclient.Privilege{{Category: category, IssueDate: "2020-02-23", ExpiryDate: "2034-10-20"}}
}

// identify states a name that nobody had before.
func (s *source) identify(h *human) error {
	return s.add(h.number, registryclient.PersonPut{Attributes: map[string]any{
		"family_name": fmt.Sprintf("Müller %d", s.seq), "given_name": "Erika", "birth_date": "1984-01-26", "birth_place": "Utopia City",
		"place_of_birth": map[string]string{"country": "UT", "locality": "Utopia City"}, "nationality": []string{"UT"}, "sex": 2,
		"portrait": portraitJPEG(), "resident_country": "UT",
	}}, nil)
}

// documents states those that are missing, under new numbers.
func (s *source) documents(h *human) error {
	h.round++
	for _, d := range []struct {
		slot       *string
		kind, sign string
	}{{&h.licence, "mdl", "UTO"}, {&h.identity, "pid", ""}} {
		if *d.slot != "" {
			continue
		}
		number := fmt.Sprintf("%s-%s-%d", d.kind, h.number, h.round)
		*d.slot = number
		put := registryclient.DocumentPut{
			Number: number, Type: d.kind, IssueDate: "2025-09-01", ExpiryDate: "2033-01-01", IssuingAuthority: "Utopia", IssuingCountry: "UT", UNDistinguishingSign: d.sign,
		}
		if err := s.add(h.number, put, func(registryclient.SET) { s.pool.offer(h.number, number, d.kind) }); err != nil {
			return err
		}
	}
	return nil
}

// annul ends a document. The pool forgets it before the event is sent, or
// goes on trying when chance wills it: issuing races with withdrawing.
func (s *source) annul(h *human, slot *string) error {
	number := *slot
	*slot = ""
	forget := func() { s.pool.forget(number) }
	if s.random.IntN(2) == 0 {
		forget()
	}
	subject := h.number
	if s.random.IntN(2) == 0 {
		subject = number // named by its document
	}
	var end registryclient.Payload = registryclient.DocumentAnnulled{Number: number, Reason: "test"}
	if s.random.IntN(3) == 0 {
		end = registryclient.DocumentSurrendered{Number: number, Reason: "test"}
	}
	return s.add(subject, end, func(set registryclient.SET) {
		forget()
		s.pool.ended(s, set.JTI)
	})
}
