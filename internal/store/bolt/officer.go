package bolt

import (
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/officer"
)

// Letters of buckets in the keys of officerEndBucket.
const (
	linkLetter     = 'l'
	sessionLetter  = 's'
	proposalLetter = 'p'
)

func officerEnd(at time.Time, letter byte, key []byte) []byte {
	return after(moment(at), []byte{letter}, key)
}

// usedTouch is how much later a request must be for a session to be written
// again.
const usedTouch = time.Minute

// PutLink implements officer.Store.
func (s *Store) PutLink(ctx context.Context, l officer.Link, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		t.put(officerEndBucket, officerEnd(l.Expires, linkLetter, l.ID[:]), nil)
		if err := t.putRecord(linkBucket, l.ID[:], l); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// RedeemLink implements officer.Store.
func (s *Store) RedeemLink(ctx context.Context, id officer.Digest, session officer.Session, now time.Time, did func(officer string) audit.Event) (officer.Session, error) {
	err := s.update(ctx, func(t *tx) error {
		var l officer.Link
		known, err := t.record(linkBucket, id[:], &l)
		if err != nil {
			return err
		}
		if !known || !l.Expires.After(now) {
			return officer.ErrLinkUsed
		}
		t.delete(linkBucket, id[:])
		t.delete(officerEndBucket, officerEnd(l.Expires, linkLetter, id[:]))
		session.Officer = l.Officer
		if err := t.putSession(session); err != nil {
			return err
		}
		return s.note(t, did(l.Officer))
	})
	if err != nil {
		return officer.Session{}, err
	}
	return session, nil
}

func (t *tx) putSession(session officer.Session) error {
	t.put(officerEndBucket, officerEnd(session.Expires, sessionLetter, session.ID[:]), nil)
	return t.putRecord(sessionBucket, session.ID[:], session)
}

// BeginSession implements officer.Store.
func (s *Store) BeginSession(ctx context.Context, session officer.Session, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.putSession(session); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// session reads a session that has not ended.
func (t *tx) session(id officer.Digest, now time.Time, idle time.Duration) (officer.Session, error) {
	var session officer.Session
	known, err := t.record(sessionBucket, id[:], &session)
	if err == nil && (!known || !session.Expires.After(now) || !session.Used.Add(idle).After(now)) {
		err = officer.ErrSessionNotFound
	}
	return session, err
}

// Session implements officer.Store.
func (s *Store) Session(ctx context.Context, id officer.Digest, now time.Time, idle time.Duration) (officer.Session, error) {
	var session officer.Session
	err := s.view(ctx, func(t *tx) (err error) {
		session, err = t.session(id, now, idle)
		return err
	})
	if err == nil && !now.Before(session.Used.Add(usedTouch)) {
		err = s.update(ctx, func(t *tx) (err error) {
			if session, err = t.session(id, now, idle); err != nil || now.Before(session.Used.Add(usedTouch)) {
				return err
			}
			session.Used = now
			return t.putRecord(sessionBucket, id[:], session)
		})
	}
	if err != nil {
		return officer.Session{}, err
	}
	return session, nil
}

// SetLanguage implements officer.Store.
func (s *Store) SetLanguage(ctx context.Context, id officer.Digest, language string) error {
	return s.update(ctx, func(t *tx) error {
		var session officer.Session
		known, err := t.record(sessionBucket, id[:], &session)
		if err != nil {
			return err
		}
		if !known {
			return officer.ErrSessionNotFound
		}
		session.Language = language
		return t.putRecord(sessionBucket, id[:], session)
	})
}

// EndSession implements officer.Store. One that is over is no error.
func (s *Store) EndSession(ctx context.Context, id officer.Digest, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		var session officer.Session
		known, err := t.record(sessionBucket, id[:], &session)
		if err != nil || !known {
			return err
		}
		t.delete(sessionBucket, id[:])
		t.delete(officerEndBucket, officerEnd(session.Expires, sessionLetter, id[:]))
		return s.note(t, did)
	})
}

// SweepOfficers implements officer.Store.
func (s *Store) SweepOfficers(ctx context.Context, before time.Time, limit int) (int, error) {
	over := before.Add(-1) // what expired before that, and not at it
	if any, err := s.anyDue(ctx, officerEndBucket, over); err != nil || !any || limit <= 0 {
		return 0, err // nothing to write: nobody is made to wait
	}
	removed := 0
	err := s.update(ctx, func(t *tx) error {
		keys, err := t.first(officerEndBucket, moment(over), limit)
		if err != nil {
			return err
		}
		for _, key := range keys {
			id := key[9:]
			switch key[8] {
			case linkLetter:
				t.delete(linkBucket, id)
			case sessionLetter:
				t.delete(sessionBucket, id)
			case proposalLetter:
				if err := t.forgetProposal(string(id)); err != nil {
					return err
				}
			}
			t.delete(officerEndBucket, key)
		}
		removed = len(keys)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
