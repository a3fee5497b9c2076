package memory

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
	return s.step(ctx, func() error {
		if len(s.readers) >= fleet.MaxReaders {
			return fleet.ErrFull
		}
		for _, other := range s.readers {
			if other.Name == r.Name && other.Holds(r.Invited) {
				return fleet.ErrName
			}
		}
		put(s, s.readers, r.ID, copyReader(r))
		return s.note(did)
	})
}

// copyReader shares no memory with the caller.
func copyReader(r fleet.Reader) fleet.Reader {
	r.PublicKey, r.Certificate, r.Serial = slices.Clone(r.PublicKey), slices.Clone(r.Certificate), slices.Clone(r.Serial)
	return r
}

// ClaimReader implements fleet.Store.
func (s *Store) ClaimReader(ctx context.Context, code, key fleet.Digest, publicKey []byte, now time.Time, did func(id string) audit.Event) (out fleet.Reader, err error) {
	err = s.step(ctx, func() error {
		for id, r := range s.readers {
			switch {
			case r.Code != code || r.State == fleet.Revoked:
				continue
			case r.State != fleet.Invited && r.Key == key:
				out = copyReader(r)
				return nil
			case r.State != fleet.Invited || !r.CodeExpires.After(now):
				return fleet.ErrCode
			}
			r.State, r.Key, r.PublicKey, r.Asked = fleet.Asked, key, slices.Clone(publicKey), now
			put(s, s.readers, id, r)
			out = copyReader(r)
			return s.note(did(id))
		}
		return fleet.ErrCode
	})
	if err != nil {
		return fleet.Reader{}, err
	}
	return out, nil
}

// change replaces one reader within a step.
func (s *Store) change(ctx context.Context, id string, did *audit.Event, do func(*fleet.Reader) error) (out fleet.Reader, err error) {
	err = s.step(ctx, func() error {
		r, known := s.readers[id]
		if !known {
			return fleet.ErrReader
		}
		if err := do(&r); err != nil {
			return err
		}
		put(s, s.readers, id, r)
		out = copyReader(r)
		if did == nil {
			return nil
		}
		return s.note(*did)
	})
	if err != nil {
		return fleet.Reader{}, err
	}
	return out, nil
}

// EnrolReader implements fleet.Store.
func (s *Store) EnrolReader(ctx context.Context, id string, key fleet.Digest, certificate, serial []byte, expires, now time.Time, did audit.Event) (fleet.Reader, error) {
	return s.change(ctx, id, &did, func(r *fleet.Reader) error {
		if r.State != fleet.Asked || r.Key != key {
			return fleet.ErrState
		}
		r.State, r.Certificate, r.Serial, r.Expires, r.Approved = fleet.Enrolled, slices.Clone(certificate), slices.Clone(serial), expires, now
		return nil
	})
}

// RevokeReader implements fleet.Store.
func (s *Store) RevokeReader(ctx context.Context, id string, now time.Time, did audit.Event) (fleet.Reader, error) {
	return s.change(ctx, id, &did, func(r *fleet.Reader) error {
		if r.State == fleet.Revoked {
			return fleet.ErrState
		}
		r.State, r.Revoked = fleet.Revoked, now
		return nil
	})
}

// SeenReader implements fleet.Store.
func (s *Store) SeenReader(ctx context.Context, id string, bundle uint64, at time.Time) error {
	_, err := s.change(ctx, id, nil, func(r *fleet.Reader) error {
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
func (s *Store) Reader(ctx context.Context, id string) (out fleet.Reader, err error) {
	err = s.step(ctx, func() error {
		r, known := s.readers[id]
		if !known {
			return fleet.ErrReader
		}
		out = copyReader(r)
		return nil
	})
	return out, err
}

// Readers implements fleet.Store.
func (s *Store) Readers(ctx context.Context) (out []fleet.Reader, err error) {
	err = s.step(ctx, func() error {
		for _, r := range s.readers {
			out = append(out, copyReader(r))
		}
		return nil
	})
	slices.SortFunc(out, func(a, b fleet.Reader) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, err
}

// SweepReaders implements fleet.Store.
func (s *Store) SweepReaders(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.step(ctx, func() error {
		for id, r := range s.readers {
			if removed < limit && !r.End().After(now) {
				drop(s, s.readers, id)
				removed++
			}
		}
		return nil
	})
	return removed, err
}
