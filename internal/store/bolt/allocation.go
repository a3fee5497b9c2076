package bolt

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

// fullList is the counter of a list of bits that has given out all it may: the
// rest is for noise, and so that no request meets a full list.
const fullList = status.ListSize / 100 * 95

func openListsKey(kind status.Kind) []byte { return []byte("open-lists-" + string(kind)) }

// openLists gives the numbers of the lists that give out indices.
func (t *tx) openLists(kind status.Kind) []uint32 {
	var open []uint32
	for b := t.get(metaBucket, openListsKey(kind)); len(b) >= 4; b = b[4:] {
		open = append(open, binary.BigEndian.Uint32(b))
	}
	return open
}

func (t *tx) putOpenLists(kind status.Kind, open []uint32) {
	b := make([]byte, 0, 4*len(open))
	for _, n := range open {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	t.put(metaBucket, openListsKey(kind), b)
}

func (t *tx) closeList(n uint32) error {
	c, err := t.counter(n)
	if err != nil {
		return err
	}
	c.closed = true
	t.putCounter(n, c)
	return nil
}

// span is a run of counters of one list, in the order of the copies that got
// them. Their indices are computed again from the list's key: counters whose
// index would stand beside another one of the span are passed over.
type span struct {
	list, first uint32
	count       int
}

// allocation is where the indices of the copies of a batch are.
type allocation struct {
	spans []span
	order []byte // for each copy, the span that it draws from
}

func kindOf(k issuance.StatusKind) status.Kind {
	if k == issuance.StatusIdentifier {
		return status.KindIdentifier
	}
	return status.KindStatus
}

// allocate draws a list for each copy and gives it the next index of that: the
// places are in the order of the copies.
func (s *Store) allocate(t *tx, in issuance.Intent) (allocation, []place, error) {
	kind := kindOf(in.Status)
	open, lists, err := s.refreshOpen(t, kind, in)
	if err != nil {
		return allocation{}, nil, err
	}
	drawn, err := status.Draw(lists, in.Count, in.Recorded, s.opts.Rotate, s.opts.Rand)
	if err != nil {
		return allocation{}, nil, err
	}
	counts := make([]int, len(open))
	for _, n := range drawn {
		counts[n]++
	}
	a := allocation{order: make([]byte, in.Count)}
	slot := make([]byte, len(open)) // list drawn from -> its span
	for n, count := range counts {
		if count > 0 {
			slot[n] = byte(len(a.spans))
			a.spans = append(a.spans, span{list: uint32(n), count: count})
		}
	}
	for i, n := range drawn {
		a.order[i] = slot[n]
	}
	places := make([][]place, len(a.spans))
	for i := range a.spans {
		if places[i], err = s.take(t, &a.spans[i], open, kind, in); err != nil {
			return allocation{}, nil, err
		}
	}
	all, err := inOrder(a.order, places)
	return a, all, err
}

// inOrder puts the places of spans into the order of the copies.
func inOrder(order []byte, spans [][]place) ([]place, error) {
	all := make([]place, len(order))
	for i, n := range order {
		if int(n) >= len(spans) || len(spans[n]) == 0 {
			return nil, fmt.Errorf("batch: %w", errRecord)
		}
		all[i], spans[n] = spans[n][0], spans[n][1:]
	}
	return all, nil
}

// take moves the counter of the list that a span draws from; a list that has
// not enough left is closed, and another one opened in its place.
func (s *Store) take(t *tx, sp *span, open []uint32, kind status.Kind, in issuance.Intent) ([]place, error) {
	slot := sp.list
	for {
		n := open[slot]
		l, err := s.list(t, n)
		if err != nil {
			return nil, err
		}
		c, err := t.counter(n)
		if err != nil {
			return nil, err
		}
		first := c.next
		if faults.Wrong("store.same-index") {
			first = 0
		}
		if indices, next, ok := l.permutation.Take(first, sp.count); ok && int(next+c.cover) <= l.as(c).Capacity() {
			sp.list, sp.first = n, first
			c.next = next
			if in.Expires.After(c.expiry) {
				c.expiry = in.Expires
			}
			t.putCounter(n, c)
			t.countExpiring(n, in, sp.count)
			return placesOf(l, indices), nil
		}
		if c.next == 0 {
			return nil, errIntent // more than a list takes
		}
		if err := t.closeList(n); err != nil {
			return nil, err
		}
		if open[slot], err = s.newList(t, kind, in.Recorded); err != nil {
			return nil, err
		}
		t.putOpenLists(kind, open)
	}
}

// countExpiring counts the copies of a list by when they expire, for noise.
func (t *tx) countExpiring(list uint32, in issuance.Intent, count int) {
	key := expiringKey(in.Expires, list)
	t.put(expiringBucket, key, number(toNumber(t.get(expiringBucket, key))+uint64(count)))
}

func expiringKey(expires time.Time, list uint32) []byte {
	return after(moment(expires), short(list))
}

// refreshOpen gives the open lists of a kind, as many as there shall be, and
// what a draw among them needs: those that are done, or that are published
// under another URL, are closed.
func (s *Store) refreshOpen(t *tx, kind status.Kind, in issuance.Intent) (open []uint32, lists []status.List, err error) {
	was := t.openLists(kind)
	for _, n := range was {
		l, err := s.list(t, n)
		if err != nil {
			return nil, nil, err
		}
		c, err := t.counter(n)
		if err != nil {
			return nil, nil, err
		}
		if l != nil && len(open) < s.opts.OpenLists && l.URI == s.uri(kind, l.ID) && !l.as(c).Done(in.Recorded, s.opts.Rotate) {
			open, lists = append(open, n), append(lists, l.as(c))
		} else if err := t.closeList(n); err != nil {
			return nil, nil, err
		}
	}
	for _, created := range status.Openings(len(open), s.opts.OpenLists, in.Recorded, s.opts.Rotate) {
		n, err := s.newList(t, kind, created)
		if err != nil {
			return nil, nil, err
		}
		open, lists = append(open, n), append(lists, status.List{Kind: kind, Created: created})
	}
	if !slices.Equal(was, open) {
		faults.Point("store.list-opened")
		t.putOpenLists(kind, open)
	}
	return open, lists, nil
}
