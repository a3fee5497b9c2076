package status_test

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vidimus/internal/status"
)

// simulation is a store of lists alone: it allocates, flips and makes noise as
// status.Store says, in memory, the same for the same seed.
type simulation struct {
	mu       sync.Mutex
	random   *rand.Rand
	bytes    io.Reader
	schedule status.Schedule
	shards   int
	rotate   time.Duration

	lists   map[string]*simulated
	open    []*simulated
	flips   flipHeap
	windows map[uint64]bool
	covered [][]status.Published
	asked   int // PlanCover
}

// simulated is one list.
type simulated struct {
	status.List
	permutation *status.Permutation
	next, noise uint32
	released    []uint32
	living      map[int64]int // copies that were not flipped, by the day on which they expire
}

// flip is an index that turns INVALID.
type flip struct {
	due  time.Time
	list *simulated
	at   uint32
}

// copyOf is a copy as it was issued.
type copyOf struct {
	list    *simulated
	at      uint32
	expires time.Time
}

type flipHeap []flip

func (h flipHeap) Len() int           { return len(h) }
func (h flipHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h flipHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *flipHeap) Push(x any)        { *h = append(*h, x.(flip)) }
func (h *flipHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func newSimulation(seed byte, schedule status.Schedule) *simulation {
	source := rand.NewChaCha8([32]byte(bytes.Repeat([]byte{seed}, 32)))
	return &simulation{
		random: rand.New(source), bytes: source, schedule: schedule, shards: 8, rotate: 90 * 24 * time.Hour,
		lists: map[string]*simulated{}, windows: map[uint64]bool{},
	}
}

// add opens a list.
func (s *simulation) add(now time.Time, kind status.Kind) *simulated {
	l := &simulated{List: status.List{ID: fmt.Sprintf("%04d", len(s.lists)), Kind: kind, Key: make([]byte, status.KeySize), Version: 1, Created: now}, living: map[int64]int{}}
	l.URI = status.URI(office, l.ID)
	if kind == status.KindIdentifier {
		l.URI = status.IdentifierURI(office, l.ID)
	}
	if _, err := io.ReadFull(s.bytes, l.Key); err != nil {
		panic(err)
	}
	var err error
	if l.permutation, err = status.NewPermutation(l.Key); err != nil {
		panic(err)
	}
	s.lists[l.ID], s.open = l, append(s.open, l)
	return l
}

// issue gives n copies, each in an open list drawn for it.
func (s *simulation) issue(now time.Time, n int, expires time.Time) []copyOf {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(l *simulated) bool {
		l.Closed = l.Closed || l.Done(now, s.rotate)
		return l.Closed
	})
	for _, created := range status.Openings(len(s.open), s.shards, now, s.rotate) {
		s.add(created, status.KindStatus)
	}
	open := make([]status.List, len(s.open))
	for i, l := range s.open {
		open[i] = l.List
	}
	drawn, err := status.Draw(open, n, now, s.rotate, s.bytes)
	if err != nil {
		panic(err)
	}
	copies := make([]copyOf, n)
	for i, at := range drawn {
		l := s.open[at]
		copies[i] = copyOf{l, l.permutation.Index(l.next), expires}
		l.next++
		l.Allocated++
		l.living[expires.Unix()/86400]++
		if expires.After(l.LastExpiry) {
			l.LastExpiry = expires
		}
	}
	return copies
}

// revoke flips copies, and gives those that were worth it.
func (s *simulation) revoke(now time.Time, copies []copyOf, urgent bool) []copyOf {
	s.mu.Lock()
	defer s.mu.Unlock()
	var flipped []copyOf
	for _, c := range copies {
		due, leave, err := s.schedule.Due(now, urgent, c.expires, s.bytes)
		if err != nil {
			panic(err)
		}
		if !leave {
			heap.Push(&s.flips, flip{due, c.list, c.at})
			c.list.living[c.expires.Unix()/86400]--
			flipped = append(flipped, c)
		}
	}
	return flipped
}

// drawer gives lists for noise flips, by their living copies.
func (s *simulation) drawer(alive time.Time) func() *simulated {
	ids := slices.Sorted(maps.Keys(s.lists))
	weights, sum := make([]int, len(ids)), 0
	for i, id := range ids {
		for day, n := range s.lists[id].living {
			if day > alive.Unix()/86400 {
				weights[i] += n
			}
		}
		sum += weights[i]
	}
	if sum == 0 {
		return func() *simulated { return s.open[s.random.IntN(len(s.open))] }
	}
	return func() *simulated {
		at := s.random.IntN(sum)
		for i, w := range weights {
			if at < w {
				return s.lists[ids[i]]
			}
			at -= w
		}
		panic("weights")
	}
}

func (s *simulation) Lists(context.Context) ([]status.List, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]status.List, 0, len(s.lists))
	for _, l := range s.lists {
		all = append(all, l.List)
	}
	slices.SortFunc(all, func(a, b status.List) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return all, nil
}

func (s *simulation) Revoked(_ context.Context, id string) ([]uint32, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[id]
	if l == nil {
		return nil, 0, status.ErrListNotFound
	}
	return slices.Sorted(slices.Values(l.released)), l.Version, nil
}

func (s *simulation) Release(_ context.Context, now time.Time) ([]status.Released, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := map[string]*status.Released{}
	for len(s.flips) > 0 && !s.flips[0].due.After(now) {
		f := heap.Pop(&s.flips).(flip)
		if due[f.list.ID] == nil {
			f.list.Version++
			due[f.list.ID] = &status.Released{ID: f.list.ID, Version: f.list.Version}
		}
		due[f.list.ID].Indices = append(due[f.list.ID].Indices, f.at)
		f.list.released = append(f.list.released, f.at)
		f.list.Revoked++
	}
	var out []status.Released
	for _, id := range slices.Sorted(maps.Keys(due)) {
		slices.Sort(due[id].Indices)
		out = append(out, *due[id])
	}
	return out, nil
}

func (s *simulation) PlanCover(_ context.Context, c status.Cover) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.windows[c.Window] || len(s.open) == 0 {
		return 0, nil
	}
	s.windows[c.Window] = true
	real := 0
	for _, f := range s.flips {
		if !f.due.Before(c.Begin) && f.due.Before(c.End) {
			real++
		}
	}
	draw := s.drawer(c.Alive)
	for range c.Total - real {
		l := draw()
		heap.Push(&s.flips, flip{c.Due(), l, l.permutation.Noise(l.noise)})
		l.noise++
		l.Cover++
	}
	return max(0, c.Total-real), nil
}

func (s *simulation) MarkCovered(_ context.Context, p []status.Published, _ time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.covered = append(s.covered, p)
	return 0, nil
}

func (s *simulation) Retire(_ context.Context, before time.Time) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, l := range s.lists {
		if l.Closed && l.LastExpiry.Before(before) {
			delete(s.lists, id)
			ids = append(ids, id)
		}
	}
	return ids, nil
}
