package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// Errors. A bundle whose signer is not trusted matches a *pki.PathError instead.
var (
	// ErrMalformed is for bytes that are no bundle.
	ErrMalformed = errors.New("malformed bundle")
	// ErrSignature is for a bundle that its signer did not sign.
	ErrSignature = errors.New("bundle signature does not verify")
	// ErrReader is for a bundle that this reader is too old for.
	ErrReader = errors.New("bundle for a newer reader")
	// ErrClock is for a clock before the instant at which something was made: the
	// error is a *ClockError.
	ErrClock = errors.New("wrong clock")
	// ErrEnded is for a bundle past its end: nothing in it says any more that a
	// document is valid.
	ErrEnded = errors.New("bundle past its end")
	// ErrOlder is for a bundle that comes after a newer one, or that contradicts
	// the one at hand.
	ErrOlder = errors.New("bundle older than the one at hand")
	// ErrNotCarried is for a list that is not in the bundle.
	ErrNotCarried = errors.New("list not carried")
	// ErrListExpired is for a list past its own end, however new the bundle.
	ErrListExpired = errors.New("list past its exp")
)

// ClockError says that the clock of the reader is behind what it has proof of.
type ClockError struct {
	Clock time.Time // what it says
	Made  time.Time // when What was made
	What  string    // such as "the bundle"
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("the clock says %s, but %s was made at %s: set the clock of this device",
		e.Clock.UTC().Format(time.RFC3339), e.What, e.Made.UTC().Format(time.RFC3339))
}

// Is matches ErrClock.
func (e *ClockError) Is(target error) bool { return target == ErrClock }

// Bundle is a verified bundle. It is immutable and safe for concurrent use.
type Bundle struct {
	// Publisher names who made it: a text or an address of theirs.
	Publisher string
	// Sequence rises with every bundle of a publisher.
	Sequence uint64
	// Issued is when it was made, Expires when it ends.
	Issued, Expires time.Time
	// MinReader is the ReaderVersion that it needs.
	MinReader uint64
	// Countries are those that it was made for, upper-case letters of ISO 3166-1;
	// none means whatever the publisher knows.
	Countries []string
	// Signer is the path of its signer to what was pinned.
	Signer *pki.Path
	// Digest is SHA-256 over the file.
	Digest [sha256.Size]byte
	// Size is that of the file in bytes.
	Size int

	trust  *trust.Store
	crls   *pki.CRLs
	policy *policy.Policy // nil when there is none
	lists  []listEntry
	byURI  map[listKey]int
}

// Trust gives the anchors, each with what it may sign, where it comes from and as
// of when. Do not add to it.
func (b *Bundle) Trust() *trust.Store { return b.trust }

// CRLs gives the revocation lists, as written by the authorities.
func (b *Bundle) CRLs() *pki.CRLs { return b.crls }

// Policy gives the policy of the reader, nil when the bundle has none.
func (b *Bundle) Policy() *policy.Policy { return b.policy }

// PolicyName is by what a reader with this bundle judges, for its reports: the
// version of the policy, and the bundle that it came with.
func (b *Bundle) PolicyName() string {
	if b.policy == nil {
		return "built-in"
	}
	version := b.policy.Version
	if version == "" {
		version = "without a version"
	}
	return fmt.Sprintf("%s of bundle %d", version, b.Sequence)
}

// Ended says whether the bundle is past its end at an instant.
func (b *Bundle) Ended(now time.Time) bool { return !now.Before(b.Expires) }

// Source names the bundle for logs and reports.
func (b *Bundle) Source() string { return fmt.Sprintf("bundle %d of %s", b.Sequence, b.Publisher) }

// Carries says whether documents of a country were meant to be checked with this
// bundle.
func (b *Bundle) Carries(country string) bool {
	if len(b.Countries) == 0 {
		return true
	}
	for _, c := range b.Countries {
		if c == country {
			return true
		}
	}
	return false
}

// ListInfo is what a bundle says of a list without opening it.
type ListInfo struct {
	URI string
	// Format is the container; Identifiers says that it is an identifier list.
	Format      statuslist.Format
	Identifiers bool
	// Country is that of its signer, "" when it has none.
	Country string
	// Issued and Expires are its own iat and exp; Expires is zero when it has none.
	Issued, Expires time.Time
	// Bytes is the length of the token.
	Bytes int
}

// Lists gives what is carried, sorted by address and form.
func (b *Bundle) Lists() []ListInfo {
	out := make([]ListInfo, len(b.lists))
	for i := range b.lists {
		out[i] = b.lists[i].ListInfo
	}
	return out
}
