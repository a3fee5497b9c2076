package bolt

import (
	"context"

	"vidimus/internal/issuance"
)

// AdvanceList implements issuance.MarkStore.
func (s *Store) AdvanceList(ctx context.Context, m issuance.ListMark) error {
	return s.update(ctx, func(t *tx) error {
		var held issuance.ListMark
		known, err := t.record(markBucket, m.List[:], &held)
		switch {
		case err != nil:
			return err
		case !known:
		case m.Sequence < held.Sequence || m.Issued.Before(held.Issued):
			return issuance.ErrListOlder
		case held.Expires.After(m.Expires):
			m.Expires = held.Expires
		}
		if known {
			t.delete(expiryBucket, after(moment(held.Expires), []byte{letters[markBucket]}, m.List[:]))
		}
		t.expire(m.Expires, markBucket, m.List[:])
		return t.putRecord(markBucket, m.List[:], m)
	})
}
