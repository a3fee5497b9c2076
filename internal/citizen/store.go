package citizen

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/audit"
)

// ErrCode: no revocation code has this digest, or it was used, replaced or has
// expired.
var ErrCode = errors.New("no such revocation code")

// Digest is the SHA-256 of a code.
type Digest [32]byte

// Code is what is kept of a revocation code.
type Code struct {
	Digest  Digest    // the key of the record
	Person  string    // number of who made it
	Unit    string    // the wallet unit that it revokes
	Expires time.Time // from then on it is none
}

// Store keeps revocation codes. Every method is safe for concurrent use and is
// one atomic step; what a method that returned nil has written is durable, and
// one that returned an error has written nothing. The audit event is written in
// the same step.
type Store interface {
	// PutCode keeps c, and forgets the one that was kept for the same person and
	// unit before.
	PutCode(ctx context.Context, c Code, did audit.Event) error
	// Code reads one that has not expired at now. ErrCode.
	Code(ctx context.Context, digest Digest, now time.Time) (Code, error)
	// EndCode forgets one. ErrCode when it is not there: so of any number of
	// concurrent calls one returns nil.
	EndCode(ctx context.Context, digest Digest, did audit.Event) error
	// SweepCodes forgets codes whose Expires is not after now, at most limit, and
	// says how many.
	SweepCodes(ctx context.Context, now time.Time, limit int) (int, error)
}
