package bolt

import (
	"cmp"
	"context"
	"slices"
	"time"

	"vidimus/internal/issuance"
)

// PutEvent implements issuance.EventStore.
func (s *Store) PutEvent(ctx context.Context, e issuance.Event) (added bool, err error) {
	err = s.update(ctx, func(t *tx) error {
		b, err := t.batchNamed(e.Batch)
		if err != nil {
			return err
		}
		if b == nil || b.State != issuance.StateSigned {
			return issuance.ErrBatchNotFound
		}
		key := pair(e.Batch, []byte(e.Event))
		if added = !t.has(saidBucket, key); added {
			t.put(saidBucket, key, instant(e.Recorded))
		}
		return nil
	})
	return added && err == nil, err
}

// Events implements issuance.EventStore.
func (s *Store) Events(ctx context.Context, batch string) ([]issuance.Event, error) {
	var events []issuance.Event
	err := s.view(ctx, func(t *tx) error {
		prefix := pair(batch, nil)
		return t.scan(saidBucket, prefix, func(key, value []byte) error {
			at := time.Unix(0, int64(toNumber(value))).UTC()
			events = append(events, issuance.Event{Batch: batch, Event: string(key[len(prefix):]), Recorded: at})
			return nil
		})
	})
	slices.SortStableFunc(events, func(a, b issuance.Event) int {
		return cmp.Or(a.Recorded.Compare(b.Recorded), cmp.Compare(a.Event, b.Event))
	})
	return events, err
}

// Wallets implements issuance.WalletStore.
func (s *Store) Wallets(ctx context.Context, from string, now time.Time, limit int) (units []issuance.Wallet, next string, err error) {
	err = s.view(ctx, func(t *tx) error {
		seen := 0
		return t.scanFrom(walletBucket, nil, pair(from, nil), func(key, value []byte) error {
			if seen == limit {
				return errEnough
			}
			seen++
			unit := string(key)
			if seen == limit {
				next = unit
			}
			v, err := decodeWallet(unit, value)
			if err == nil && v.revoked.IsZero() && v.end.After(now) && len(v.last.Attestations) > 0 {
				units = append(units, v.last)
			}
			return err
		})
	})
	return units, next, err
}
