package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/officer"
)

// PutLink implements officer.Store.
func (s *Store) PutLink(ctx context.Context, l officer.Link, did audit.Event) error {
	return s.step(ctx, func() error {
		put(s, s.links, l.ID, l)
		return s.note(did)
	})
}

// RedeemLink implements officer.Store.
func (s *Store) RedeemLink(ctx context.Context, id officer.Digest, session officer.Session, now time.Time, did func(officer string) audit.Event) (officer.Session, error) {
	err := s.step(ctx, func() error {
		l, known := s.links[id]
		if !known || !l.Expires.After(now) {
			return officer.ErrLinkUsed
		}
		drop(s, s.links, id)
		session.Officer = l.Officer
		put(s, s.sessions, session.ID, session)
		return s.note(did(l.Officer))
	})
	if err != nil {
		return officer.Session{}, err
	}
	return session, nil
}

// BeginSession implements officer.Store.
func (s *Store) BeginSession(ctx context.Context, session officer.Session, did audit.Event) error {
	return s.step(ctx, func() error {
		put(s, s.sessions, session.ID, session)
		return s.note(did)
	})
}

// Session implements officer.Store.
func (s *Store) Session(ctx context.Context, id officer.Digest, now time.Time, idle time.Duration) (session officer.Session, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.sessions[id]
		if !ok || !known.Expires.After(now) || !known.Used.Add(idle).After(now) {
			return officer.ErrSessionNotFound
		}
		if !now.Before(known.Used.Add(time.Minute)) {
			known.Used = now
			put(s, s.sessions, id, known)
		}
		session = known
		return nil
	})
	return session, err
}

// SetLanguage implements officer.Store.
func (s *Store) SetLanguage(ctx context.Context, id officer.Digest, language string) error {
	return s.step(ctx, func() error {
		known, ok := s.sessions[id]
		if !ok {
			return officer.ErrSessionNotFound
		}
		known.Language = language
		put(s, s.sessions, id, known)
		return nil
	})
}

// EndSession implements officer.Store. One that is over is no error.
func (s *Store) EndSession(ctx context.Context, id officer.Digest, did audit.Event) error {
	return s.step(ctx, func() error {
		if _, known := s.sessions[id]; !known {
			return nil
		}
		drop(s, s.sessions, id)
		return s.note(did)
	})
}

// PutProposal implements officer.Store. One that is there is left as it is.
func (s *Store) PutProposal(ctx context.Context, p officer.Proposal, did audit.Event) error {
	return s.step(ctx, func() error {
		if _, known := s.proposals[p.ID]; known {
			return nil
		}
		p.Payload = slices.Clone(p.Payload)
		put(s, s.proposals, p.ID, p)
		return s.note(did)
	})
}

func isOpen(p officer.Proposal, now time.Time) bool {
	return p.JTI == "" && !p.Withdrawn && p.Expires.After(now)
}

func copyProposal(p officer.Proposal) officer.Proposal {
	p.Payload = slices.Clone(p.Payload)
	return p
}

// ConfirmProposal implements officer.Store.
func (s *Store) ConfirmProposal(ctx context.Context, id, by, human, jti string, now time.Time, did audit.Event) (p officer.Proposal, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.proposals[id]
		switch {
		case ok && known.JTI != "" && known.ConfirmedBy == by:
			p = copyProposal(known)
			return nil
		case !ok || !isOpen(known, now):
			return officer.ErrProposalNotFound
		case known.Human == human || known.Officer == by:
			return officer.ErrSamePerson
		}
		known.ConfirmedBy, known.ConfirmedAt, known.JTI = by, now, jti
		put(s, s.proposals, id, known)
		p = copyProposal(known)
		return s.note(did)
	})
	if err != nil {
		return officer.Proposal{}, err
	}
	return p, nil
}

// SettleProposal implements officer.Store.
func (s *Store) SettleProposal(ctx context.Context, id, refused string) error {
	return s.step(ctx, func() error {
		p, known := s.proposals[id]
		if !known {
			return officer.ErrProposalNotFound
		}
		p.Refused = refused
		put(s, s.proposals, id, p)
		return nil
	})
}

// WithdrawProposal implements officer.Store.
func (s *Store) WithdrawProposal(ctx context.Context, id, by string, now time.Time, did audit.Event) error {
	return s.step(ctx, func() error {
		p, known := s.proposals[id]
		if !known || !isOpen(p, now) || p.Officer != by {
			return officer.ErrProposalNotFound
		}
		p.Withdrawn = true
		put(s, s.proposals, id, p)
		return s.note(did)
	})
}

// Proposal implements officer.Store.
func (s *Store) Proposal(ctx context.Context, id string) (p officer.Proposal, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.proposals[id]
		if !ok {
			return officer.ErrProposalNotFound
		}
		p = copyProposal(known)
		return nil
	})
	return p, err
}

// Proposals implements officer.Store.
func (s *Store) Proposals(ctx context.Context, person string, open bool, now time.Time, limit int) (proposals []officer.Proposal, err error) {
	err = s.step(ctx, func() error {
		for _, p := range s.proposals {
			if (!open || isOpen(p, now)) && (person == "" || p.Person == person) {
				proposals = append(proposals, copyProposal(p))
			}
		}
		slices.SortFunc(proposals, func(a, b officer.Proposal) int {
			return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
		})
		proposals = proposals[:min(len(proposals), max(limit, 0))]
		return nil
	})
	return proposals, err
}

// SweepOfficers implements officer.Store.
func (s *Store) SweepOfficers(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = s.step(ctx, func() error {
		left := limit
		for id, l := range s.links {
			sweep(s, s.links, id, &left, l.Expires.Before(before))
		}
		for id, session := range s.sessions {
			sweep(s, s.sessions, id, &left, session.Expires.Before(before))
		}
		for id, p := range s.proposals {
			sweep(s, s.proposals, id, &left, p.Expires.Before(before))
		}
		removed = limit - left
		return nil
	})
	return removed, err
}
