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
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
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
	// Table says what each fact does to the copies of each document type.
	Table document.Table
	// Revoked is called after what revokes copies is durable: urgent asks for
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
	store        Store
	audit        audit.Writer
	clock        clock.Clock
	maxAge, skew time.Duration
	table        document.Table
	revoked      func(urgent bool)
	receipts     receiptSigner
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
		issuer: cfg.Issuer, store: cfg.Store, audit: cfg.Audit, clock: cfg.Clock,
		maxAge: cfg.MaxAge, skew: cfg.Skew, table: cfg.Table, revoked: cfg.Revoked, sources: map[string]Source{},
	}
	if in.maxAge <= 0 {
		in.maxAge = DefaultMaxAge
	}
	if in.skew <= 0 {
		in.skew = DefaultSkew
	}
	for _, s := range cfg.Sources {
		if err := s.validate(); err != nil {
			return nil, fmt.Errorf("registry: %w", err)
		}
		if _, twice := in.sources[s.Name]; twice {
			return nil, fmt.Errorf("registry: source %s twice", s.Name)
		}
		in.sources[s.Name] = s
	}
	var err error
	in.receipts, err = newReceiptSigner(cfg)
	return in, err
}

// Accept takes one token. peer is the source whose certificate the connection
// has, "" when the connection does not authenticate. A nil error means that
// the event is durable and has its effect; Outcome.Repeated tells that it had
// it before. A refusal is a problem whose RFC 8935 words SETError gives.
func (in *Inbox) Accept(ctx context.Context, peer, token string) (Outcome, error) {
	s, err := in.verify(token, peer, in.clock.Now())
	if err != nil {
		return Outcome{}, in.refuse(ctx, peer, token, s, err)
	}
	result := in.store.ApplyEvents(ctx, []Application{in.application(s)})[0]
	return in.settle(ctx, peer, s, result)
}

func (in *Inbox) application(s *statement) Application {
	rec := s.record
	rec.Audit = audit.Event{
		Time: rec.Accepted, Action: "registry.accept", Subject: hex.EncodeToString(rec.Digest[:]), Actor: rec.Source, Outcome: audit.Done,
		Detail: map[string]string{"event": rec.JTI, "seq": strconv.FormatUint(rec.Seq, 10), "reason": rec.Name},
	}
	return Application{Record: rec, Decide: in.decide(s)}
}

// decide is the part of the judgement that depends on the state or must not
// disturb the answer to a repeated event, such as the age of its signature.
func (in *Inbox) decide(s *statement) Decide {
	return func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		now := s.record.Accepted
		switch {
		case s.issued.After(now.Add(in.skew)):
			return nil, document.Change{}, problem.New(problem.InvalidRequest, "iat lies in the future")
		case s.issued.Before(now.Add(-in.maxAge)):
			return nil, document.Change{}, problem.New(problem.InvalidRequest, "iat is too old: sign the event again")
		}
		return in.table.Apply(subjects, document.Event{
			ID:        document.EventID{Source: s.record.Source, JTI: s.record.JTI},
			Effective: s.record.Effective, Received: now, Payload: s.payload,
		})
	}
}

// settle turns the answer of the store into that of the inbox.
func (in *Inbox) settle(ctx context.Context, peer string, s *statement, r Result) (Outcome, error) {
	if r.Err != nil {
		return Outcome{}, in.refuse(ctx, peer, s.record.Token, s, storeProblem(r.Err))
	}
	if r.Outcome.Copies > 0 && !r.Outcome.Repeated && in.revoked != nil {
		in.revoked(false)
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
