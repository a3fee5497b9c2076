package bolt

import (
	"bytes"
	"context"
	"time"

	"vidimus/internal/authserver"
)

// letters name buckets in the keys of expiryBucket.
var letters = map[string]byte{
	offerBucket: 'o', nonceBucket: 'n', useBucket: 'u', grantBucket: 'g', tokenBucket: 't', seenBucket: 's',
}

var lettered = func() map[byte]string {
	m := map[byte]string{}
	for name, letter := range letters {
		m[letter] = name
	}
	return m
}()

// expire notes that a record may go at an instant. Instants are kept in whole
// seconds, rounded up: a record stays up to a second too long, never goes too
// soon.
func (t *tx) expire(at time.Time, bucket string, key []byte) {
	at = at.Add(time.Second - 1)
	t.put(expiryBucket, append(append(instant(at), letters[bucket]), key...), nil)
}

// SweepExpired implements authserver.Store and issuance.Store. It walks over
// what has expired, in the order of expiry, and over nothing else.
func (s *Store) SweepExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	removed := 0
	end := instant(now)
	err := s.writer.update(ctx, func(t *tx) error {
		removed = 0
		c := t.below.Bucket([]byte(expiryBucket)).Cursor()
		for key, _ := c.First(); key != nil && removed < limit; key, _ = c.Next() {
			if bytes.Compare(key[:len(end)], end) > 0 {
				break
			}
			bucket, id := lettered[key[len(end)]], bytes.Clone(key[len(end)+1:])
			if bucket == grantBucket {
				var g authserver.GrantRecord
				if _, err := t.record(bucket, id, &g); err != nil {
					return err
				}
				t.delete(keyBucket, []byte(g.IdempotencyKey))
			}
			t.delete(bucket, id)
			t.delete(expiryBucket, bytes.Clone(key))
			removed++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
