package officer_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

const source = "https://office.example/console"

// world is a console with officers, people and an inbox that applies events.
type world struct {
	*officer.Service
	clock *clock.Fake
	store *fakeStore
	audit *audit.Memory
	inbox *fakeInbox
	parts officer.Parts
	cfg   officer.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{clock: clock.NewFake(start), audit: &audit.Memory{}}
	w.store = &fakeStore{
		audit: w.audit, links: map[officer.Digest]officer.Link{}, sessions: map[officer.Digest]officer.Session{}, proposals: map[string]officer.Proposal{},
	}
	w.inbox = &fakeInbox{clock: w.clock, key: &key.PublicKey, accepted: map[string]string{}, subjects: map[string]document.Subject{
		"P-1": {
			Number: "P-1", Version: 3, Person: &document.Person{Attributes: document.Attributes{"family_name": "Weber"}},
			Documents: []document.Document{{Number: "D-1", Type: "mdl", IssueDate: "2020-01-01"}},
			Entitlements: []document.Entitlement{{
				Kind: document.KindDriving, Territory: "LU", Privileges: []document.Privilege{{Category: "B"}},
			}},
		},
		"P-2": {Number: "P-2", Version: 1},
	}}
	w.cfg = officer.Config{
		Source: source, Audience: "https://office.example", LoginURL: "https://console.example/login/", Table: document.DefaultTable(),
		Officers: []officer.Officer{
			{ID: "anna", Name: "Anna Muller", Human: "1", Roles: []officer.Role{officer.Editor}},
			{ID: "anna.2", Name: "Anna Muller (2)", Human: "1", Roles: []officer.Role{officer.Editor}},
			{ID: "ben", Name: "Ben Hoffmann", Human: "2", Roles: []officer.Role{officer.Editor}, Pins: []string{pinHex}},
			{ID: "rita", Name: "Rita Klein", Human: "3", Roles: []officer.Role{officer.Reader}},
			{ID: "otto", Name: "Otto Kremer", Human: "4", Roles: []officer.Role{officer.Auditor}},
			{ID: "gone", Name: "Gone", Human: "5", Roles: []officer.Role{officer.Editor}, Disabled: true},
		},
	}
	w.parts = officer.Parts{
		Store: w.store, Records: w.inbox, Inbox: w.inbox, Trail: trail{w.audit}, Audit: w.audit, Key: key, KeyID: "c1", Clock: w.clock, Rand: rand.Reader,
	}
	w.restart(t)
	return w
}

// restart makes the service anew over what is durable.
func (w *world) restart(t *testing.T) {
	t.Helper()
	s, err := officer.New(w.cfg, w.parts)
	if err != nil {
		t.Fatal(err)
	}
	w.Service = s
}

func (w *world) login(t *testing.T, id string) officer.Login {
	t.Helper()
	_, l := w.loginToken(t, id)
	return l
}

func (w *world) loginToken(t *testing.T, id string) (string, officer.Login) {
	t.Helper()
	if id == "ben" { // who comes with a certificate
		token, l, err := w.LogIn(t.Context(), pin, "")
		if err != nil {
			t.Fatal(err)
		}
		return token, l
	}
	link, err := w.MintLink(t.Context(), id, "operator")
	if err != nil {
		t.Fatal(err)
	}
	token, l, err := w.RedeemLink(t.Context(), link.URL[len(w.cfg.LoginURL):], "")
	if err != nil {
		t.Fatal(err)
	}
	return token, l
}

func (w *world) access(t *testing.T, l officer.Login) officer.Access {
	t.Helper()
	ref, err := w.LookUp(t.Context(), l, officer.Question{Person: "P-1", Purpose: audit.PurposeDecision, Reference: "2026/17"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Open(t.Context(), l, ref, audit.ActionShow)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func draft() officer.Draft {
	return officer.Draft{
		Kind: document.CourtBan, Right: document.Right{Kind: document.KindDriving, Territory: "LU"}, From: start,
		Authority: "Court of Utopia", LegalBasis: "Art. 13", Categories: []string{"B"}, Reference: "2026/17",
	}
}

func wantKind(t *testing.T, what string, err error, kind problem.Kind) {
	t.Helper()
	if err == nil || problem.KindOf(err) != kind {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

// actions gives "action actor outcome" of the audit record from line n on.
func (w *world) actions(n int) []string {
	var out []string
	for _, e := range w.audit.Events()[n:] {
		out = append(out, e.Action+" "+e.Actor+" "+e.Outcome)
	}
	return out
}

type trail struct{ m *audit.Memory }

func (t trail) AuditSize(context.Context) (uint64, audit.Head, error) {
	return t.m.Head().Seq, t.m.Head(), nil
}

func (t trail) AuditLines(_ context.Context, from uint64, limit int, each func(uint64, []byte) error) error {
	seq := uint64(0)
	for line := range slices.Values(splitLines(t.m.Bytes())) {
		if seq++; seq >= from && seq < from+uint64(limit) {
			if err := each(seq, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func splitLines(b []byte) (lines [][]byte) {
	for begin, i := 0, 0; i < len(b); i++ {
		if b[i] == '\n' {
			lines, begin = append(lines, b[begin:i]), i+1
		}
	}
	return lines
}

// fakeInbox is a source's view of the registry inbox, and the records.
type fakeInbox struct {
	mu       sync.Mutex
	clock    *clock.Fake
	key      *ecdsa.PublicKey
	seq      uint64
	accepted map[string]string // jti -> token
	subjects map[string]document.Subject
	// fail is answered once by Accept: before or after the event took effect.
	fail  error
	after bool
}

func (f *fakeInbox) Subject(_ context.Context, person string) (document.Subject, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.subjects[person]
	if !ok {
		return s, problem.New(problem.NotFound, "no such subject")
	}
	return s, nil
}

func (f *fakeInbox) Holder(_ context.Context, number string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, s := range f.subjects {
		if s.Document(number) != nil {
			return id, nil
		}
	}
	return "", problem.New(problem.NotFound, "no such subject")
}

func (f *fakeInbox) LastSeq(context.Context, string) (uint64, error) { return f.seq, nil }

func (f *fakeInbox) Accepted(_ context.Context, _, jti string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted[jti] != "", nil
}

func (f *fakeInbox) Accept(_ context.Context, peer, token string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fail := f.fail
	f.fail = nil
	if fail != nil && !f.after {
		return fail
	}
	signed, err := jose.Parse(token)
	if err == nil {
		err = signed.Verify(f.key, "ES256")
	}
	var c struct {
		JTI   string `json:"jti"`
		TOE   int64  `json:"toe"`
		SubID struct {
			ID string `json:"id"`
		} `json:"sub_id"`
		Events map[string]json.RawMessage `json:"events"`
	}
	if err == nil {
		err = jose.DecodeJSON(signed.Payload, &c)
	}
	if err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "token")
	}
	for uri, body := range c.Events {
		name := uri[len("urn:vidimus:event:") : len(uri)-2]
		var order struct{ Seq, Prev uint64 }
		var raw struct {
			Seq  uint64 `json:"seq"`
			Prev uint64 `json:"prev"`
		}
		if err := jose.DecodeJSON(body, &raw); err != nil {
			return err
		}
		order.Seq, order.Prev = raw.Seq, raw.Prev
		p, err := document.ParsePayload(name, body, f.clock.Now(), "seq", "prev")
		if err != nil {
			return err
		}
		s := f.subjects[c.SubID.ID]
		switch {
		case f.accepted[c.JTI] == token:
			return nil
		case f.accepted[c.JTI] != "":
			return problem.New(problem.InvalidRequest, "jti used for another token")
		case order.Seq != f.seq+1:
			return problem.New(problem.InvalidRequest, "gap")
		case order.Prev != s.Version:
			return problem.New(problem.Conflict, "the subject is at another version")
		}
		after, _, err := document.DefaultTable().Apply([]document.Subject{s}, document.Event{
			ID: document.EventID{Source: peer, JTI: c.JTI}, Effective: time.Unix(c.TOE, 0).UTC(), Received: f.clock.Now(), Payload: p,
		})
		if err != nil {
			return err
		}
		f.subjects[c.SubID.ID], f.accepted[c.JTI] = after[0], token
		f.seq++
	}
	return fail
}

// fakeStore is the plain reading of what officer.Store promises.
type fakeStore struct {
	mu        sync.Mutex
	audit     *audit.Memory
	links     map[officer.Digest]officer.Link
	sessions  map[officer.Digest]officer.Session
	proposals map[string]officer.Proposal
}

func (f *fakeStore) PutLink(ctx context.Context, l officer.Link, did audit.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.audit.Append(ctx, did); err != nil {
		return err
	}
	f.links[l.ID] = l
	return nil
}

func (f *fakeStore) RedeemLink(ctx context.Context, id officer.Digest, s officer.Session, now time.Time, did func(string) audit.Event) (officer.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.links[id]
	if !ok || !l.Expires.After(now) {
		return officer.Session{}, officer.ErrLinkUsed
	}
	if err := f.audit.Append(ctx, did(l.Officer)); err != nil {
		return officer.Session{}, err
	}
	delete(f.links, id)
	s.Officer = l.Officer
	f.sessions[s.ID] = s
	return s, nil
}

func (f *fakeStore) BeginSession(ctx context.Context, s officer.Session, did audit.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions[s.ID] = s
	return f.audit.Append(ctx, did)
}

func (f *fakeStore) Session(_ context.Context, id officer.Digest, now time.Time, idle time.Duration) (officer.Session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.sessions[id]
	if !ok || !s.Expires.After(now) || !s.Used.Add(idle).After(now) {
		return officer.Session{}, officer.ErrSessionNotFound
	}
	s.Used = now
	f.sessions[id] = s
	return s, nil
}

func (f *fakeStore) SetLanguage(_ context.Context, id officer.Digest, language string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.sessions[id]
	if !ok {
		return officer.ErrSessionNotFound
	}
	s.Language = language
	f.sessions[id] = s
	return nil
}

func (f *fakeStore) EndSession(ctx context.Context, id officer.Digest, did audit.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, id)
	return f.audit.Append(ctx, did)
}

func (f *fakeStore) PutProposal(ctx context.Context, p officer.Proposal, did audit.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proposals[p.ID] = p
	return f.audit.Append(ctx, did)
}

func (f *fakeStore) ConfirmProposal(ctx context.Context, id, by, human, jti string, now time.Time, did audit.Event) (officer.Proposal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.proposals[id]
	switch {
	case ok && p.ConfirmedBy == by && by != "":
		return p, nil
	case !ok || p.ConfirmedBy != "" || p.Withdrawn || !p.Expires.After(now):
		return officer.Proposal{}, officer.ErrProposalNotFound
	case p.Human == human:
		return officer.Proposal{}, officer.ErrSamePerson
	}
	p.ConfirmedBy, p.ConfirmedAt, p.JTI = by, now, jti
	f.proposals[id] = p
	return p, f.audit.Append(ctx, did)
}

func (f *fakeStore) SettleProposal(_ context.Context, id, refused string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.proposals[id]
	if !ok {
		return errors.New("no such proposal")
	}
	p.Refused = refused
	f.proposals[id] = p
	return nil
}

func (f *fakeStore) WithdrawProposal(ctx context.Context, id, by string, now time.Time, did audit.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.proposals[id]
	if !ok || p.Officer != by || p.ConfirmedBy != "" || p.Withdrawn || !p.Expires.After(now) {
		return officer.ErrProposalNotFound
	}
	p.Withdrawn = true
	f.proposals[id] = p
	return f.audit.Append(ctx, did)
}

func (f *fakeStore) Proposal(_ context.Context, id string) (officer.Proposal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.proposals[id]
	if !ok {
		return p, officer.ErrProposalNotFound
	}
	return p, nil
}

func (f *fakeStore) Proposals(_ context.Context, person string, open bool, now time.Time, limit int) ([]officer.Proposal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []officer.Proposal
	for _, p := range f.proposals {
		if (person == "" || p.Person == person) && (!open || p.ConfirmedBy == "" && !p.Withdrawn && p.Expires.After(now)) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b officer.Proposal) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return out[:min(limit, len(out))], nil
}

func (f *fakeStore) SweepOfficers(_ context.Context, before time.Time, _ int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.proposals)
	for id, p := range f.proposals {
		if p.Expires.Before(before) {
			delete(f.proposals, id)
		}
	}
	return n - len(f.proposals), nil
}
