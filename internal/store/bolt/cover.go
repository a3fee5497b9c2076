package bolt

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"vidimus/internal/status"
)

// PlanCover implements status.Store.
func (s *Store) PlanCover(ctx context.Context, c status.Cover) (int, error) {
	planned := 0
	err := s.update(ctx, func(t *tx) error {
		planned = 0
		if last := t.get(metaBucket, coverWindowKey); last != nil && c.Window <= toNumber(last) {
			return nil
		}
		t.put(metaBucket, coverWindowKey, number(c.Window))
		real, err := t.dueWithin(moment(c.Begin), moment(c.End))
		if err != nil {
			return err
		}
		lists, total, err := s.aliveLists(t, moment(c.Alive))
		if err == nil {
			err = t.forgetExpiring(func(at uint64, _ uint32) bool { return at <= moment(c.Begin) })
		}
		if err != nil {
			return err
		}
		for n := real; n < c.Total && total > 0; n++ {
			l, err := s.pick(lists, total)
			if err != nil {
				return err
			}
			key, err := t.noise(l)
			if err != nil {
				return err
			}
			if key == nil {
				continue
			}
			v := flipValue{due: moment(c.Due())}
			t.put(flipBucket, key, v.encode())
			t.put(dueBucket, after(v.due, key), nil)
			l.waiting++
			t.putCounter(l.number, l.counterValue)
			planned++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return planned, nil
}

// noise takes the next index of a list for noise, nil when there is none left.
// Some are INVALID already where noise was published after the backup from which
// the office was restored: those are stepped over, since what was published stays.
func (t *tx) noise(l *aliveList) (key []byte, err error) {
	for known := true; known; l.cover++ {
		if list := l.as(l.counterValue); list.Allocated+list.Cover >= list.Limit() {
			return nil, nil
		}
		key = flipKey(l.number, l.permutation.Noise(l.cover))
		if _, known, err = t.flip(key); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// dueWithin counts the flips that are due from begin, and before end.
func (t *tx) dueWithin(begin, end uint64) (n int, err error) {
	until := number(end)
	err = t.scanFrom(dueBucket, nil, number(begin), func(key, _ []byte) error {
		if string(key[:8]) >= string(until) {
			return errEnough
		}
		n++
		return nil
	})
	return n, err
}

// aliveList is a list with copies among which a flip could be real.
type aliveList struct {
	*knownList
	counterValue
	alive uint64
}

// aliveLists gives the lists with copies that expire after an instant and were
// not flipped, and how many copies these are in all.
func (s *Store) aliveLists(t *tx, at uint64) (lists []*aliveList, total uint64, err error) {
	byNumber := map[uint32]uint64{}
	var order []uint32
	err = t.scan(expiringBucket, nil, func(key, value []byte) error {
		if toNumber(key[:8]) <= at {
			return nil
		}
		n := binary.BigEndian.Uint32(key[8:])
		if _, known := byNumber[n]; !known {
			order = append(order, n)
		}
		byNumber[n] += toNumber(value)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, n := range order {
		l, err := s.list(t, n)
		if err != nil {
			return nil, 0, err
		}
		if l == nil {
			continue
		}
		c, err := t.counter(n)
		if err != nil {
			return nil, 0, err
		}
		lists = append(lists, &aliveList{l, c, byNumber[n]})
		total += byNumber[n]
	}
	slices.SortFunc(lists, func(a, b *aliveList) int { return strings.Compare(a.ID, b.ID) })
	return lists, total, nil
}

// pick draws a list, each copy as likely as any other.
func (s *Store) pick(lists []*aliveList, total uint64) (*aliveList, error) {
	n, err := drawBelow(s.opts.Rand, total)
	if err != nil {
		return nil, fmt.Errorf("drawing a list: %w", err)
	}
	for _, l := range lists {
		if n < l.alive {
			return l, nil
		}
		n -= l.alive
	}
	return lists[len(lists)-1], nil
}

// drawBelow draws a number below n.
func drawBelow(random io.Reader, n uint64) (uint64, error) {
	drawn, err := rand.Int(random, new(big.Int).SetUint64(n))
	if err != nil {
		return 0, err
	}
	return drawn.Uint64(), nil
}
