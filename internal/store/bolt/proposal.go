package bolt

import (
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/officer"
)

func proposalOrder(p officer.Proposal) []byte { return after(moment(p.Created), []byte(p.ID)) }

// PutProposal implements officer.Store. One that is there is left as it is.
func (s *Store) PutProposal(ctx context.Context, p officer.Proposal, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if t.has(proposalBucket, []byte(p.ID)) {
			return nil
		}
		t.put(proposalOrderBucket, proposalOrder(p), nil)
		t.put(officerEndBucket, officerEnd(p.Expires, proposalLetter, []byte(p.ID)), nil)
		if err := t.putRecord(proposalBucket, []byte(p.ID), p); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// proposal reads a proposal. ErrProposalNotFound.
func (t *tx) proposal(id string) (officer.Proposal, error) {
	var p officer.Proposal
	if id == "" {
		return p, officer.ErrProposalNotFound
	}
	known, err := t.record(proposalBucket, []byte(id), &p)
	if err == nil && !known {
		err = officer.ErrProposalNotFound
	}
	return p, err
}

func proposalOpen(p officer.Proposal, now time.Time) bool {
	return p.JTI == "" && !p.Withdrawn && p.Expires.After(now)
}

// ConfirmProposal implements officer.Store.
func (s *Store) ConfirmProposal(ctx context.Context, id, by, human, jti string, now time.Time, did audit.Event) (officer.Proposal, error) {
	var p officer.Proposal
	err := s.update(ctx, func(t *tx) (err error) {
		if p, err = t.proposal(id); err != nil {
			return err
		}
		switch {
		case p.JTI != "" && p.ConfirmedBy == by:
			return nil // as before
		case !proposalOpen(p, now):
			return officer.ErrProposalNotFound
		case p.Human == human || p.Officer == by:
			return officer.ErrSamePerson
		}
		p.ConfirmedBy, p.ConfirmedAt, p.JTI = by, now, jti
		if err := t.putRecord(proposalBucket, []byte(id), p); err != nil {
			return err
		}
		return s.note(t, did)
	})
	if err != nil {
		return officer.Proposal{}, err
	}
	return p, nil
}

// SettleProposal implements officer.Store.
func (s *Store) SettleProposal(ctx context.Context, id, refused string) error {
	return s.update(ctx, func(t *tx) error {
		p, err := t.proposal(id)
		if err != nil {
			return err
		}
		p.Refused = refused
		return t.putRecord(proposalBucket, []byte(id), p)
	})
}

// WithdrawProposal implements officer.Store.
func (s *Store) WithdrawProposal(ctx context.Context, id, by string, now time.Time, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		p, err := t.proposal(id)
		if err != nil {
			return err
		}
		if !proposalOpen(p, now) || p.Officer != by {
			return officer.ErrProposalNotFound
		}
		p.Withdrawn = true
		if err := t.putRecord(proposalBucket, []byte(id), p); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// Proposal implements officer.Store.
func (s *Store) Proposal(ctx context.Context, id string) (officer.Proposal, error) {
	var p officer.Proposal
	err := s.view(ctx, func(t *tx) (err error) {
		p, err = t.proposal(id)
		return err
	})
	if err != nil {
		return officer.Proposal{}, err
	}
	return p, nil
}

// Proposals implements officer.Store. It walks over those that are kept.
func (s *Store) Proposals(ctx context.Context, person string, open bool, now time.Time, limit int) ([]officer.Proposal, error) {
	var proposals []officer.Proposal
	if limit <= 0 {
		return nil, ctx.Err()
	}
	err := s.view(ctx, func(t *tx) error {
		return t.scanBack(proposalOrderBucket, nil, nil, func(key, _ []byte) error {
			p, err := t.proposal(string(key[8:]))
			if err != nil {
				return err
			}
			if open && !proposalOpen(p, now) || person != "" && p.Person != person {
				return nil
			}
			if proposals = append(proposals, p); len(proposals) == limit {
				return errEnough
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return proposals, nil
}

func (t *tx) forgetProposal(id string) error {
	p, err := t.proposal(id)
	if err != nil {
		return err
	}
	t.delete(proposalBucket, []byte(id))
	t.delete(proposalOrderBucket, proposalOrder(p))
	return nil
}
