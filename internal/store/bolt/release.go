package bolt

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/status"
)

// Release implements status.Store. It walks over what is due and nothing else.
func (s *Store) Release(ctx context.Context, now time.Time) ([]status.Released, error) {
	if any, err := s.anyDue(ctx, dueBucket, now); err != nil || !any {
		return nil, err // nothing to write: nobody is made to wait
	}
	var released []status.Released
	err := s.update(ctx, func(t *tx) error {
		byList := map[uint32][]uint32{}
		err := t.scanUntil(dueBucket, moment(now), func(_ uint64, rest []byte) error {
			list := binary.BigEndian.Uint32(rest)
			byList[list] = append(byList[list], binary.BigEndian.Uint32(rest[4:]))
			return nil
		})
		if err == nil {
			released, err = s.release(t, byList)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return released, nil
}

// anyDue tells whether a bucket of instants has one that is not after now.
func (s *Store) anyDue(ctx context.Context, b bucketID, now time.Time) (any bool, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scanUntil(b, moment(now), func(uint64, []byte) error {
			any = true
			return errEnough
		})
	})
	return any, err
}

// progress is what a release does to one outcome.
type progress struct {
	flips    int
	versions []listVersion
}

// release makes waiting flips INVALID, in one new version of each list.
func (s *Store) release(t *tx, byList map[uint32][]uint32) ([]status.Released, error) {
	var released []status.Released
	progresses := map[uint64]*progress{}
	for _, list := range slices.Sorted(maps.Keys(byList)) {
		l, err := s.list(t, list)
		if err != nil {
			return nil, err
		}
		c, err := t.counter(list)
		if err != nil || l == nil {
			return nil, fmt.Errorf("%w: a flip without its list: %w", ErrDamaged, err)
		}
		c.version++
		r := status.Released{ID: l.ID, Version: c.version, Indices: byList[list]}
		slices.Sort(r.Indices)
		for _, index := range r.Indices {
			if err := t.releaseOne(list, index, c.version, progresses); err != nil {
				return nil, err
			}
		}
		c.waiting -= len(r.Indices)
		c.revoked += len(r.Indices)
		t.putCounter(list, c)
		released = append(released, r)
	}
	slices.SortFunc(released, func(a, b status.Released) int { return strings.Compare(a.ID, b.ID) })
	return released, t.advanceOutcomes(progresses)
}

func (t *tx) releaseOne(list, index uint32, version uint64, progresses map[uint64]*progress) error {
	key := flipKey(list, index)
	v, known, err := t.flip(key)
	if err != nil {
		return err
	}
	if !known || v.version > 0 {
		return fmt.Errorf("%w: what is due is not a flip that waits", ErrDamaged)
	}
	t.put(flipBucket, key, flipValue{version: version}.encode())
	t.delete(dueBucket, after(v.due, key))
	for _, event := range v.waiters {
		p := progresses[event]
		if p == nil {
			p = &progress{}
			progresses[event] = p
		}
		p.flips++
		if n := len(p.versions); n == 0 || p.versions[n-1].list != list {
			p.versions = append(p.versions, listVersion{list, version})
		}
	}
	return nil
}

// advanceOutcomes counts down what outcomes wait for. One that waits for no
// release any more gets its lists, and waits for publication.
func (t *tx) advanceOutcomes(progresses map[uint64]*progress) error {
	for _, event := range slices.Sorted(maps.Keys(progresses)) {
		v, open, err := t.open(event)
		if err != nil {
			return err
		}
		if !open {
			continue // retention took it
		}
		p := progresses[event]
		v.waiting = max(v.waiting-p.flips, 0)
		for _, l := range p.versions {
			at, known := slices.BinarySearchFunc(v.versions, l.list, func(a listVersion, list uint32) int { return int(a.list) - int(list) })
			if known {
				v.versions[at].version = max(v.versions[at].version, l.version)
			} else {
				v.versions = slices.Insert(v.versions, at, l)
			}
		}
		t.put(openBucket, number(event), v.encode())
		if v.waiting > 0 {
			continue
		}
		o, _, err := t.bareOutcome(event)
		if err != nil {
			return err
		}
		t.putOutcome(event, o, v.versions)
		t.queue(event, o, v.versions)
	}
	return nil
}

// MarkCovered implements status.Store. It looks at the outcomes of which all
// flips are released, and not at those that wait for a release.
func (s *Store) MarkCovered(ctx context.Context, published []status.Published, at time.Time) (int, error) {
	any, err := s.anyDue(ctx, untilBucket, at)
	if err == nil && !any {
		any, err = s.anyUnpublished(ctx)
	}
	if err != nil || !any {
		return 0, err // nothing to write: nobody is made to wait
	}
	covered := 0
	err = s.update(ctx, func(t *tx) error {
		covered = 0
		events, err := t.publishedOutcomes(published)
		if err != nil {
			return err
		}
		err = t.scanUntil(untilBucket, moment(at), func(_ uint64, event []byte) error {
			events = append(events, toNumber(event))
			return nil
		})
		if err != nil {
			return err
		}
		slices.Sort(events) // receipts in the order of the events
		for _, event := range events {
			done, err := t.cover(event, at)
			if err != nil {
				return err
			}
			if done {
				covered++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return covered, nil
}

func (s *Store) anyUnpublished(ctx context.Context) (any bool, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(unpublishedBucket, nil, func(_, _ []byte) error {
			any = true
			return errEnough
		})
	})
	return any, err
}

// publishedOutcomes gives those that waited for publication, and waited long
// enough.
func (t *tx) publishedOutcomes(published []status.Published) ([]uint64, error) {
	out := map[uint32]uint64{}
	for _, p := range published {
		n, err := t.listNumber(p.ID)
		if err == nil {
			out[n] = max(out[n], p.Version)
		}
	}
	var ready []uint64
	err := t.scan(unpublishedBucket, nil, func(key, _ []byte) error {
		event := toNumber(key)
		v, open, err := t.open(event)
		if err != nil {
			return err
		}
		for _, l := range v.versions {
			if out[l.list] < l.version && t.has(listBucket, short(l.list)) {
				return nil
			}
		}
		if open {
			ready = append(ready, event)
		}
		return nil
	})
	return ready, err
}

// cover covers an outcome that is published everywhere, unless some of its
// copies have still to expire.
func (t *tx) cover(event uint64, at time.Time) (bool, error) {
	o, lists, err := t.bareOutcome(event)
	if err != nil {
		return false, err
	}
	t.unqueue(event, o)
	if o.Until.After(at) {
		t.put(untilBucket, after(moment(o.Until), number(event)), nil)
		return false, nil
	}
	o.Covered = at
	t.close(event, o)
	t.putOutcome(event, o, lists)
	return true, t.putRow(at, o, lists)
}
