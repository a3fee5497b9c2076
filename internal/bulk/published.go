package bulk

import (
	"context"

	"vidimus/internal/issuance"
	"vidimus/internal/statuslist"
)

// Published gives lists as anybody can fetch them, their signatures verified.
type Published interface {
	// List gives the list of this URI.
	List(ctx context.Context, uri string) (PublishedList, error)
}

// PublishedList is one list as published.
type PublishedList interface {
	// Version is that of status.Published.
	Version() uint64
	// Invalid tells whether a copy is INVALID.
	Invalid(issuance.StatusIndex) bool
	// Count is how many entries are INVALID.
	Count() int
}

// Recorded is what the office says that is published: status.Store.
type Recorded interface {
	Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error)
}

// StatusList is a PublishedList of a Token Status List with 1 bit an entry.
func StatusList(list *statuslist.List, version uint64) PublishedList {
	return bits{list, version}
}

type bits struct {
	list    *statuslist.List
	version uint64
}

func (b bits) Version() uint64 { return b.version }

func (b bits) Invalid(at issuance.StatusIndex) bool {
	s, err := b.list.Get(at.Index)
	return err == nil && s == statuslist.Invalid
}

func (b bits) Count() int { return b.list.Count() }

// IdentifierList is a PublishedList of the identifiers in an identifier list.
func IdentifierList(identifiers [][]byte, version uint64) PublishedList {
	set := make(map[string]struct{}, len(identifiers))
	for _, id := range identifiers {
		set[string(id)] = struct{}{}
	}
	return names{set, version}
}

type names struct {
	set     map[string]struct{}
	version uint64
}

func (n names) Version() uint64 { return n.version }

func (n names) Invalid(at issuance.StatusIndex) bool {
	_, ok := n.set[string(at.Identifier)]
	return ok
}

func (n names) Count() int { return len(n.set) }
