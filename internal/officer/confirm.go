package officer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"vidimus/internal/audit"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Confirm carries a proposal out: another human being than the one who proposed
// says yes, and the event goes to the inbox. When the inbox refuses for good,
// the proposal keeps why, and Stage gives Refused; nil says only that the
// confirmation is durable and that the event was sent or will be. Refusals:
// AccessDenied (ErrSamePerson), NotFound when it is not open any more, Conflict
// when the record changed since it was proposed.
func (s *Service) Confirm(ctx context.Context, l Login, id string) (Proposal, error) {
	if err := s.allow(ctx, l, PowerConfirm); err != nil {
		return Proposal{}, err
	}
	p, err := s.proposal(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	if p.Human == l.Officer.Human {
		return Proposal{}, s.refuse(ctx, l, "same-human", storeProblem(ErrSamePerson))
	}
	if p.ConfirmedBy == "" {
		subject, err := s.p.Records.Subject(ctx, p.Person)
		if err != nil {
			return Proposal{}, unavailable(err)
		}
		if subject.Version != p.Version {
			return Proposal{}, problem.New(problem.Conflict, "the record changed since this was proposed")
		}
	}
	jti, err := s.random(idSize)
	if err != nil {
		return Proposal{}, err
	}
	did := s.about(ActionConfirm, l.Officer.ID, p.Person, audit.Done, map[string]string{
		"proposal": id, "name": p.Event, "event": jti, "officer": p.Officer,
	})
	p, err = s.p.Store.ConfirmProposal(ctx, id, l.Officer.ID, l.Officer.Human, jti, s.p.Clock.Now(), did)
	if errors.Is(err, ErrSamePerson) {
		return Proposal{}, s.refuse(ctx, l, "same-human", storeProblem(err))
	}
	if err != nil {
		return Proposal{}, storeProblem(err)
	}
	faults.Point("officer.confirmed")
	// Said is said: the browser may go away now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushPatience)
	defer cancel()
	if err := s.push(ctx, p); err != nil && !undecided(err) {
		return p, err
	}
	return s.proposal(ctx, id)
}

// Repair sends what was confirmed and of which the inbox knows nothing: after a
// start, and from time to time. The name of the event was reserved with the
// confirmation, so that whatever was sent before, it takes effect once.
func (s *Service) Repair(ctx context.Context) error {
	all, err := s.p.Store.Proposals(ctx, "", false, s.p.Clock.Now(), maxRepair)
	if err != nil {
		return fmt.Errorf("repairing the console's events: %w", err)
	}
	// The oldest first: they were confirmed first.
	for i := len(all) - 1; i >= 0; i-- {
		p := all[i]
		if p.ConfirmedBy == "" || p.Refused != "" {
			continue
		}
		if err := s.push(ctx, p); err != nil {
			return fmt.Errorf("repairing the console's events: proposal %s: %w", p.ID, err)
		}
	}
	s.sending.Lock()
	s.repaired = true
	s.sending.Unlock()
	return nil
}

// Retry sends what an earlier call could not; Repair as long as that did not
// come to its end.
func (s *Service) Retry(ctx context.Context) error {
	s.sending.Lock()
	if !s.repaired {
		s.sending.Unlock()
		return s.Repair(ctx)
	}
	ids := make([]string, 0, len(s.unsent))
	for id := range s.unsent {
		ids = append(ids, id)
	}
	s.sending.Unlock()
	for _, id := range ids {
		p, err := s.p.Store.Proposal(ctx, id)
		if err == nil {
			err = s.push(ctx, p)
		}
		if err != nil {
			return fmt.Errorf("sending the console's event again: %w", err)
		}
	}
	return nil
}

// undecided says that an answer leaves open whether the event took effect.
func undecided(err error) bool {
	switch problem.KindOf(err) {
	case problem.Unavailable, problem.Internal, problem.RateLimited:
		return true
	}
	return false
}

// push brings the event of a confirmed proposal to the inbox, once. A final
// refusal is noted and is no error; an error leaves the proposal for Repair.
func (s *Service) push(ctx context.Context, p Proposal) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.unsent[p.ID] = true
	done, err := s.p.Inbox.Accepted(ctx, s.cfg.Source, p.JTI)
	if err != nil {
		return unavailable(err)
	}
	if !done {
		last, err := s.p.Inbox.LastSeq(ctx, s.cfg.Source)
		if err != nil {
			return unavailable(err)
		}
		token, err := s.token(p, last+1)
		if err != nil {
			return err
		}
		if err := s.p.Inbox.Accept(ctx, s.cfg.Source, token); err != nil {
			if undecided(err) {
				return err
			}
			words := string(problem.KindOf(err)) + ": " + problem.Detail(err)
			if err := s.p.Store.SettleProposal(ctx, p.ID, words); err != nil {
				return unavailable(err)
			}
		}
		faults.Point("officer.inboxed")
	}
	delete(s.unsent, p.ID)
	return nil
}

// token is the event as a Security Event Token (RFC 8417).
func (s *Service) token(p Proposal, seq uint64) (string, error) {
	body, err := jose.Members(p.Payload)
	if err != nil {
		return "", fmt.Errorf("proposal %s: %w", p.ID, err)
	}
	for name, n := range map[string]uint64{"seq": seq, "prev": p.Version} {
		raw, err := json.Marshal(n)
		if err != nil {
			return "", err
		}
		body[name] = raw
	}
	claims := map[string]any{
		"iss": s.cfg.Source, "aud": s.cfg.Audience, "iat": s.p.Clock.Now().Unix(), "jti": p.JTI, "toe": p.Effective.Unix(),
		"sub_id": map[string]string{"format": "opaque", "id": p.Person},
		"events": map[string]any{"urn:vidimus:event:" + p.Event + ":1": body},
	}
	if reference := p.Reference(); reference != "" {
		claims["txn"] = reference
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	token, err := s.signer.Sign(payload, s.p.Rand)
	if err != nil {
		return "", unavailable(err)
	}
	return token, nil
}
