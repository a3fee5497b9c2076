package bolt

import (
	"context"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
)

// letters name buckets in the keys of expiryBucket.
var letters = map[bucketID]byte{
	offerBucket: 'o', nonceBucket: 'n', useBucket: 'u', grantBucket: 'g', tokenBucket: 't', seenBucket: 's', transactionBucket: 'w',
	requestBucket: 'p', codeBucket: 'c', refreshBucket: 'r', revokedBucket: 'v',
	markBucket: 'm',
}

var lettered = func() map[byte]bucketID {
	m := map[byte]bucketID{}
	for name, letter := range letters {
		m[letter] = name
	}
	return m
}()

// expire notes that a record may go at an instant.
func (t *tx) expire(at time.Time, bucket bucketID, key []byte) {
	t.put(expiryBucket, after(moment(at), []byte{letters[bucket]}, key), nil)
}

// SweepExpired implements authserver.Store and issuance.Store. It walks over
// what has expired, in the order of expiry, and over nothing else.
func (s *Store) SweepExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if any, err := s.anyDue(ctx, expiryBucket, now); err != nil || !any || limit <= 0 {
		return 0, err // nothing to write: nobody is made to wait
	}
	removed := 0
	err := s.update(ctx, func(t *tx) error {
		keys, err := t.first(expiryBucket, moment(now), limit)
		if err != nil {
			return err
		}
		for _, key := range keys {
			bucket, id := lettered[key[8]], key[9:]
			if bucket == grantBucket {
				var g authserver.GrantRecord
				if _, err := t.record(bucket, id, &g); err != nil {
					return err
				}
				var r authserver.RefreshRecord
				alive, err := t.record(refreshBucket, g.Refresh[:], &r)
				if err != nil {
					return err
				}
				if alive && moment(r.Expires) > moment(now) {
					t.delete(expiryBucket, key)
					t.expire(r.Expires, grantBucket, id)
					continue
				}
				t.delete(keyBucket, []byte(g.IdempotencyKey))
			}
			if bucket == transactionBucket {
				if _, err := t.forgetTransaction(issuance.Digest(id)); err != nil {
					return err
				}
			}
			t.delete(bucket, id)
			t.delete(expiryBucket, key)
		}
		removed = len(keys)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// first gives the keys of a bucket of instants that are not after at, at most
// limit.
func (t *tx) first(b bucketID, at uint64, limit int) (keys [][]byte, err error) {
	err = t.scanUntil(b, at, func(moment uint64, rest []byte) error {
		if len(keys) == limit {
			return errEnough
		}
		keys = append(keys, after(moment, rest))
		return nil
	})
	return keys, err
}
