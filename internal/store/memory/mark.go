package memory

import (
	"context"

	"vidimus/internal/issuance"
)

// AdvanceList implements issuance.MarkStore.
func (s *Store) AdvanceList(ctx context.Context, m issuance.ListMark) error {
	return s.step(ctx, func() error {
		held := s.marks[m.List]
		if m.Sequence < held.Sequence || m.Issued.Before(held.Issued) {
			return issuance.ErrListOlder
		}
		if held.Expires.After(m.Expires) {
			m.Expires = held.Expires
		}
		put(s, s.marks, m.List, m)
		return nil
	})
}
