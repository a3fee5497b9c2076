package issuer_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
)

// speaker is the sample registry, event by event.
type speaker struct {
	*office
	client *registryclient.Client
	seq    uint64 // last used
}

func (o *office) speaker() *speaker {
	o.t.Helper()
	key, err := soft.New("").Signer(o.t.Context(), "soft:path="+o.cfg.Path("sources/dev-registry.key"))
	o.must(err)
	last, err := o.app.Store().LastSeq(o.t.Context(), issuer.DevSource)
	o.must(err)
	return &speaker{office: o, seq: last, client: &registryclient.Client{
		Endpoint: "http://" + o.cfg.Listen.Registry, Source: issuer.DevSource, Audience: o.cfg.PublicURL, Signer: key, KeyID: "dev-registry", Now: o.clock.Now,
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, // the office comes and goes
	}}
}

// sign makes the next event.
func (s *speaker) sign(subject string, p registryclient.Payload, change ...func(*registryclient.Event)) registryclient.SET {
	s.t.Helper()
	s.seq++
	e := registryclient.Event{Subject: subject, Seq: s.seq, Payload: p}
	for _, f := range change {
		f(&e)
	}
	set, err := s.client.Sign(e)
	s.must(err)
	return set
}

// say pushes the next event, which must be taken.
func (s *speaker) say(subject string, p registryclient.Payload, change ...func(*registryclient.Event)) registryclient.SET {
	s.t.Helper()
	set := s.sign(subject, p, change...)
	s.must(s.client.Push(s.t.Context(), set))
	return set
}

// from dates an event.
func from(at time.Time) func(*registryclient.Event) {
	return func(e *registryclient.Event) { e.Effective = at }
}

// ban is a measure on the right to drive.
func ban(id, kind string, change ...func(*registryclient.Orders)) registryclient.MeasureAdded {
	m := registryclient.MeasureAdded{
		ID: id, Kind: kind, Right: registryclient.Right{Kind: "driving", Territory: "UT"}, Orders: registryclient.Orders{Authority: "Utopia Court"},
	}
	for _, f := range change {
		f(&m.Orders)
	}
	return m
}

// receiptKey is that of the certificate that the office made.
func (o *office) receiptKey() *ecdsa.PublicKey {
	o.t.Helper()
	certs, err := pki.ParsePEM(o.read(o.cfg.Path(o.cfg.Signers["receipt"].Chain)))
	o.must(err)
	return certs[0].PublicKey().(*ecdsa.PublicKey)
}

// receipt fetches what became of an event.
func (s *speaker) receipt(set registryclient.SET) *registryclient.Receipt {
	s.t.Helper()
	token, err := s.client.Receipt(s.t.Context(), set.JTI)
	s.must(err)
	r, err := s.client.VerifyReceipt(token, s.receiptKey())
	s.must(err)
	return r
}

// feedOf gives the receipts of an event, in order.
func (s *speaker) feedOf(set registryclient.SET) []*registryclient.Receipt {
	s.t.Helper()
	var out []*registryclient.Receipt
	for n, err := range s.client.Receipts(s.t.Context(), 0) {
		s.must(err)
		r, err := s.client.VerifyReceipt(n.Receipt, s.receiptKey())
		s.must(err)
		if r.Event == set.JTI {
			out = append(out, r)
		}
	}
	return out
}

// covered waits until an event's copies are published as revoked, without
// moving the clock.
func (s *speaker) covered(set registryclient.SET) *registryclient.Receipt {
	s.t.Helper()
	var last *registryclient.Receipt
	s.soon("covered", func() bool {
		last = s.receipt(set)
		return last.State == registryclient.StateCovered
	})
	return last
}

// patience is for what comes by itself: a machine that is busy with other things
// may let it wait.
const patience = time.Minute

// soon waits for what the office does by itself.
func (o *office) soon(what string, is func() bool) {
	o.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("%s: not within %s\n%s", what, patience, o.log)
		}
	}
}

// pass lets time go by, tick by tick of the office's lists.
func (o *office) pass(d time.Duration) {
	o.t.Helper()
	for end := o.clock.Now().Add(d); o.clock.Now().Before(end); {
		o.clock.Advance(min(o.cfg.Status.Tick, end.Sub(o.clock.Now())))
		o.must(o.app.Due(o.t.Context()))
		o.must(o.app.Tick(o.t.Context()))
	}
}

// jump lets time go by in one step, as if nobody had looked meanwhile.
func (o *office) jump(d time.Duration) {
	o.t.Helper()
	o.clock.Advance(d)
	o.must(o.app.Due(o.t.Context()))
	o.must(o.app.Tick(o.t.Context()))
}

// standing looks up every copy of a document in the lists as anyone can fetch
// them, and counts.
func (o *office) standing(document string) (valid, invalid int) {
	o.t.Helper()
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	copies, err := o.app.Store().Copies(o.t.Context(), document)
	o.must(err)
	tokens := map[string]*statuslist.Token{}
	for _, c := range copies {
		if tokens[c.List] == nil {
			tokens[c.List], err = i.Fetch(o.t.Context(), c.List, "jwt")
			o.must(err)
		}
		state, err := tokens[c.List].Lookup(statuslist.Reference{URI: c.List, Index: c.Index}, o.clock.Now())
		o.must(err)
		switch state {
		case statuslist.Valid:
			valid++
		case statuslist.Invalid:
			invalid++
		default:
			o.t.Errorf("status %v", state)
		}
	}
	return valid, invalid
}

// stands expects how many copies of a document are VALID and INVALID.
func (o *office) stands(document string, valid, invalid int) {
	o.t.Helper()
	if v, i := o.standing(document); v != valid || i != invalid {
		o.t.Errorf("%s: %d VALID and %d INVALID, want %d and %d", document, v, i, valid, invalid)
	}
}

// refused expects a refusal that says something.
func refused(t *testing.T, err error, status int, code string) *registryclient.Refusal {
	t.Helper()
	var r *registryclient.Refusal
	if !errors.As(err, &r) || r.Status != status || r.Code != code {
		t.Fatalf("%v, want %d %s", err, status, code)
	}
	return r
}

// states are the states of receipts.
func states(list []*registryclient.Receipt) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, r.State)
	}
	return slices.Clip(out)
}

func unmarshal(data []byte, into any) error { return json.Unmarshal(data, into) }

func refusalOf(err error) *registryclient.Refusal {
	var r *registryclient.Refusal
	errors.As(err, &r)
	return r
}
