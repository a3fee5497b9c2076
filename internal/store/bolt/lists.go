package bolt

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// listValue is one list. Its flips are in a bucket of their own.
type listValue struct {
	ID      string    `json:"id"`
	URI     string    `json:"uri"`
	Version uint64    `json:"version"`
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"` // of status.Permutation
	// Next is the first free counter. It never goes back.
	Next    uint32 `json:"next"`
	Revoked int    `json:"revoked"`
}

var openListKey = []byte("open-list")

func flipKey(list string, index uint32) []byte {
	return binary.BigEndian.AppendUint32(pair(list, nil), index)
}

func (l listValue) indices(first uint32, count int) ([]uint32, error) {
	permutation, err := status.NewPermutation(l.Key)
	if err != nil {
		return nil, err
	}
	indices, _, ok := permutation.Take(first, count)
	if !ok {
		return nil, errors.New("batch beyond its status list")
	}
	return indices, nil
}

func (t *tx) list(id string) (listValue, error) {
	var l listValue
	known, err := t.record(listBucket, []byte(id), &l)
	if err == nil && !known {
		err = status.ErrListNotFound
	}
	return l, err
}

func (t *tx) indices(b batchValue) ([]uint32, error) {
	l, err := t.list(b.List)
	if err != nil {
		return nil, err
	}
	return l.indices(b.First, b.Count)
}

// allocate gives the indices of one batch, all in one list, and the counter
// from which they can be computed again.
func (s *Store) allocate(t *tx, in issuance.Intent) (listValue, uint32, []uint32, error) {
	if id := t.get(metaBucket, openListKey); id != nil {
		l, err := t.list(string(id))
		if err != nil {
			return listValue{}, 0, nil, err
		}
		if l.URI == status.URI(s.opts.PublicURL, l.ID) {
			first, indices, ok, err := t.take(&l, in.Count)
			if err != nil || ok {
				return l, first, indices, err
			}
		}
	}
	seed := make([]byte, status.KeySize+8)
	if _, err := io.ReadFull(s.opts.Rand, seed); err != nil {
		return listValue{}, 0, nil, fmt.Errorf("opening a status list: %w", err)
	}
	id := hex.EncodeToString(seed[status.KeySize:])
	l := listValue{ID: id, URI: status.URI(s.opts.PublicURL, id), Version: 1, Created: in.Recorded, Key: seed[:status.KeySize]}
	first, indices, ok, err := t.take(&l, in.Count)
	if err == nil && !ok {
		err = errIntent
	}
	if err != nil {
		return listValue{}, 0, nil, err
	}
	t.put(metaBucket, openListKey, []byte(id))
	return l, first, indices, nil
}

// take moves the counter of a list and writes it.
func (t *tx) take(l *listValue, count int) (first uint32, indices []uint32, ok bool, err error) {
	permutation, err := status.NewPermutation(l.Key)
	if err != nil {
		return 0, nil, false, err
	}
	indices, next, ok := permutation.Take(l.Next, count)
	if !ok {
		return 0, nil, false, nil
	}
	first, l.Next = l.Next, next
	return first, indices, true, t.putRecord(listBucket, []byte(l.ID), l)
}

// Lists implements status.Store.
func (s *Store) Lists(ctx context.Context) ([]status.List, error) {
	var lists []status.List
	err := s.view(ctx, func(t *tx) error {
		return t.scan(listBucket, nil, func(_, value []byte) error {
			var l listValue
			if err := decode(value, &l); err != nil {
				return err
			}
			lists = append(lists, status.List{
				ID: l.ID, URI: l.URI, Version: l.Version, Created: l.Created, Allocated: int(l.Next), Revoked: l.Revoked,
			})
			return nil
		})
	})
	return lists, err
}

// Revoked implements status.Store.
func (s *Store) Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error) {
	err = s.view(ctx, func(t *tx) error {
		l, err := t.list(id)
		if err != nil {
			return err
		}
		version, indices = l.Version, make([]uint32, 0, l.Revoked)
		prefix := pair(id, nil)
		return t.scan(flipBucket, prefix, func(key, _ []byte) error {
			indices = append(indices, binary.BigEndian.Uint32(key[len(prefix):]))
			return nil
		})
	})
	return indices, version, err
}

// MarkCovered implements status.Store.
func (s *Store) MarkCovered(ctx context.Context, published []status.Published, at time.Time) (int, error) {
	waiting := false
	err := s.view(ctx, func(t *tx) error {
		first, _ := t.below.Bucket([]byte(pendingBucket)).Cursor().First()
		waiting = first != nil
		return nil
	})
	if err != nil || !waiting {
		return 0, err // nothing to write: no fsync
	}
	covered := 0
	err = s.writer.update(ctx, func(t *tx) error {
		out := map[string]uint64{} // URI -> version
		for _, p := range published {
			if l, err := t.list(p.ID); err == nil {
				out[l.URI] = p.Version
			}
		}
		done := map[string]outcomeValue{}
		err := t.scan(pendingBucket, nil, func(id, _ []byte) error {
			var v outcomeValue
			if _, err := t.record(outcomeBucket, id, &v); err != nil {
				return err
			}
			if coveredBy(v.Outcome, out) {
				v.Outcome.Covered = at
				done[string(id)] = v
			}
			return nil
		})
		if err != nil {
			return err
		}
		for id, v := range done {
			t.delete(pendingBucket, []byte(id))
			if err := t.putRecord(outcomeBucket, []byte(id), v); err != nil {
				return err
			}
		}
		covered = len(done)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return covered, nil
}

func coveredBy(o registry.Outcome, published map[string]uint64) bool {
	for _, v := range o.Lists {
		if published[v.URI] < v.Version {
			return false
		}
	}
	return true
}
