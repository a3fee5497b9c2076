package memory

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

type list struct {
	status.List
	permutation *status.Permutation
}

// listID is the id of a list as a number; both have the same order.
type listID uint64

func (id listID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// known finds a list by its id.
func (s *Store) known(id string) (listID, bool) {
	n, err := strconv.ParseUint(id, 16, 64)
	return listID(n), err == nil && s.lists[listID(n)].ID == id
}

// allocate draws a list for each copy of a batch.
func (s *Store) allocate(in issuance.Intent) ([]place, error) {
	kind, uri := status.KindStatus, status.URI
	if in.Status == issuance.StatusIdentifier {
		kind, uri = status.KindIdentifier, status.IdentifierURI
	}
	var open []listID
	for _, id := range s.giving[kind] {
		l := s.lists[id]
		if l.URI == uri(s.opts.PublicURL, l.ID) && !l.Done(in.Recorded, s.opts.Rotate) && len(open) < s.opts.OpenLists {
			open = append(open, id)
			continue
		}
		s.closeList(id)
	}
	for _, created := range status.Openings(len(open), s.opts.OpenLists, in.Recorded, s.opts.Rotate) {
		id, err := s.newList(kind, uri, created)
		if err != nil {
			return nil, err
		}
		open = append(open, id)
	}
	lists := make([]status.List, len(open))
	for i, id := range open {
		lists[i] = s.lists[id].List
	}
	drawn, err := status.Draw(lists, in.Count, in.Recorded, s.opts.Rotate, s.opts.Rand)
	if err != nil {
		return nil, err
	}
	count := make([]int, len(open))
	for _, n := range drawn {
		count[n]++
	}
	given := make([][]place, len(open))
	for i := range open {
		if given[i], err = s.take(&open[i], count[i], kind, uri, in); err != nil {
			return nil, err
		}
	}
	put(s, s.giving, kind, open)
	places := make([]place, in.Count)
	for i, n := range drawn {
		places[i], given[n] = given[n][0], given[n][1:]
	}
	return places, nil
}

// take gives n indices of a list, or of one that is opened in its place.
func (s *Store) take(id *listID, n int, kind status.Kind, uri func(string, string) string, in issuance.Intent) ([]place, error) {
	for n > 0 {
		l := s.lists[*id]
		indices, next, ok := l.permutation.Take(uint32(l.Allocated), n)
		if ok && int(next)+l.Cover <= l.Capacity() {
			l.Allocated = int(next)
			if in.Expires.After(l.LastExpiry) {
				l.LastExpiry = in.Expires
			}
			put(s, s.lists, *id, l)
			s.count(*id, in.Expires, n)
			places := make([]place, n)
			for i, index := range indices {
				places[i] = place{*id, index}
			}
			return places, nil
		}
		if l.Allocated == 0 {
			return nil, errIntent
		}
		s.closeList(*id)
		var err error
		if *id, err = s.newList(kind, uri, in.Recorded); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *Store) closeList(id listID) {
	l := s.lists[id]
	l.Closed = true
	put(s, s.lists, id, l)
}

func (s *Store) newList(kind status.Kind, uri func(string, string) string, now time.Time) (listID, error) {
	seed := make([]byte, status.KeySize+8)
	if _, err := io.ReadFull(s.opts.Rand, seed); err != nil {
		return 0, fmt.Errorf("opening a status list: %w", err)
	}
	permutation, err := status.NewPermutation(seed[:status.KeySize])
	if err != nil {
		return 0, err
	}
	id := listID(binary.BigEndian.Uint64(seed[status.KeySize:]))
	put(s, s.lists, id, list{
		List:        status.List{ID: id.String(), URI: uri(s.opts.PublicURL, id.String()), Kind: kind, Key: seed[:status.KeySize], Version: 1, Created: now},
		permutation: permutation,
	})
	return id, nil
}

// Lists implements status.Store and bulk.Store.
func (s *Store) Lists(ctx context.Context) (lists []status.List, err error) {
	err = s.step(ctx, func() error {
		revoked, waiting := map[listID]int{}, map[listID]int{}
		for p := range s.flips {
			revoked[p.list]++
		}
		for _, w := range s.waits {
			waiting[w.list]++
		}
		for _, id := range slices.Sorted(maps.Keys(s.lists)) {
			l := s.lists[id].List
			l.Key, l.Revoked, l.Waiting = slices.Clone(l.Key), revoked[id]-waiting[id], waiting[id]
			lists = append(lists, l)
		}
		return nil
	})
	return lists, err
}

// Revoked implements status.Store.
func (s *Store) Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error) {
	err = s.step(ctx, func() error {
		n, known := s.known(id)
		if !known {
			return status.ErrListNotFound
		}
		for p, since := range s.flips {
			if p.list == n && since > 0 {
				indices = append(indices, p.index)
			}
		}
		slices.Sort(indices)
		version = s.lists[n].Version
		return nil
	})
	return indices, version, err
}

// Release implements status.Store.
func (s *Store) Release(ctx context.Context, now time.Time) (released []status.Released, err error) {
	err = s.step(ctx, func() error {
		byList := map[listID][]uint32{}
		left := make([]waiting, 0, len(s.waits))
		for _, w := range s.waits {
			if w.due <= now.UnixNano() {
				byList[w.list] = append(byList[w.list], w.index)
			} else {
				left = append(left, w)
			}
		}
		if len(byList) == 0 {
			return nil
		}
		assign(s, &s.waits, left)
		for _, id := range slices.Sorted(maps.Keys(byList)) {
			l := s.lists[id]
			l.Version++
			put(s, s.lists, id, l)
			slices.Sort(byList[id])
			for _, index := range byList[id] {
				put(s, s.flips, place{id, index}, l.Version)
			}
			released = append(released, status.Released{ID: l.ID, Version: l.Version, Indices: byList[id]})
		}
		s.settleAll()
		return nil
	})
	return released, err
}

func (s *Store) settleAll() {
	var unreleased []uint64
	for n, o := range s.open {
		if !o.released {
			unreleased = append(unreleased, n)
		}
	}
	slices.Sort(unreleased)
	for _, n := range unreleased {
		s.settleReleased(n)
	}
}

// count counts copies of a list that are alive, by when they expire.
func (s *Store) count(list listID, expires time.Time, n int) {
	at := expiring{list, expires.UnixNano()}
	if n += s.alive[at]; n > 0 {
		put(s, s.alive, at, n)
	} else {
		drop(s, s.alive, at)
	}
}

// PlanCover implements status.Store.
func (s *Store) PlanCover(ctx context.Context, c status.Cover) (planned int, err error) {
	err = s.step(ctx, func() error {
		if c.Window+1 <= s.counters["cover window"] {
			return nil
		}
		put(s, s.counters, "cover window", c.Window+1)
		have := 0
		for _, w := range s.waits {
			if w.due >= c.Begin.UnixNano() && w.due < c.End.UnixNano() {
				have++
			}
		}
		weights, sum := s.weights(c)
		for ; have < c.Total && sum > 0; have++ {
			n, err := rand.Int(s.opts.Rand, big.NewInt(int64(sum)))
			if err != nil {
				return fmt.Errorf("drawing a list: %w", err)
			}
			at := int(n.Int64())
			id := weights[slices.IndexFunc(weights, func(w weight) bool { at -= w.copies; return at < 0 })].list
			l := s.lists[id]
			p, free := s.noise(id, &l)
			if !free {
				continue
			}
			put(s, s.flips, p, 0)
			assign(s, &s.waits, append(s.waits, waiting{p, c.Due().UnixNano()}))
			put(s, s.lists, id, l)
			planned++
		}
		return nil
	})
	return planned, err
}

// noise takes the next index of a list for noise that is not INVALID already.
func (s *Store) noise(id listID, l *list) (p place, free bool) {
	for known := true; known; l.Cover++ {
		if l.Allocated+l.Cover >= l.Limit() {
			return p, false
		}
		p = place{id, l.permutation.Noise(uint32(l.Cover))}
		_, known = s.flips[p]
	}
	return p, true
}

// weight is how many copies of a list could be flipped yet.
type weight struct {
	list   listID
	copies int
}

// weights are those for the noise of a window, and their sum. Copies that
// expire before it are counted no longer.
func (s *Store) weights(c status.Cover) (weights []weight, sum int) {
	copies := map[listID]int{}
	for at, n := range s.alive {
		switch {
		case at.at <= c.Begin.UnixNano():
			drop(s, s.alive, at)
		case at.at > c.Alive.UnixNano():
			copies[at.list] += n
			sum += n
		}
	}
	for _, id := range slices.Sorted(maps.Keys(copies)) {
		weights = append(weights, weight{id, copies[id]})
	}
	return weights, sum
}

// MarkCovered implements status.Store.
func (s *Store) MarkCovered(ctx context.Context, published []status.Published, at time.Time) (covered int, err error) {
	err = s.step(ctx, func() error {
		out := map[string]uint64{}
		for _, p := range published {
			if id, known := s.known(p.ID); known {
				l := s.lists[id]
				out[l.URI] = max(out[l.URI], p.Version)
			}
		}
		retired := func(uri string) bool {
			for _, l := range s.lists {
				if l.URI == uri {
					return false
				}
			}
			return true
		}
		for _, n := range slices.Sorted(maps.Keys(s.open)) {
			o, waits := copyOutcome(s.outcomes[n]), s.open[n]
			missing := slices.ContainsFunc(o.Lists, func(v registry.ListVersion) bool { return out[v.URI] < v.Version && !retired(v.URI) })
			if !waits.released || missing && !waits.published {
				continue
			}
			if o.Until.After(at) {
				waits.published = true
				put(s, s.open, n, waits)
				continue
			}
			o.Covered = at
			put(s, s.outcomes, n, o)
			drop(s, s.open, n)
			s.row(n, at)
			covered++
		}
		return nil
	})
	return covered, err
}

// Retire implements status.Store.
func (s *Store) Retire(ctx context.Context, expiredBefore time.Time) (ids []string, err error) {
	err = s.step(ctx, func() error {
		for _, id := range slices.Sorted(maps.Keys(s.lists)) {
			if l := s.lists[id]; l.Closed && l.LastExpiry.Before(expiredBefore) {
				ids = append(ids, l.ID)
				drop(s, s.lists, id)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		for p := range s.flips {
			if _, there := s.lists[p.list]; !there {
				drop(s, s.flips, p)
			}
		}
		assign(s, &s.waits, slices.DeleteFunc(slices.Clone(s.waits), func(w waiting) bool { return !s.waitsFor(w.place) }))
		for at := range s.alive {
			if _, there := s.lists[at.list]; !there {
				drop(s, s.alive, at)
			}
		}
		s.settleAll()
		return nil
	})
	return ids, err
}
