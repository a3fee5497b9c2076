package bolt

import (
	"bytes"
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/citizen"
)

// PutCode implements citizen.Store.
func (s *Store) PutCode(ctx context.Context, c citizen.Code, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if old := t.get(revocationUnitBucket, pair(c.Person, []byte(c.Unit))); old != nil {
			if err := t.forgetCode(citizen.Digest(old)); err != nil {
				return err
			}
		}
		t.put(revocationUnitBucket, pair(c.Person, []byte(c.Unit)), bytes.Clone(c.Digest[:]))
		t.put(revocationEndBucket, after(moment(c.Expires), c.Digest[:]), nil)
		if err := t.putRecord(revocationBucket, c.Digest[:], c); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// forgetCode removes a code with what leads to it. One that is not there is no
// error.
func (t *tx) forgetCode(digest citizen.Digest) error {
	var c citizen.Code
	known, err := t.record(revocationBucket, digest[:], &c)
	if err != nil || !known {
		return err
	}
	t.delete(revocationBucket, digest[:])
	t.delete(revocationUnitBucket, pair(c.Person, []byte(c.Unit)))
	t.delete(revocationEndBucket, after(moment(c.Expires), digest[:]))
	return nil
}

// Code implements citizen.Store.
func (s *Store) Code(ctx context.Context, digest citizen.Digest, now time.Time) (c citizen.Code, err error) {
	err = s.view(ctx, func(t *tx) error {
		known, err := t.record(revocationBucket, digest[:], &c)
		if err == nil && (!known || !c.Expires.After(now)) {
			err = citizen.ErrCode
		}
		return err
	})
	if err != nil {
		return citizen.Code{}, err
	}
	return c, nil
}

// EndCode implements citizen.Store.
func (s *Store) EndCode(ctx context.Context, digest citizen.Digest, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if t.get(revocationBucket, digest[:]) == nil {
			return citizen.ErrCode
		}
		if err := t.forgetCode(digest); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// SweepCodes implements citizen.Store.
func (s *Store) SweepCodes(ctx context.Context, now time.Time, limit int) (int, error) {
	if any, err := s.anyDue(ctx, revocationEndBucket, now); err != nil || !any || limit <= 0 {
		return 0, err // nothing to write: nobody is made to wait
	}
	removed := 0
	err := s.update(ctx, func(t *tx) error {
		keys, err := t.first(revocationEndBucket, moment(now), limit)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := t.forgetCode(citizen.Digest(key[8:])); err != nil {
				return err
			}
			t.delete(revocationEndBucket, key)
		}
		removed = len(keys)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
