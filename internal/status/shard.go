package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/statuslist"
)

// ErrBackwards: the store would take back what was published. Its list stays
// as it was; the store was rolled back or damaged.
var ErrBackwards = errors.New("the store takes back what was published")

// shard is one list as it was published: never changed.
type shard struct {
	list    List
	bits    []byte           // as set, before compression
	indices []uint32         // of KindIdentifier alone, in the order of their release
	body    *statuslist.Body // nil for KindIdentifier
	objects []*Object        // JWT and CWT, or the identifier list
	issued  time.Time
}

// grown is the list with what a release has added, nothing signed yet; nil
// when it does not follow from s.
func (s *shard) grown(l List, r Released) *shard {
	if s == nil || r.ID == "" || r.Version != s.list.Version+1 || l.Version != r.Version || l.URI != s.list.URI {
		return nil
	}
	next := &shard{list: l, bits: bytes.Clone(s.bits), issued: s.issued}
	for _, i := range r.Indices {
		if i >= ListSize {
			return nil
		}
		next.bits[i/8] |= 1 << (i % 8)
	}
	if l.Kind == KindIdentifier {
		next.indices = slices.Concat(s.indices, r.Indices)
	}
	return next
}

// load reads a list as a whole.
func (p *Publisher) load(ctx context.Context, l List) (*shard, error) {
	indices, version, err := p.cfg.Store.Revoked(ctx, l.ID)
	if err != nil {
		return nil, err
	}
	l.Version = version // of the bits that were read, which may be newer
	s := &shard{list: l, bits: make([]byte, ListSize/8)}
	for _, i := range indices {
		if i >= ListSize {
			return nil, fmt.Errorf("index %d of a list of %d", i, ListSize)
		}
		s.bits[i/8] |= 1 << (i % 8)
	}
	if l.Kind == KindIdentifier {
		s.indices = indices
	}
	return s, nil
}

// follows compares with what was published before, by this process or by the
// one before it: nothing of a list is ever taken back.
func (p *Publisher) follows(s, before *shard) error {
	past, found := p.past[s.list.URI]
	if before != nil {
		past, found = Past{Version: before.list.Version, Bits: before.bits}, true
		if before.list.URI != s.list.URI || before.list.Kind != s.list.Kind {
			return fmt.Errorf("%w: a list has another address or kind than before", ErrBackwards)
		}
	}
	switch {
	case !found:
		return nil
	case s.list.Version < past.Version:
		return fmt.Errorf("%w: version %d after %d", ErrBackwards, s.list.Version, past.Version)
	case len(past.Bits) > 0 && len(past.Bits) != len(s.bits):
		return fmt.Errorf("%w: a list of %d bytes was one of %d", ErrBackwards, len(s.bits), len(past.Bits))
	case !covers(s.bits, past.Bits):
		return fmt.Errorf("%w: version %d lacks what version %d has as INVALID", ErrBackwards, s.list.Version, past.Version)
	case before == nil && len(past.Identifiers) > 0 && !s.lists(past.Identifiers):
		return fmt.Errorf("%w: version %d lacks identifiers of version %d", ErrBackwards, s.list.Version, past.Version)
	}
	return nil
}

// covers reports whether every bit of old is set in bits too: what was
// published as INVALID stays so.
func covers(bits, old []byte) bool {
	if len(bits) < len(old) {
		return false
	}
	for i := range old {
		if old[i]&^bits[i] != 0 {
			return false
		}
	}
	return true
}

// lists reports whether an identifier list has all of these.
func (s *shard) lists(identifiers [][]byte) bool {
	has := make(map[string]bool, len(s.indices))
	for _, id := range Identifiers(s.list.Key, s.indices) {
		has[string(id)] = true
	}
	return !slices.ContainsFunc(identifiers, func(id []byte) bool { return !has[string(id)] })
}

// object gives the form that is asked for, nil when there is none.
func (s *shard) object(mediaType string) *Object {
	for _, o := range s.objects {
		if o.MediaType == mediaType {
			return o
		}
	}
	return nil
}
