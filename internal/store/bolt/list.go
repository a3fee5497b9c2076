package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/status"
)

// listValue is what of a list never changes.
type listValue struct {
	ID      string      `json:"id"`
	URI     string      `json:"uri"`
	Kind    status.Kind `json:"kind"`
	Key     []byte      `json:"key"`
	Created time.Time   `json:"created"`
}

// counterValue is what of a list changes with every batch.
type counterValue struct {
	next    uint32 // first free counter of the permutation; it never goes back
	cover   uint32 // flips of indices from the end that were never given out
	version uint64
	revoked int
	waiting int
	closed  bool
	expiry  time.Time // of the copy that lives longest
}

func (c counterValue) encode() []byte {
	p := packer{b: make([]byte, 0, sealSize+32)}
	p.uint(uint64(c.next))
	p.uint(uint64(c.cover))
	p.uint(c.version)
	p.uint(uint64(c.revoked))
	p.uint(uint64(c.waiting))
	p.bool(c.closed)
	p.time(c.expiry)
	return p.b
}

func decodeCounter(b []byte) (c counterValue, err error) {
	u := unpacker{b: b}
	c.next, c.cover, c.version = uint32(u.uint()), uint32(u.uint()), u.uint()
	c.revoked, c.waiting = int(u.uint()), int(u.uint())
	c.closed, c.expiry = u.bool(), u.time()
	if err := u.end(); err != nil {
		return c, fmt.Errorf("counter: %w", err)
	}
	return c, nil
}

func (t *tx) counter(list uint32) (counterValue, error) {
	b := t.get(counterBucket, short(list))
	if b == nil {
		return counterValue{}, status.ErrListNotFound
	}
	return decodeCounter(b)
}

func (t *tx) putCounter(list uint32, c counterValue) { t.put(counterBucket, short(list), c.encode()) }

// knownList is a list as it was read once.
type knownList struct {
	listValue
	number      uint32
	permutation *status.Permutation
	raw         []byte // as it lies in the store
}

// as is the list as others know it, without its key.
func (l *knownList) as(c counterValue) status.List {
	return status.List{
		ID: l.ID, URI: l.URI, Kind: l.Kind, Version: c.version, Created: l.Created, Closed: c.closed, LastExpiry: c.expiry,
		Allocated: int(c.next), Cover: int(c.cover), Revoked: c.revoked, Waiting: c.waiting,
	}
}

// listCache keeps the permutations: to key one costs more than to ask it. An
// entry holds only for the very octets that it was made of, so that a step
// that was taken back leaves none behind.
type listCache struct {
	mu    sync.RWMutex
	known map[uint32]*knownList
}

// list reads a list; nil when it is retired.
func (s *Store) list(t *tx, n uint32) (*knownList, error) {
	raw := t.get(listBucket, short(n))
	s.lists.mu.RLock()
	l := s.lists.known[n]
	s.lists.mu.RUnlock()
	if l != nil && bytes.Equal(l.raw, raw) {
		return l, nil
	}
	if raw == nil {
		s.lists.mu.Lock()
		delete(s.lists.known, n)
		s.lists.mu.Unlock()
		return nil, nil
	}
	l = &knownList{number: n, raw: bytes.Clone(raw)}
	if err := decode(raw, &l.listValue); err != nil {
		return nil, err
	}
	var err error
	if l.permutation, err = status.NewPermutation(l.Key); err != nil {
		return nil, err
	}
	s.lists.mu.Lock()
	s.lists.known[n] = l
	s.lists.mu.Unlock()
	return l, nil
}

// listNumber finds a list by its id.
func (t *tx) listNumber(id string) (uint32, error) {
	b := t.get(listIDBucket, []byte(id))
	if id == "" || len(b) != 4 {
		return 0, status.ErrListNotFound
	}
	return binary.BigEndian.Uint32(b), nil
}

// newList opens a list and gives its number.
func (s *Store) newList(t *tx, kind status.Kind, now time.Time) (uint32, error) {
	seed := make([]byte, status.KeySize+8)
	if _, err := io.ReadFull(s.opts.Rand, seed); err != nil {
		return 0, fmt.Errorf("opening a status list: %w", err)
	}
	id := hex.EncodeToString(seed[status.KeySize:])
	return t.putList(listValue{ID: id, URI: s.uri(kind, id), Kind: kind, Created: now, Key: seed[:status.KeySize]}, counterValue{version: 1})
}

func (t *tx) putList(l listValue, c counterValue) (uint32, error) {
	n := uint32(t.nextNumber(listCountKey))
	t.put(listIDBucket, []byte(l.ID), short(n))
	t.put(listURIBucket, short(n), []byte(l.URI))
	t.putCounter(n, c)
	return n, t.putRecord(listBucket, short(n), l)
}

func (s *Store) uri(kind status.Kind, id string) string {
	if kind == status.KindIdentifier {
		return status.IdentifierURI(s.opts.PublicURL, id)
	}
	return status.URI(s.opts.PublicURL, id)
}

// eachList calls each for every list, in the order of their numbers.
func (s *Store) eachList(t *tx, each func(*knownList, counterValue) error) error {
	return t.scan(counterBucket, nil, func(key, value []byte) error {
		c, err := decodeCounter(value)
		if err != nil {
			return err
		}
		l, err := s.list(t, binary.BigEndian.Uint32(key))
		if err == nil && l == nil {
			err = fmt.Errorf("%w: a list is gone", ErrDamaged)
		}
		if err != nil {
			return err
		}
		return each(l, c)
	})
}

// Lists implements status.Store and bulk.Store.
func (s *Store) Lists(ctx context.Context) ([]status.List, error) {
	var lists []status.List
	err := s.view(ctx, func(t *tx) error {
		return s.eachList(t, func(l *knownList, c counterValue) error {
			list := l.as(c)
			list.Key = bytes.Clone(l.Key)
			lists = append(lists, list)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(lists, func(a, b status.List) int { return strings.Compare(a.ID, b.ID) })
	return lists, nil
}

// Revoked implements status.Store.
func (s *Store) Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error) {
	err = s.view(ctx, func(t *tx) error {
		n, err := t.listNumber(id)
		if err != nil {
			return err
		}
		c, err := t.counter(n)
		if err != nil {
			return err
		}
		version, indices = c.version, make([]uint32, 0, c.revoked)
		return t.scan(flipBucket, short(n), func(key, value []byte) error {
			if value[0] == flipReleased {
				indices = append(indices, binary.BigEndian.Uint32(key[4:]))
			}
			return nil
		})
	})
	if err != nil {
		return nil, 0, err
	}
	return indices, version, nil
}
