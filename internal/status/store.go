package status

import (
	"context"
	"errors"
	"time"
)

// ErrListNotFound: there is no list with this id.
var ErrListNotFound = errors.New("no such status list")

// List is one index space.
type List struct {
	ID  string // last segment of the URI: letters, digits, - and _
	URI string // as it stands in the copies
	// Version counts the changes of the bits, from 1.
	Version uint64
	Created time.Time
	// Allocated counts indices given out or passed over, Revoked those that
	// are INVALID.
	Allocated, Revoked int
}

// Published is a list as it can be fetched now.
type Published struct {
	ID      string
	Version uint64
}

// Store gives the bits to publish. Every method is safe for concurrent use
// and one atomic step; what a method that returned nil has written is durable.
type Store interface {
	// Lists gives every list, sorted by ID.
	Lists(ctx context.Context) ([]List, error)

	// Revoked gives the indices of a list that are INVALID, in rising order,
	// and the version of which that is the state. ErrListNotFound.
	Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error)

	// MarkCovered records that these lists could be fetched at an instant in
	// at least these versions. Every outcome of a registry event that waits
	// for lists and now finds each of them among published with its version
	// or a later one is covered at that instant; this happens once. It says
	// how many outcomes.
	MarkCovered(ctx context.Context, published []Published, at time.Time) (covered int, err error)
}

// URI is the address of a list below the public URL of the office.
func URI(publicURL, id string) string { return publicURL + "/status/" + id }
