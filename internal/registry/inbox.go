package registry

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/faults"
	"vidimus/internal/problem"
)

// Config is what an Inbox needs.
type Config struct {
	// Issuer is the aud of events and the iss of receipts.
	Issuer  string
	Sources []Source
	Store   Store
	// Audit takes refusals; what is accepted is audited by the store, in the
	// transaction.
	Audit audit.Writer
	Clock clock.Clock
	// MaxAge and Skew bound iat; zero is the default.
	MaxAge, Skew time.Duration
	// HoldFor is how long an event that came too early waits for those before
	// it, HoldEvents how many of one source do, HoldBytes how many octets
	// their tokens have. Zero is the default; a negative HoldFor holds none.
	HoldFor    time.Duration
	HoldEvents int
	HoldBytes  int64
	// Table says what each fact does to the copies of each document type.
	Table document.Table
	// Revoked is called after what revokes copies is durable; urgent asks for
	// publication at once. It must not block. It may be nil.
	Revoked func(urgent bool)

	// ReceiptSigner signs receipts; ReceiptChain is its certificate and those
	// between it and the anchor, DER, leaf first, or nil.
	ReceiptSigner crypto.Signer
	ReceiptChain  [][]byte
	Rand          io.Reader
}

// Inbox takes events. It is safe for concurrent use.
type Inbox struct {
	issuer       string
	sources      map[string]Source
	lines        map[string]*line // by source
	store        Store
	audit        audit.Writer
	clock        clock.Clock
	maxAge, skew time.Duration
	holdFor      time.Duration
	table        document.Table
	revoked      func(urgent bool)
	receipts     receiptSigner
	closing      chan struct{}
	closeOnce    sync.Once
}

// New checks the configuration.
func New(cfg Config) (*Inbox, error) {
	if cfg.Issuer == "" || cfg.Store == nil || cfg.Audit == nil || cfg.Clock == nil || cfg.ReceiptSigner == nil || cfg.Rand == nil {
		return nil, errors.New("registry: issuer, store, audit, clock, receipt signer and randomness are needed")
	}
	if len(cfg.Sources) > maxSources {
		return nil, fmt.Errorf("registry: more than %d sources", maxSources)
	}
	in := &Inbox{
		issuer: cfg.Issuer, store: cfg.Store, audit: cfg.Audit, clock: cfg.Clock, table: cfg.Table, revoked: cfg.Revoked,
		maxAge: orDefault(cfg.MaxAge, DefaultMaxAge), skew: orDefault(cfg.Skew, DefaultSkew), holdFor: cfg.HoldFor,
		sources: map[string]Source{}, lines: map[string]*line{}, closing: make(chan struct{}),
	}
	if in.holdFor == 0 {
		in.holdFor = DefaultHoldFor
	}
	if in.revoked == nil {
		in.revoked = func(bool) {}
	}
	for _, s := range cfg.Sources {
		if err := s.validate(); err != nil {
			return nil, fmt.Errorf("registry: %w", err)
		}
		if _, twice := in.sources[s.Name]; twice {
			return nil, fmt.Errorf("registry: source %s twice", s.Name)
		}
		in.sources[s.Name] = s
		in.lines[s.Name] = newLine(orDefault(cfg.HoldEvents, DefaultHoldEvents), orDefault(cfg.HoldBytes, DefaultHoldBytes))
	}
	var err error
	in.receipts, err = newReceiptSigner(cfg)
	return in, err
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Accept takes one token. peer is the source whose certificate the connection
// has, "" when the connection does not authenticate. A nil error means that
// the event is durable and has its effect; Outcome.Repeated tells that it had
// it before. An event that came too early is held, and Accept with it, until
// those before it have come, at most Config.HoldFor. A refusal is a problem
// whose RFC 8935 words SETError gives.
func (in *Inbox) Accept(ctx context.Context, peer, token string) (Outcome, error) {
	now := in.clock.Now()
	s, err := in.verify(token, peer, now)
	if err != nil {
		return Outcome{}, in.refuse(ctx, peer, token, s, err)
	}
	r := in.apply(ctx, []*statement{s})[0]
	if gap := early(r.Err); gap != nil && in.mayHold() {
		l := in.lines[s.source.Name]
		if h, ok := l.put(s, now); ok {
			r = in.hold(ctx, l, h)
		}
	}
	return in.settle(ctx, peer, s, r)
}

func (in *Inbox) mayHold() bool {
	select {
	case <-in.closing:
		return false
	default:
		return in.holdFor > 0
	}
}

// apply brings events into the store and lets those go on that waited for them.
func (in *Inbox) apply(ctx context.Context, list []*statement) []Result {
	now := in.clock.Now()
	apps := make([]Application, len(list))
	for i, s := range list {
		apps[i] = in.application(s, now)
	}
	results := in.store.ApplyEvents(ctx, apps)
	faults.Point("registry.applied")
	for i := 0; i < len(list); {
		source, last := list[i].source.Name, uint64(0)
		for ; i < len(list) && list[i].source.Name == source; i++ {
			var seq *SeqError
			if results[i].Err == nil {
				last = max(last, results[i].Outcome.Seq)
			} else if errors.As(results[i].Err, &seq) {
				last = max(last, seq.Next-1)
			}
		}
		in.lines[source].note(last)
	}
	return results
}

func (in *Inbox) application(s *statement, now time.Time) Application {
	s.record.Accepted = now
	rec := s.record
	rec.Audit = audit.Event{
		Time: now, Action: "registry.accept", Person: rec.Person, Actor: rec.Source, Outcome: audit.Done,
		Detail: map[string]string{
			"event": rec.JTI, "seq": strconv.FormatUint(rec.Seq, 10), "reason": rec.Name, "digest": hex.EncodeToString(rec.Digest[:]),
		},
	}
	switch {
	case rec.Wallet != "":
		rec.Audit.Subject = rec.Wallet
	case rec.Person == "": // the store finds the holder
		rec.Audit.Subject = rec.Audit.Detail["digest"]
	}
	return Application{Record: rec, Decide: in.decide(s)}
}

// decide is the part of the judgement that depends on the state or must not
// disturb the answer to a repeated event, such as the age of its signature.
func (in *Inbox) decide(s *statement) Decide {
	return func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		now := s.record.Accepted
		var err error
		switch {
		case s.issued.After(now.Add(in.skew)):
			err = problem.New(problem.InvalidRequest, "iat lies in the future")
		case s.issued.Before(now.Add(-in.maxAge)):
			err = problem.New(problem.InvalidRequest, "iat is too old: sign the event again")
		case s.record.Effective.After(now.AddDate(maxAheadYears, 0, 0)):
			err = problem.New(problem.InvalidRequest, "toe lies more than %d years ahead", maxAheadYears)
		default:
			err = s.source.maySayOf(subjects, s.payload)
		}
		if err != nil {
			return nil, document.Change{}, err
		}
		next, change, err := in.table.Apply(subjects, document.Event{
			ID:        document.EventID{Source: s.record.Source, JTI: s.record.JTI},
			Effective: s.record.Effective, Received: now, Payload: s.payload,
		})
		s.urgent = urgent(change)
		return next, change, err
	}
}

// urgent reports whether some flip is to be published at once.
func urgent(c document.Change) bool {
	for _, r := range c.Revoke {
		if r.Urgent {
			return true
		}
	}
	return false
}

// settle turns the answer of the store into that of the inbox.
func (in *Inbox) settle(ctx context.Context, peer string, s *statement, r Result) (Outcome, error) {
	if r.Err != nil {
		return Outcome{}, in.refuse(ctx, peer, s.record.Token, s, storeProblem(r.Err))
	}
	if r.Outcome.Copies > 0 && !r.Outcome.Repeated {
		in.revoked(s.urgent)
	}
	return r.Outcome, nil
}

// refuse writes to the audit log what a source tried that it may not, and
// gives err back. Mistakes of form are not audited: there is no end of them.
func (in *Inbox) refuse(ctx context.Context, peer, token string, s *statement, err error) error {
	kind := problem.KindOf(err)
	switch kind {
	case problem.AccessDenied, problem.AuthenticationFailed, problem.InvalidKey, problem.Conflict:
	default:
		if !errors.Is(err, ErrOtherToken) {
			return err
		}
	}
	digest := sha256.Sum256([]byte(token))
	ev := audit.Event{
		Time: in.clock.Now(), Action: "registry.refuse", Subject: hex.EncodeToString(digest[:]), Actor: peer, Outcome: audit.Denied,
		Detail: map[string]string{"problem": string(kind)},
	}
	if s != nil {
		ev.Actor, ev.Detail["event"], ev.Detail["reason"] = s.record.Source, s.record.JTI, s.record.Name
	}
	if ev.Actor == "" {
		ev.Actor = "unknown"
	}
	if auditErr := in.audit.Append(ctx, ev); auditErr != nil {
		return problem.Wrap(problem.Unavailable, errors.Join(err, auditErr), "try again")
	}
	return err
}
