package memory

import (
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/citizen"
)

// PutCode implements citizen.Store.
func (s *Store) PutCode(ctx context.Context, c citizen.Code, did audit.Event) error {
	return s.step(ctx, func() error {
		for digest, old := range s.revocations {
			if old.Person == c.Person && old.Unit == c.Unit {
				drop(s, s.revocations, digest)
			}
		}
		put(s, s.revocations, c.Digest, c)
		return s.note(did)
	})
}

// Code implements citizen.Store.
func (s *Store) Code(ctx context.Context, digest citizen.Digest, now time.Time) (c citizen.Code, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.revocations[digest]
		if !ok || !known.Expires.After(now) {
			return citizen.ErrCode
		}
		c = known
		return nil
	})
	return c, err
}

// EndCode implements citizen.Store.
func (s *Store) EndCode(ctx context.Context, digest citizen.Digest, did audit.Event) error {
	return s.step(ctx, func() error {
		if _, known := s.revocations[digest]; !known {
			return citizen.ErrCode
		}
		drop(s, s.revocations, digest)
		return s.note(did)
	})
}

// SweepCodes implements citizen.Store.
func (s *Store) SweepCodes(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.step(ctx, func() error {
		for digest, c := range s.revocations {
			if removed < limit && !c.Expires.After(now) {
				drop(s, s.revocations, digest)
				removed++
			}
		}
		return nil
	})
	return removed, err
}
