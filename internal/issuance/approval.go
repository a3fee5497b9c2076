package issuance

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/problem"
)

// askApproval lets a request wait for a person's word, unless the document
// could not be issued anyway.
func (p *Prepared) askApproval(ctx context.Context, attested keptWallet) error {
	if !p.s.cfg.Defer {
		return p.s.deny(ctx, p.access, p.cfg.ID, "not issuable", denial(errors.New("it needs an approval, and nothing is deferred here")))
	}
	_, err := p.resolve(ctx)
	w := waits(err)
	if err != nil && w == nil {
		return err
	}
	if w == nil {
		w = &waiting{}
	}
	w.until = time.Time{}
	return p.wait(ctx, w, ApprovalAwaited, attested)
}

// Awaited is a request that waits for a person's word.
type Awaited struct {
	ID            string // names it at the office; no use to a wallet
	Person        string
	Document      string
	Configuration string
	Since         time.Time
	Until         time.Time // when nobody needs to decide any more
}

// Awaiting lists the requests that wait for a person's word, the oldest first,
// at most MaxAwaiting.
func (s *Service) Awaiting(ctx context.Context) ([]Awaited, error) {
	all, err := s.p.Store.Awaiting(ctx, s.p.Clock.Now(), MaxAwaiting)
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]Awaited, len(all))
	for i, t := range all {
		out[i] = awaited(t)
	}
	return out, nil
}

func awaited(t Transaction) Awaited {
	return Awaited{
		ID: hex.EncodeToString(t.ID[:]), Person: t.Person, Document: t.Document, Configuration: t.Configuration,
		Since: t.Created, Until: t.Expires,
	}
}

// AwaitedRequest gives one request of Awaiting. Refusals are problem.NotFound
// and, when somebody has decided, problem.Conflict.
func (s *Service) AwaitedRequest(ctx context.Context, id string) (Awaited, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(Digest{}) {
		return Awaited{}, errNothingAwaits
	}
	t, err := s.p.Store.Transaction(ctx, Digest(raw), s.p.Clock.Now())
	switch {
	case errors.Is(err, ErrTransactionNotFound), err == nil && t.Approval == ApprovalNone:
		return Awaited{}, errNothingAwaits
	case err != nil:
		return Awaited{}, unavailable(err)
	case t.Approval != ApprovalAwaited:
		return Awaited{}, problem.New(problem.Conflict, "somebody has decided")
	}
	return awaited(t), nil
}

// Approve says that a request of Awaiting is granted, Refuse that it is not;
// the wallet learns it when it asks next. actor is on record. Saying the same
// again changes nothing. Refusals are problem.NotFound and, when something else
// was said before, problem.Conflict.
func (s *Service) Approve(ctx context.Context, id, actor string) error {
	return s.decide(ctx, id, actor, ApprovalGiven, audit.Done)
}

// Refuse is the other word.
func (s *Service) Refuse(ctx context.Context, id, actor string) error {
	return s.decide(ctx, id, actor, ApprovalRefused, audit.Denied)
}

func (s *Service) decide(ctx context.Context, id, actor string, word Approval, outcome string) error {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(Digest{}) {
		return errNothingAwaits
	}
	now := s.p.Clock.Now()
	t, err := s.p.Store.Transaction(ctx, Digest(raw), now)
	if err == nil {
		err = s.p.Store.Decide(ctx, t.ID, word, audit.Event{
			Time: now, Action: "credential.approve", Actor: actor, Person: t.Person, Outcome: outcome,
			Detail: map[string]string{"configuration": t.Configuration, "digest": id},
		})
	}
	switch {
	case errors.Is(err, ErrTransactionNotFound):
		return errNothingAwaits
	case errors.Is(err, ErrDecided):
		return problem.New(problem.Conflict, "somebody has decided otherwise, or nobody has to")
	case err != nil:
		return unavailable(err)
	}
	return nil
}

var errNothingAwaits = problem.New(problem.NotFound, "no such request waits")
