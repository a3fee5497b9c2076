package officer

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/problem"
)

// Stage says how far a proposal came.
type Stage string

// The stages. A proposal that was confirmed is Sending until the inbox has
// answered; Accepted, Refused, Expired and Withdrawn are final.
const (
	Open      Stage = "open"
	Sending   Stage = "sending"
	Accepted  Stage = "accepted"
	Refused   Stage = "refused"
	Expired   Stage = "expired"
	Withdrawn Stage = "withdrawn"
)

// Reference is the number of the decision that a proposal rests on.
func (p Proposal) Reference() string {
	_, reference, _ := strings.Cut(p.Purpose, " ")
	return reference
}

// Parsed is the event that the proposal stands for.
func (p Proposal) Parsed(now time.Time) (document.Payload, error) {
	return document.ParsePayload(p.Event, p.Payload, now)
}

// Stage asks the inbox where the proposal alone does not say.
func (s *Service) Stage(ctx context.Context, p Proposal) (Stage, error) {
	switch {
	case p.Withdrawn:
		return Withdrawn, nil
	case p.Refused != "":
		return Refused, nil
	case p.ConfirmedBy != "":
		ok, err := s.p.Inbox.Accepted(ctx, s.cfg.Source, p.JTI)
		if err != nil {
			return "", unavailable(err)
		}
		if ok {
			return Accepted, nil
		}
		return Sending, nil
	case !p.Expires.After(s.p.Clock.Now()):
		return Expired, nil
	}
	return Open, nil
}

// Propose writes a measure down for a second officer. version is that of the
// record which the officer saw: when it changed since, the refusal is Conflict.
// Others: AccessDenied; InvalidRequest with an Invalid.
func (s *Service) Propose(ctx context.Context, a Access, version uint64, d Draft) (Proposal, error) {
	return s.propose(ctx, a, version, document.NameMeasureAdded, d.Reference, d.From, func(_ document.Subject, now time.Time) ([]byte, error) {
		if err := d.Check(now); err != nil {
			return nil, err
		}
		id, err := s.random(idSize)
		if err != nil {
			return nil, err
		}
		return d.payload("console-" + id)
	})
}

// ProposeLift writes the end of a measure down for a second officer. As
// Propose; NotFound when the person has no such measure.
func (s *Service) ProposeLift(ctx context.Context, a Access, version uint64, d Lift) (Proposal, error) {
	return s.propose(ctx, a, version, document.NameMeasureLifted, d.Reference, d.From, func(subject document.Subject, now time.Time) ([]byte, error) {
		if err := d.Check(subject, now); err != nil {
			return nil, err
		}
		return json.Marshal(document.MeasureLifted{ID: d.Measure, Reason: d.Reason})
	})
}

func (s *Service) propose(
	ctx context.Context, a Access, version uint64, name, reference string, effective time.Time,
	payload func(document.Subject, time.Time) ([]byte, error),
) (Proposal, error) {
	l, now := a.login, s.p.Clock.Now()
	if err := s.allow(ctx, l, PowerPropose); err != nil {
		return Proposal{}, err
	}
	subject, err := s.Subject(ctx, a)
	if err != nil {
		return Proposal{}, err
	}
	body, err := payload(subject, now)
	if err != nil {
		return Proposal{}, err
	}
	if subject.Version != version {
		return Proposal{}, problem.New(problem.Conflict, "the record changed since it was read")
	}
	id, err := s.random(idSize)
	if err != nil {
		return Proposal{}, err
	}
	p := Proposal{
		ID: id, Officer: l.Officer.ID, Human: l.Officer.Human, Person: a.Person, Created: now, Expires: now.Add(ProposalLifetime),
		Event: name, Payload: body, Effective: utc(effective), Version: version, Purpose: a.Purpose + " " + reference,
	}
	if _, _, err := s.Preview(p, subject); err != nil {
		return Proposal{}, err
	}
	did := s.about(ActionPropose, l.Officer.ID, a.Person, audit.Done, map[string]string{
		"proposal": id, "name": name, "purpose": a.Purpose, detailReference: reference,
		"version": strconv.FormatUint(version, 10), "until": p.Expires.UTC().Format(time.RFC3339),
	})
	if err := s.p.Store.PutProposal(ctx, p, did); err != nil {
		return Proposal{}, unavailable(err)
	}
	return p, nil
}

// Preview computes what a proposal would do to a record: the record after it,
// and what becomes of copies and holder, now or, when it takes effect later, by
// then. Nothing is done. A refusal is the one that the inbox would give.
func (s *Service) Preview(p Proposal, subject document.Subject) (document.Subject, document.Change, error) {
	now := s.p.Clock.Now()
	payload, err := p.Parsed(now)
	if err != nil {
		return document.Subject{}, document.Change{}, err
	}
	after, change, err := s.cfg.Table.Apply([]document.Subject{subject}, document.Event{
		ID: document.EventID{Source: s.cfg.Source, JTI: p.ID}, Effective: p.Effective, Received: now, Payload: payload,
	})
	if err != nil {
		return document.Subject{}, document.Change{}, err
	}
	if p.Effective.After(now) {
		next, later := s.cfg.Table.Advance(after[0], p.Effective)
		return next, later, nil
	}
	return after[0], change, nil
}

// Proposals gives those that are open, or the newest of all, at most
// MaxProposals. They name persons: a page that shows one goes through
// OpenProposal.
func (s *Service) Proposals(ctx context.Context, l Login, open bool) ([]Proposal, error) {
	if err := s.allow(ctx, l, PowerLookUp); err != nil {
		return nil, err
	}
	list, err := s.p.Store.Proposals(ctx, "", open, s.p.Clock.Now(), MaxProposals)
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// OpenProposal reads one with the access to the person whom it concerns: a
// look-up, and recorded as one.
func (s *Service) OpenProposal(ctx context.Context, l Login, id string) (Proposal, Access, error) {
	if err := s.allow(ctx, l, PowerLookUp); err != nil {
		return Proposal{}, Access{}, err
	}
	p, err := s.proposal(ctx, id)
	if err != nil {
		return Proposal{}, Access{}, err
	}
	a := Access{Person: p.Person, Purpose: audit.PurposeDecision, Reference: p.Reference(), At: s.p.Clock.Now(), login: l}
	detail := a.detail()
	detail["proposal"] = p.ID
	if err := s.p.Audit.Append(ctx, s.about(audit.ActionShow, l.Officer.ID, p.Person, audit.Done, detail)); err != nil {
		return Proposal{}, Access{}, unavailable(err)
	}
	return p, a, nil
}

func (s *Service) proposal(ctx context.Context, id string) (Proposal, error) {
	if !within(id, maxID, visibleByte) {
		return Proposal{}, problem.Wrap(problem.NotFound, ErrProposalNotFound, "no such proposal")
	}
	p, err := s.p.Store.Proposal(ctx, id)
	return p, storeProblem(err)
}

// Withdraw takes one's own proposal back. Refusals: AccessDenied, NotFound when
// it is not open any more.
func (s *Service) Withdraw(ctx context.Context, l Login, id string) error {
	if err := s.allow(ctx, l, PowerWithdraw); err != nil {
		return err
	}
	p, err := s.proposal(ctx, id)
	if err != nil {
		return err
	}
	if p.Officer != l.Officer.ID {
		return s.refuse(ctx, l, "withdraw", problem.New(problem.AccessDenied, "only the officer who proposed may withdraw"))
	}
	did := s.about(ActionWithdraw, l.Officer.ID, p.Person, audit.Done, map[string]string{"proposal": id, "name": p.Event})
	return storeProblem(s.p.Store.WithdrawProposal(ctx, id, l.Officer.ID, s.p.Clock.Now(), did))
}

func storeProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrProposalNotFound):
		return problem.Wrap(problem.NotFound, err, "no such proposal, or not open any more")
	case errors.Is(err, ErrSamePerson):
		return problem.Wrap(problem.AccessDenied, err, "a second person must confirm")
	}
	return unavailable(err)
}
