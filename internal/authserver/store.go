package authserver

import (
	"context"
	"errors"
	"time"
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
)

// GrantRecord is one pre-authorized grant. All but AttemptsLeft, Used, Revoked
// and Token are fixed when it is created.
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
}

// TokenRecord is one access token.
type TokenRecord struct {
	Hash        Digest            // SHA-256 of the token as sent; the key of the record
	ID          string            // random, safe for logs and audit; never the token
	ClientID    string            // "" for an anonymous client
	Subject     string            // person number
	Documents   map[string]string // credential configuration id -> document number
	Identifiers map[string]string // credential identifier -> configuration id; nil unless authorization_details were asked for
	Thumbprint  string            // RFC 7638 of the DPoP key, base64url; "" for a bearer token
	Granted     time.Time         // when the grant behind it was given: its Created
	Issued      time.Time
	Expires     time.Time
}

// Store keeps grants, access tokens and values that may be used once.
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

	// RedeemPreAuthorizedCode exchanges a code for the access token t, once,
	// in this order and all in one step:
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
	//  5. Used is set, Token is set to t.Hash, t is inserted.
	//
	// So of any number of concurrent calls with one code at most one returns
	// nil, and at most as many as the grant had attempts reach step 4c.
	// It returns the grant as it is after the step, also beside ErrTxCode,
	// so that the caller can audit how many attempts are left.
	RedeemPreAuthorizedCode(ctx context.Context, code Digest, txCodeMAC []byte, now time.Time, t TokenRecord) (GrantRecord, error)

	// RevokeGrant marks the grant made under the caller's key as Revoked and
	// removes the access token that it gave, if any. A repeat changes nothing
	// and returns nil. ErrGrantNotFound.
	RevokeGrant(ctx context.Context, idempotencyKey string) error

	// Token reads one access token; it may have expired: the service looks at
	// Expires. ErrTokenNotFound.
	Token(ctx context.Context, hash Digest) (TokenRecord, error)

	// SeenJTI remembers a one-time value (a DPoP proof) at least until expires.
	// The first call for a value returns nil, every later one ErrReplay.
	// Losing the memory at a restart is not allowed.
	SeenJTI(ctx context.Context, value Digest, expires time.Time) error

	// SweepExpired removes what serves no more: access tokens and one-time
	// values whose Expires is not after now, grants whose Expires is more than
	// 24 hours before now (until then they answer a repeat of the caller's
	// key). It removes at most limit records in one transaction and says how
	// many; the service calls it again until it says less than limit.
	SweepExpired(ctx context.Context, now time.Time, limit int) (removed int, err error)
}
