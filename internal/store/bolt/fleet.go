package bolt

import (
	"cmp"
	"context"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/fleet"
)

// PutReader implements fleet.Store.
func (s *Store) PutReader(ctx context.Context, r fleet.Reader, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if id := t.get(readerNameBucket, []byte(r.Name)); id != nil {
			other, err := t.reader(id)
			if err != nil {
				return err
			}
			if other.Holds(r.Invited) {
				return fleet.ErrName
			}
		}
		full := 0
		if err := t.scan(readerBucket, nil, func(_, _ []byte) error { full++; return nil }); err != nil {
			return err
		}
		if full >= fleet.MaxReaders {
			return fleet.ErrFull
		}
		t.put(readerNameBucket, []byte(r.Name), []byte(r.ID))
		t.put(readerCodeBucket, r.Code[:], []byte(r.ID))
		if err := t.putReader(nil, r); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// putReader keeps a reader, and when its record may go. before is the record that
// it takes the place of, nil for a new one.
func (t *tx) putReader(before *fleet.Reader, r fleet.Reader) error {
	if before != nil {
		t.delete(readerEndBucket, after(moment(before.End()), []byte(r.ID)))
	}
	t.put(readerEndBucket, after(moment(r.End()), []byte(r.ID)), nil)
	return t.putRecord(readerBucket, []byte(r.ID), r)
}

// release forgets name and code of a reader, where they are its own: a successor
// may have the name.
func (t *tx) release(r *fleet.Reader) {
	for bucket, key := range map[bucketID][]byte{readerNameBucket: []byte(r.Name), readerCodeBucket: r.Code[:]} {
		if string(t.get(bucket, key)) == r.ID {
			t.delete(bucket, key)
		}
	}
}

// reader reads one; fleet.ErrReader.
func (t *tx) reader(id []byte) (r fleet.Reader, err error) {
	known := false
	if len(id) > 0 {
		known, err = t.record(readerBucket, id, &r)
	}
	if err == nil && !known {
		err = fleet.ErrReader
	}
	return r, err
}

// ClaimReader implements fleet.Store.
func (s *Store) ClaimReader(ctx context.Context, code, key fleet.Digest, publicKey []byte, now time.Time, did func(id string) audit.Event) (out fleet.Reader, err error) {
	err = s.update(ctx, func(t *tx) error {
		id := t.get(readerCodeBucket, code[:])
		if id == nil {
			return fleet.ErrCode
		}
		before, err := t.reader(id)
		if err != nil {
			return err
		}
		switch {
		case before.State == fleet.Invited && before.CodeExpires.After(now):
		case (before.State == fleet.Asked || before.State == fleet.Enrolled) && before.Key == key:
			out = before
			return nil
		default:
			return fleet.ErrCode
		}
		out = before
		out.State, out.Key, out.PublicKey, out.Asked = fleet.Asked, key, publicKey, now
		if err := t.putReader(&before, out); err != nil {
			return err
		}
		return s.note(t, did(out.ID))
	})
	if err != nil {
		return fleet.Reader{}, err
	}
	return out, nil
}

// changeReader replaces one reader in one step; did is nil for what the record
// need not say.
func (s *Store) changeReader(ctx context.Context, id string, did *audit.Event, do func(*tx, *fleet.Reader) error) (out fleet.Reader, err error) {
	err = s.update(ctx, func(t *tx) error {
		before, err := t.reader([]byte(id))
		if err != nil {
			return err
		}
		out = before
		if err := do(t, &out); err != nil {
			return err
		}
		if err := t.putReader(&before, out); err != nil || did == nil {
			return err
		}
		return s.note(t, *did)
	})
	if err != nil {
		return fleet.Reader{}, err
	}
	return out, nil
}

// EnrolReader implements fleet.Store.
func (s *Store) EnrolReader(ctx context.Context, id string, key fleet.Digest, certificate, serial []byte, expires, now time.Time, did audit.Event) (fleet.Reader, error) {
	return s.changeReader(ctx, id, &did, func(_ *tx, r *fleet.Reader) error {
		if r.State != fleet.Asked || r.Key != key {
			return fleet.ErrState
		}
		r.State, r.Certificate, r.Serial, r.Expires, r.Approved = fleet.Enrolled, certificate, serial, expires, now
		return nil
	})
}

// RevokeReader implements fleet.Store.
func (s *Store) RevokeReader(ctx context.Context, id string, now time.Time, did audit.Event) (fleet.Reader, error) {
	return s.changeReader(ctx, id, &did, func(t *tx, r *fleet.Reader) error {
		if r.State == fleet.Revoked {
			return fleet.ErrState
		}
		r.State, r.Revoked = fleet.Revoked, now
		t.release(r)
		return nil
	})
}

// SeenReader implements fleet.Store.
func (s *Store) SeenReader(ctx context.Context, id string, bundle uint64, at time.Time) error {
	_, err := s.changeReader(ctx, id, nil, func(_ *tx, r *fleet.Reader) error {
		if r.State != fleet.Enrolled {
			return fleet.ErrState
		}
		if bundle >= r.Bundle && at.After(r.BundleSeen) {
			r.Bundle, r.BundleSeen = bundle, at
		}
		return nil
	})
	return err
}

// Reader implements fleet.Store.
func (s *Store) Reader(ctx context.Context, id string) (r fleet.Reader, err error) {
	err = s.view(ctx, func(t *tx) (err error) {
		r, err = t.reader([]byte(id))
		return err
	})
	if err != nil {
		return fleet.Reader{}, err
	}
	return r, nil
}

// Readers implements fleet.Store.
func (s *Store) Readers(ctx context.Context) (out []fleet.Reader, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(readerBucket, nil, func(_, value []byte) error {
			var r fleet.Reader
			if err := decode(value, &r); err != nil {
				return err
			}
			out = append(out, r)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b fleet.Reader) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// SweepReaders implements fleet.Store.
func (s *Store) SweepReaders(ctx context.Context, now time.Time, limit int) (int, error) {
	if any, err := s.anyDue(ctx, readerEndBucket, now); err != nil || !any || limit <= 0 {
		return 0, err // nothing to write: nobody is made to wait
	}
	removed := 0
	err := s.update(ctx, func(t *tx) error {
		keys, err := t.first(readerEndBucket, moment(now), limit)
		if err != nil {
			return err
		}
		for _, key := range keys {
			r, err := t.reader(key[8:])
			if err != nil {
				return err
			}
			t.release(&r)
			t.delete(readerBucket, key[8:])
			t.delete(readerEndBucket, key)
		}
		removed = len(keys)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
