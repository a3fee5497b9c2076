package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/audit"
)

// Digest is the SHA-256 of a secret (a code, an access token) or of a value
// that must be remembered without being kept. Secrets never reach the store.
type Digest [32]byte

// Refusals of the store. A store returns them bare or wrapped; every other
// error means that the outcome is unknown, and the service answers Unavailable.
var (
	// ErrGrantNotFound: no grant has this digest.
	ErrGrantNotFound = errors.New("grant not found")
	// ErrGrantUsed: the code was redeemed before.
	ErrGrantUsed = errors.New("grant already used")
	// ErrGrantExpired: now is at or past Expires.
	ErrGrantExpired = errors.New("grant expired")
	// ErrGrantDead: revoked, or no attempt at the transaction code is left.
	ErrGrantDead = errors.New("grant dead")
	// ErrTxCode: the transaction code is wrong; the attempt is counted.
	ErrTxCode = errors.New("wrong transaction code")
	// ErrTokenNotFound: no access token has this digest (never issued,
	// revoked, or swept after it expired).
	ErrTokenNotFound = errors.New("access token not found")
	// ErrReplay: this one-time value was seen before.
	ErrReplay = errors.New("seen before")
	// ErrGrantVoid: a registry event ended every document that was asked for
	// since the grant was given.
	ErrGrantVoid = errors.New("grant void")
)

// ReplayError is an ErrReplay that says which value of a step it was.
type ReplayError struct{ Index int }

func (e *ReplayError) Error() string { return fmt.Sprintf("value %d: %v", e.Index, ErrReplay) }

// Is makes it match ErrReplay.
func (e *ReplayError) Is(target error) bool { return target == ErrReplay }

// GrantRecord is one pre-authorized grant. All but AttemptsLeft, Used, Revoked,
// Token and Refresh are fixed when it is created.
type GrantRecord struct {
	CodeHash       Digest            // SHA-256 of the pre-authorized code; the key of the record
	IdempotencyKey string            // of the caller who made the offer; unique, never empty
	Salt           []byte            // 32 random bytes from which the service derives the code again for the same caller's key
	ContentHash    Digest            // of what was asked for, to tell a repeat from another offer under the same key
	Subject        string            // person number
	Documents      map[string]string // credential configuration id -> document number
	TxCodeMAC      []byte            // HMAC-SHA256 of the transaction code, 32 bytes; nil when none is wanted
	Created        time.Time
	Expires        time.Time

	AttemptsLeft int    // at TxCodeMAC
	Used         bool   // redeemed
	Revoked      bool   // taken back by the office or the registry
	Token        Digest // of the access token that it gave, once Used
	Refresh      Digest `json:",omitzero"` // of the refresh token that it gave, once Used
}

// Store keeps pushed requests, grants, codes, tokens and values that may be used
// once.
//
// Steps that take values of once begin with them: when one of them was seen
// before the step is a *ReplayError with its place and writes nothing; else all
// are remembered, WHATEVER follows.
//
// Every method is safe for concurrent use by goroutines and is one atomic,
// serialisable step. What a method that returned nil has written is durable
// (it survives the end of the process). A method that returns one of the
// sentinels above has had exactly the effect that its comment says.
// Records are copied in and out: the caller may change what it holds.
type Store interface {
	// CreateGrant inserts g, unless a grant with the same IdempotencyKey is
	// there already: then nothing is written, the grant that is there is
	// returned and created is false.
	CreateGrant(ctx context.Context, g GrantRecord) (stored GrantRecord, created bool, err error)

	// Grant reads one grant, whatever its state. ErrGrantNotFound.
	Grant(ctx context.Context, code Digest) (GrantRecord, error)

	// RedeemPreAuthorizedCode exchanges a code for what is given, once, in this
	// order and all in one step (after the values of once):
	//
	//  1. no such grant: ErrGrantNotFound;
	//  2. Used: ErrGrantUsed; Revoked: ErrGrantDead;
	//  3. now is not before Expires: ErrGrantExpired;
	//  4. the grant has a TxCodeMAC:
	//     a. AttemptsLeft is 0: ErrGrantDead;
	//     b. AttemptsLeft is decremented, and that is kept (durably) WHATEVER
	//     follows, so that a guess in parallel or before a crash still counts;
	//     c. txCodeMAC is compared with hmac.Equal: different: ErrTxCode;
	//     the grant has none and txCodeMAC is not nil: ErrTxCode, nothing written;
	//  5. Used, Token and Refresh are set, what is given is inserted, and that
	//     it was is recorded (Given.Issued).
	//
	// So of any number of concurrent calls with one code at most one returns
	// nil, and at most as many as the grant had attempts reach step 4c.
	// It returns the grant as it is after the step, also beside ErrTxCode,
	// so that the caller can audit how many attempts are left.
	RedeemPreAuthorizedCode(ctx context.Context, code Digest, txCodeMAC []byte, now time.Time, once []Once, g Given) (GrantRecord, error)

	// RevokeGrant marks the grant made under the caller's key as Revoked and
	// ends what it gave, as RevokeIssued does. A repeat changes nothing and
	// returns nil. ErrGrantNotFound.
	RevokeGrant(ctx context.Context, idempotencyKey string, now time.Time) error

	// PutRequest keeps a pushed request, after the values of once.
	PutRequest(ctx context.Context, r RequestRecord, once []Once) error

	// Request reads one pushed request, whatever its state. ErrGrantNotFound.
	Request(ctx context.Context, uri Digest) (RequestRecord, error)

	// EndRequest uses a pushed request up, in one step:
	//
	//  1. no such request: ErrGrantNotFound;
	//  2. Used: ErrGrantUsed;
	//  3. now is not before Expires: ErrGrantExpired;
	//  4. Used is set, when code is not nil it is inserted, and did is recorded.
	EndRequest(ctx context.Context, uri Digest, now time.Time, code *CodeRecord, did audit.Event) error

	// AuthorizationCode reads one authorization code, whatever its state. ErrGrantNotFound.
	AuthorizationCode(ctx context.Context, code Digest) (CodeRecord, error)

	// RedeemCode exchanges an authorization code for what is given, in one step
	// (after the values of once):
	//
	//  1. no such code: ErrGrantNotFound;
	//  2. Used: what it gave is ended as by RevokeIssued, and that is kept:
	//     ErrGrantUsed;
	//  3. it is the grant of a RevokeIssued: ErrGrantDead;
	//  4. now is not before Expires: ErrGrantExpired;
	//  5. Used and Refresh are set, what is given is inserted, and that it was
	//     is recorded (Given.Issued).
	RedeemCode(ctx context.Context, code Digest, now time.Time, once []Once, g Given) error

	// RefreshToken reads one refresh token; it may have expired, and what it is
	// good for may be void: Refresh looks at that. ErrTokenNotFound (never
	// given, revoked, or swept).
	RefreshToken(ctx context.Context, hash Digest) (RefreshRecord, error)

	// Refresh adds the access token t to what a refresh token gave, in one step
	// (after the values of once):
	//
	//  1. no such refresh token: ErrTokenNotFound;
	//  2. now is not before its Expires: ErrGrantExpired;
	//  3. its Unit is a wallet unit that was revoked: the refresh token is
	//     removed, and that is kept: ErrGrantDead;
	//  4. documents that an event has voided at or after Granted (what issuance
	//     refuses as ErrGrantVoid) are gone, but for the numbers in waiting,
	//     whose Waited becomes now, and those that it voided at or before Waited;
	//     but gone in any case are those in document.Change.Ended since Granted:
	//     a. none of the refresh token's is left: it is removed, and that is
	//     kept: ErrGrantDead;
	//     b. none of t's is left: ErrGrantVoid;
	//     c. those gone leave t.Documents and t.Identifiers;
	//     d. of those that stay though they were voided, the latest Waited is
	//     t.Granted: what ended the grants is what the wallet waited for;
	//  5. t is inserted, what issued makes of it as it was inserted is
	//     recorded, and it is returned like that. issued may be called more
	//     than once.
	Refresh(ctx context.Context, hash Digest, now time.Time, once []Once, t TokenRecord, waiting []string, issued func(TokenRecord) audit.Event) (TokenRecord, error)

	// RevokeIssued ends what a grant gave: the refresh token is removed, every
	// access token with this Grant is not found from now on. The store
	// remembers that for RevocationMemory, longer than any of them lives. A
	// repeat changes nothing.
	RevokeIssued(ctx context.Context, grant, refresh Digest, now time.Time) error

	// Token reads one access token; it may have expired: the service looks at
	// Expires. ErrTokenNotFound, also when its Grant was revoked.
	Token(ctx context.Context, hash Digest) (TokenRecord, error)

	// SeenJTI remembers a one-time value (a DPoP proof) at least until expires.
	// The first call for a value returns nil, every later one ErrReplay.
	// Losing the memory at a restart is not allowed.
	SeenJTI(ctx context.Context, value Digest, expires time.Time) error

	// SweepExpired removes what serves no more: tokens, pushed requests and
	// one-time values whose Expires is not after now, grants and codes whose
	// Expires is more than 24 hours before now (until then they answer a repeat:
	// of the caller's key, of the code). A grant stays as long as the refresh
	// token that it gave, so that it can be revoked. It removes at most limit records in one transaction and says how
	// many; the service calls it again until it says less than limit.
	SweepExpired(ctx context.Context, now time.Time, limit int) (removed int, err error)
}
