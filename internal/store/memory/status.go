package memory

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// errIntent: the service sent an intent that cannot be meant.
var errIntent = errors.New("intent without a new batch id, a document or a count")

type list struct {
	status.List
	permutation *status.Permutation
	counter     uint32
	revoked     map[uint32]uint64 // index -> version of the list since when
}

// allocate gives the indices of one batch, all in one list.
func (s *Store) allocate(in issuance.Intent) (*list, []uint32, error) {
	if s.open != nil {
		if indices, next, ok := s.open.permutation.Take(s.open.counter, in.Count); ok {
			s.open.counter, s.open.Allocated = next, int(next)
			return s.open, indices, nil
		}
	}
	fresh, err := s.newList(in.Recorded)
	if err != nil {
		return nil, nil, err
	}
	indices, next, ok := fresh.permutation.Take(0, in.Count)
	if !ok {
		return nil, nil, errIntent
	}
	fresh.counter, fresh.Allocated = next, int(next)
	s.lists[fresh.ID], s.open = fresh, fresh
	return fresh, indices, nil
}

func (s *Store) newList(now time.Time) (*list, error) {
	seed := make([]byte, status.KeySize+8)
	if _, err := io.ReadFull(s.opts.Rand, seed); err != nil {
		return nil, fmt.Errorf("opening a status list: %w", err)
	}
	permutation, err := status.NewPermutation(seed[:status.KeySize])
	if err != nil {
		return nil, err
	}
	id := hex.EncodeToString(seed[status.KeySize:])
	return &list{
		List:        status.List{ID: id, URI: status.URI(s.opts.PublicURL, id), Version: 1, Created: now},
		permutation: permutation, revoked: map[uint32]uint64{},
	}, nil
}

// Lists implements status.Store.
func (s *Store) Lists(ctx context.Context) ([]status.List, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var lists []status.List
	for _, id := range slices.Sorted(maps.Keys(s.lists)) {
		l := s.lists[id].List
		l.Revoked = len(s.lists[id].revoked)
		lists = append(lists, l)
	}
	return lists, nil
}

// Revoked implements status.Store.
func (s *Store) Revoked(ctx context.Context, id string) ([]uint32, uint64, error) {
	if err := s.lock(ctx); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	l := s.lists[id]
	if l == nil {
		return nil, 0, status.ErrListNotFound
	}
	return slices.Sorted(maps.Keys(l.revoked)), l.Version, nil
}

// MarkCovered implements status.Store.
func (s *Store) MarkCovered(ctx context.Context, published []status.Published, at time.Time) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	out := map[string]uint64{}
	for _, p := range published {
		if l := s.lists[p.ID]; l != nil {
			out[l.URI] = p.Version
		}
	}
	covered := 0
	for id := range s.pending {
		o := &s.events[id].outcome
		if slices.ContainsFunc(o.Lists, func(v registry.ListVersion) bool { return out[v.URI] < v.Version }) {
			continue
		}
		o.Covered = at
		delete(s.pending, id)
		covered++
	}
	return covered, nil
}

// SweepExpired implements authserver.Store and issuance.Store.
func (s *Store) SweepExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	left := limit
	sweep(s.offers, &left, func(o issuance.OfferRecord) bool { return !o.Expires.After(now) })
	sweep(s.nonces, &left, func(e expiring) bool { return !e.until.After(now) })
	sweep(s.uses, &left, func(e *expiring) bool { return !e.until.After(now) })
	sweep(s.tokens, &left, func(t tokenRecord) bool { return !t.Expires.After(now) })
	sweep(s.seen, &left, func(e expiring) bool { return !e.until.After(now) })
	for hash, g := range s.grants {
		if left > 0 && g.Expires.Add(grantMemory).Before(now) {
			delete(s.grants, hash)
			delete(s.grantKeys, g.IdempotencyKey)
			left--
		}
	}
	return limit - left, nil
}

func sweep[K comparable, V any](m map[K]V, left *int, dead func(V) bool) {
	for k, v := range m {
		if *left > 0 && dead(v) {
			delete(m, k)
			*left--
		}
	}
}
