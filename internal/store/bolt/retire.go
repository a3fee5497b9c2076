package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"
)

// Retire implements status.Store. Flips that wait in such a list are released
// by it: nobody has a copy there any more.
func (s *Store) Retire(ctx context.Context, expiredBefore time.Time) ([]string, error) {
	var over []uint32
	collect := func(t *tx) error {
		over = nil
		return s.eachList(t, func(l *knownList, c counterValue) error {
			if c.closed && c.expiry.Before(expiredBefore) {
				over = append(over, l.number)
			}
			return nil
		})
	}
	if err := s.view(ctx, collect); err != nil || len(over) == 0 {
		return nil, err
	}
	var ids []string
	err := s.update(ctx, func(t *tx) error {
		if err := collect(t); err != nil {
			return err
		}
		var err error
		ids, err = s.retire(t, over)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (s *Store) retire(t *tx, over []uint32) (ids []string, err error) {
	var flips [][]byte
	progresses := map[uint64]*progress{}
	for _, n := range over {
		err := t.scan(flipBucket, short(n), func(key, value []byte) error {
			v, err := decodeFlip(value)
			if err != nil {
				return err
			}
			flips = append(flips, bytes.Clone(key))
			for _, event := range v.waiters {
				if progresses[event] == nil {
					progresses[event] = &progress{}
				}
				progresses[event].flips++
			}
			if v.version == 0 {
				t.delete(dueBucket, after(v.due, key))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	err = t.forgetExpiring(func(_ uint64, list uint32) bool { return slices.Contains(over, list) })
	if err != nil {
		return nil, err
	}
	for _, key := range flips {
		t.delete(flipBucket, key)
	}
	for _, n := range over {
		l, err := s.list(t, n)
		if err != nil {
			return nil, err
		}
		ids = append(ids, l.ID)
		t.delete(listBucket, short(n))
		t.delete(counterBucket, short(n))
		t.delete(listIDBucket, []byte(l.ID))
	}
	slices.Sort(ids)
	return ids, t.advanceOutcomes(progresses)
}

// forgetExpiring takes counts of copies by expiry away.
func (t *tx) forgetExpiring(over func(at uint64, list uint32) bool) error {
	var keys [][]byte
	err := t.scan(expiringBucket, nil, func(key, _ []byte) error {
		if over(toNumber(key[:8]), binary.BigEndian.Uint32(key[8:])) {
			keys = append(keys, bytes.Clone(key))
		}
		return nil
	})
	for _, key := range keys {
		t.delete(expiringBucket, key)
	}
	return err
}
