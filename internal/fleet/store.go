package fleet

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/audit"
)

// Refusals of a Store.
var (
	// ErrCode: no invitation has this code, or it was used with another key, has
	// expired, or its reader was revoked.
	ErrCode = errors.New("no such invitation")
	// ErrReader: no reader has this id.
	ErrReader = errors.New("no such reader")
	// ErrName: another reader has this name.
	ErrName = errors.New("another reader has this name")
	// ErrState: the reader is not in the state for this.
	ErrState = errors.New("the reader is in another state")
	// ErrFull: there are MaxReaders.
	ErrFull = errors.New("the fleet is full")
)

// Digest is a SHA-256.
type Digest [32]byte

// State is how far a reader is.
type State string

// States of a reader, in their order.
const (
	Invited  State = "invited"  // it has a code
	Asked    State = "asked"    // it used the code; a human is to look
	Enrolled State = "enrolled" // it has a certificate
	Revoked  State = "revoked"  // its name is free again
)

// Reader is what is kept of one reader.
type Reader struct {
	ID           string
	Name         string // the common name of its certificate
	Organization string // who asks, as wallets show it
	State        State
	Code         Digest // of the invitation
	Invited      time.Time
	CodeExpires  time.Time
	// Key is the digest of the public key (SubjectPublicKeyInfo), PublicKey its
	// DER; zero while Invited.
	Key       Digest
	PublicKey []byte
	Asked     time.Time
	// Certificate is DER; nil until Enrolled.
	Certificate []byte
	Serial      []byte // big-endian
	Approved    time.Time
	Expires     time.Time // of the certificate
	Revoked     time.Time
	// Bundle is the sequence number of the bundle that it was last seen with, at
	// BundleSeen.
	Bundle     uint64
	BundleSeen time.Time
}

// Holds says whether the name is taken at an instant: not any more when the reader
// was revoked, its invitation was not used in time, or its certificate ends within
// RenewAhead, so that its successor can be invited.
func (r *Reader) Holds(now time.Time) bool {
	switch r.State {
	case Revoked:
		return false
	case Invited:
		return r.CodeExpires.After(now)
	case Enrolled:
		return r.Expires.Sub(now) > RenewAhead
	}
	return true
}

// End is when the record may be forgotten.
func (r *Reader) End() time.Time {
	switch {
	case r.Certificate != nil:
		return r.Expires.Add(kept)
	case r.State == Asked:
		return r.Asked.Add(waiting)
	case r.State == Revoked:
		return r.Revoked.Add(waiting)
	}
	return r.CodeExpires
}

// Store keeps the fleet. Every method is safe for concurrent use and is one
// atomic step; what a method that returned nil has written is durable, and one
// that returned an error has written nothing. Audit events are written in the
// same step.
type Store interface {
	// PutReader keeps a reader that is Invited. ErrName when another Holds its name
	// at r.Invited, ErrFull.
	PutReader(ctx context.Context, r Reader, did audit.Event) error
	// ClaimReader uses a code: of an invitation that has not expired at now the
	// reader becomes Asked with this key. A repeat with the same code and key gives
	// the reader as it is, at any time, and writes nothing. ErrCode for all else:
	// so of any number of keys one is taken.
	ClaimReader(ctx context.Context, code, key Digest, publicKey []byte, now time.Time, did func(id string) audit.Event) (Reader, error)
	// EnrolReader makes a reader that is Asked with this key Enrolled: certificate,
	// serial, end of the certificate. ErrReader, ErrState.
	EnrolReader(ctx context.Context, id string, key Digest, certificate, serial []byte, expires, now time.Time, did audit.Event) (Reader, error)
	// RevokeReader makes a reader Revoked, in whatever state it is. ErrReader;
	// ErrState when it is so already.
	RevokeReader(ctx context.Context, id string, now time.Time, did audit.Event) (Reader, error)
	// SeenReader notes the bundle of an Enrolled reader; a lower number than the
	// one that is kept, or an earlier time, changes nothing. ErrReader, ErrState.
	SeenReader(ctx context.Context, id string, bundle uint64, at time.Time) error
	// Reader reads one. ErrReader.
	Reader(ctx context.Context, id string) (Reader, error)
	// Readers gives all, by name and then by id.
	Readers(ctx context.Context) ([]Reader, error)
	// SweepReaders forgets readers whose End is not after now, at most limit, and
	// says how many.
	SweepReaders(ctx context.Context, now time.Time, limit int) (int, error)
}
