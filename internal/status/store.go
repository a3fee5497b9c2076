package status

import (
	"context"
	"errors"
	"time"
)

// ErrListNotFound: there is no list with this id.
var ErrListNotFound = errors.New("no such status list")

// Kind says what is published of an index space.
type Kind string

// The kinds. KindStatus has 1 bit an entry, as JWT and CWT (Token Status
// List). KindIdentifier lists the identifiers of the revoked entries, as CWT
// (ISO/IEC 18013-5 second edition, 12.3.6.4): Identifier makes them of an
// index.
const (
	KindStatus     Kind = "status"
	KindIdentifier Kind = "identifier"
)

// List is one index space, a shard.
type List struct {
	ID   string // last segment of the URI: letters, digits, - and _
	URI  string // as it stands in the copies
	Kind Kind
	// Key is that of the Permutation and of Identifier.
	Key []byte
	// Version counts the released changes of the bits, from 1. It never goes
	// back, not even when a backup is restored.
	Version uint64
	// Created is from when its time counts: the first lists of an office are
	// as if they had followed each other (Openings).
	Created time.Time
	// Closed lists give out no more indices.
	Closed bool
	// LastExpiry is that of the copy that lives longest; zero without copies.
	LastExpiry time.Time
	// Allocated counts indices given out or passed over, Cover those that
	// were flipped as noise and never given out, Revoked those that are
	// INVALID, Waiting flips that are not released yet.
	Allocated, Cover, Revoked, Waiting int
}

// Published is a list as it can be fetched now.
type Published struct {
	ID      string
	Version uint64
}

// Released is what one release did to a list.
type Released struct {
	ID      string
	Version uint64   // after it
	Indices []uint32 // that turned INVALID with this version
}

// Cover is a plan for the noise of one window: flips of indices that were
// never given out.
type Cover struct {
	// Window numbers the windows since 1970; a window is planned once, a
	// repeat changes nothing.
	Window     uint64
	Begin, End time.Time
	// Total is how many flips, real and noise, the window shall have in all
	// at least; what real flips fall short of it is made up with noise in
	// lists chosen at random (Alive).
	Total int
	// Alive is the instant after which a copy expires that a real flip of this
	// window could concern. Noise goes to lists, open or closed, by the number
	// of their copies that expire later and were not flipped: only then does a
	// flip tell nothing of whether it is real.
	Alive time.Time
	// Due draws an instant within the window.
	Due func() time.Time
}

// Store gives the bits to publish. Every method is safe for concurrent use
// and one atomic step; what a method that returned nil has written is durable.
type Store interface {
	// Lists gives every list, sorted by ID.
	Lists(ctx context.Context) ([]List, error)

	// Revoked gives the indices of a list that were released as INVALID, in
	// rising order, and the version of which that is the state.
	// ErrListNotFound.
	Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error)

	// Release turns the flips whose due instant is not after now into
	// published state: each list concerned gets one new version. From then on
	// Revoked has them. The cost grows with what is due, not with what was.
	Release(ctx context.Context, now time.Time) ([]Released, error)

	// PlanCover adds noise and says how much.
	PlanCover(ctx context.Context, c Cover) (int, error)

	// MarkCovered records that these lists could be fetched at an instant in
	// at least these versions. Every outcome of a registry event of which all
	// flips are released in versions published by now, and whose Until is not
	// after at, is covered at that instant; this happens once per opening of
	// the outcome. It says how many outcomes.
	MarkCovered(ctx context.Context, published []Published, at time.Time) (covered int, err error)

	// Retire forgets lists that are closed and whose LastExpiry is before
	// expiredBefore, with their flips and keys, and says which.
	Retire(ctx context.Context, expiredBefore time.Time) (ids []string, err error)
}

// IdentifierURI is the address of a list of KindIdentifier.
func IdentifierURI(publicURL, id string) string { return publicURL + "/identifiers/" + id }

// URI is the address of a list of KindStatus below the public URL of the office.
func URI(publicURL, id string) string { return publicURL + "/status/" + id }
