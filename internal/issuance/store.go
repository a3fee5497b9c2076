package issuance

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"vidimus/internal/audit"
)

// Digest is the SHA-256 of a value that is remembered or looked up without
// being kept (an offer id, a nonce).
type Digest [32]byte

// Refusals of the store. A store returns them bare or wrapped; every other
// error means that the outcome is unknown, and the service answers Unavailable.
var (
	// ErrOfferNotFound: no offer has this id, or it has expired.
	ErrOfferNotFound = errors.New("offer not found")
	// ErrNonceUsed: a batch was recorded for this nonce before.
	ErrNonceUsed = errors.New("nonce already used")
	// ErrStale: the record changed since it was read; read it again.
	ErrStale = errors.New("record changed meanwhile")
	// ErrWalletRevoked: the wallet unit was revoked or reported lost.
	ErrWalletRevoked = errors.New("wallet unit is revoked")
	// ErrGrantVoid: the grant was given before a fact that ended all grants
	// for the document.
	ErrGrantVoid = errors.New("grant is void")
	// ErrStopped: an emergency stopped the signing key, the provider of the wallet
	// unit, or the registry whose facts these are.
	ErrStopped = errors.New("issuing is stopped")
	// ErrTokenSpent: the access token has drawn as many batches as it may.
	ErrTokenSpent = errors.New("access token spent")
	// ErrNotIntended: the batch is unknown, signed already, or burned.
	ErrNotIntended = errors.New("batch is not waiting for its signature")
	// ErrBatchNotFound: no signed batch has this id.
	ErrBatchNotFound = errors.New("batch not found")
	// ErrTransactionNotFound: no request waits under this id, or it was
	// answered, or it has expired.
	ErrTransactionNotFound = errors.New("transaction not found")
	// ErrListOlder: a newer list of that name was read before.
	ErrListOlder = errors.New("list is older than one that was read before")
	// ErrDecided: somebody decided otherwise before, or there is nothing to
	// decide.
	ErrDecided = errors.New("transaction was decided")
)

// OfferRecord is one credential offer for fetching by reference. The body is
// encrypted under a key derived from the id, and the id is kept as a digest
// only, so that a copy of the database gives no code away.
type OfferRecord struct {
	ID      Digest // SHA-256 of the 256-bit id in the URL; the key of the record
	Sealed  []byte // AES-256-GCM
	Expires time.Time
}

// State says how far a batch came.
type State string

// A batch is StateIntended when recorded; MarkSigned and MarkBurned move it,
// once, and nothing moves it back.
const (
	StateIntended State = "intended"
	StateSigned   State = "signed"
	StateBurned   State = "burned"
)

// Intent is what is about to be signed: one request of one wallet for Count
// copies of one document in one configuration.
type Intent struct {
	Batch         string // id, random, base64url of 16 bytes; the key of the record
	Person        string // person number
	Document      string // document number
	Configuration string // credential configuration id

	// Version is the version of the person's record that Records gave with
	// the claims. RecordIntent compares it with the present one.
	Version uint64

	// Nonce is consumed by RecordIntent; the memory of it may go once
	// NonceExpires is past. The zero Digest means that no nonce is in play.
	Nonce        Digest
	NonceExpires time.Time

	// TokenID names the access token, TokenBatches how many batches of this
	// configuration it may draw in all, TokenExpires when its count may be
	// forgotten.
	TokenID      string
	TokenBatches int
	TokenExpires time.Time

	// Granted is when the grant behind the token was given.
	Granted time.Time

	// Wallet is the wallet unit, "" when it has no name.
	Wallet Wallet

	// Transaction is the one that the batch answers, the zero Digest when
	// nobody waited: RecordIntent ends it, and neither nonce nor token count,
	// which Defer counted.
	Transaction Digest

	Count       int // number of copies, at least 1
	Status      StatusKind
	Issued      time.Time // as it will stand in the copies: rounded
	Expires     time.Time // as it will stand in the copies: rounded
	SignerKeyID string

	// Recorded is the instant of the service's clock, for the record and for
	// choosing the list.
	Recorded time.Time
}

// StatusKind says what stands in a copy to tell whether it was revoked.
type StatusKind string

// The kinds: none, an index in a status list, an identifier in an identifier
// list.
const (
	StatusNone       StatusKind = ""
	StatusList       StatusKind = "status-list"
	StatusIdentifier StatusKind = "identifier-list"
)

// Wallet is what is kept of the wallet unit that asked.
type Wallet struct {
	// Unit names it: opaque, the same for all requests of one unit to this
	// office, of no use to another office; "" when it has no name.
	Unit string `json:"unit,omitempty"`
	// Attestations are the status references of the attestations that it
	// showed, the latest first; a store keeps those of before too, up to
	// MaxAttestations, since copies hang on them. Expires is when the first
	// of what it showed last ends.
	Attestations []StatusIndex `json:"attestations,omitempty"`
	Expires      time.Time     `json:"expires,omitzero"`
}

// MaxAttestations is how many status references are kept of one wallet unit:
// the attestations of two years with one key attestation a month, and slack.
const MaxAttestations = 32

// MergeAttestations puts what a unit showed now before what it showed earlier.
func MergeAttestations(now, before []StatusIndex) []StatusIndex {
	if len(now)+len(before) == 0 {
		return nil
	}
	all := make([]StatusIndex, 0, min(len(now)+len(before), MaxAttestations))
	for _, list := range [][]StatusIndex{now, before} {
		for _, a := range list {
			// One that does not say whose it is adds nothing to one that does.
			same := func(o StatusIndex) bool {
				return o.List == a.List && o.Index == a.Index && bytes.Equal(o.Identifier, a.Identifier) && (a.Provider == "" || a.Provider == o.Provider)
			}
			if len(all) < MaxAttestations && !slices.ContainsFunc(all, same) {
				a.Identifier = bytes.Clone(a.Identifier)
				all = append(all, a)
			}
		}
	}
	return all
}

// Copy is all that is kept of one credential. No key of the wallet, no salt,
// no attribute value, no token and no exact time is in it.
type Copy struct {
	Batch         string
	Person        string
	Document      string
	Configuration string
	List          string // URI of the status list; "" when the copy has no status
	Index         uint64 // in that list
	Identifier    []byte // in an identifier list, else nil
	// Invalid: the copy was revoked; InvalidSince is the version of the list
	// that says so, 0 while that waits for its tick.
	Invalid      bool
	InvalidSince uint64
	Wallet       string // unit
	Issued       time.Time
	Expires      time.Time
	SignerKeyID  string
	State        State
}

// StatusIndex is one place in a published status list.
type StatusIndex struct {
	List  string // URI of the list, as it stands in the copy
	Index uint64
	// Identifier is what stands in the copy in the place of Index when the
	// list is an identifier list, else nil.
	Identifier []byte `json:",omitempty"`
	// Provider is the wallet provider whose attestation named the place
	// (authserver.Attester): nobody else's list tells its status. "" in copies
	// of ours, and in records of before that was kept.
	Provider string `json:",omitempty"`
}

// Event is a wallet's word about a batch (OpenID4VCI 1.0, section 11).
type Event struct {
	Batch    string
	Event    string // credential_accepted, credential_deleted or credential_failure
	Recorded time.Time
}

// Every method below is safe for concurrent use by goroutines and is one
// atomic, serialisable step. What a method that returned nil has written is
// durable. A method that returns an error of any kind has written nothing.
// Records are copied in and out.

// OfferStore keeps offers until they expire.
type OfferStore interface {
	// PutOffer inserts o; a repeat with the same ID returns nil and changes
	// nothing but Expires, of which the later stays: an offer that is made again
	// is good again.
	PutOffer(ctx context.Context, o OfferRecord) error

	// Offer reads an offer whose Expires is after now. ErrOfferNotFound. It
	// may be read more than once: a wallet may fetch again after a lost answer.
	Offer(ctx context.Context, id Digest, now time.Time) (OfferRecord, error)
}

// IntentStore records what will be and what was signed.
type IntentStore interface {
	// RecordIntent does all of this or nothing, in this order:
	//
	//  0. in.Transaction is not zero, and none waits under it whose Expires
	//     is after in.Recorded: ErrTransactionNotFound; else steps 1, 2 and 4
	//     do not concern it;
	//  1. in.Nonce was consumed before: ErrNonceUsed;
	//  2. the token has drawn in.TokenBatches batches of in.Configuration:
	//     ErrTokenSpent;
	//  3. the present version of the person's record is not in.Version, or
	//     there is none: ErrStale; in.Wallet.Unit is revoked: ErrWalletRevoked;
	//     grants for in.Document were made void at or after in.Granted:
	//     ErrGrantVoid; an emergency stopped what it stands on: ErrStopped;
	//  4. the nonce is consumed and the token's count goes up; or the
	//     transaction is forgotten, with all that it held;
	//  5. in.Status not none: in.Count indices are allocated, each in a list
	//     drawn from the several that are open (a new one is opened before a
	//     list is 95% full, which is then closed). An index is given out at
	//     most once in the life of the list, also across restarts and
	//     restores, is not to be foretold from those given out before, and no
	//     two of a batch are neighbours;
	//  6. the copies are written in StateIntended, so that a revocation of
	//     the document from here on reaches their indices;
	//  7. the event will is appended to the audit log.
	//
	// It returns in.Count indices in the order of the copies, or nil when
	// in.Status is none. Of any number of concurrent calls with one nonce, or
	// one transaction, at most one returns nil.
	RecordIntent(ctx context.Context, in Intent, will audit.Event) ([]StatusIndex, error)

	// MarkSigned moves every copy of a batch from StateIntended to
	// StateSigned and appends the event did. It is the gate before release:
	// of any number of calls for one batch, MarkBurned counted too, at most
	// one returns nil; the others ErrNotIntended. ErrStopped when its key was
	// stopped meanwhile.
	MarkSigned(ctx context.Context, batch string, did audit.Event) error

	// MarkBurned moves every copy of a batch from StateIntended to
	// StateBurned and appends the event. The indices stay allocated for ever.
	// ErrNotIntended.
	MarkBurned(ctx context.Context, batch string, did audit.Event) error
}

// EventStore keeps what wallets say about their batches.
type EventStore interface {
	// PutEvent records e unless the same Event of the same Batch is there, and
	// says whether it did; a repeat is no error. ErrBatchNotFound unless the
	// batch is StateSigned.
	PutEvent(ctx context.Context, e Event) (added bool, err error)

	// Events gives what was said about a batch, the first word first; none
	// for a batch that nobody knows.
	Events(ctx context.Context, batch string) ([]Event, error)
}

// WalletStore knows the wallet units.
type WalletStore interface {
	// Wallets walks over the units, in an order of the store's, from after
	// the one that next named ("" begins): it looks at limit of them and gives
	// those that may still get copies, have something that lives at now, and
	// showed attestations. next is "" at the end.
	Wallets(ctx context.Context, after string, now time.Time, limit int) (units []Wallet, next string, err error)
}

// ListMark says how far a signed list of somebody else was read.
type ListMark struct {
	List     Digest // names the list, and whose it must be; the key of the record
	Sequence uint64 // number of the list, 0 where lists have none
	Issued   time.Time
	Expires  time.Time // from when on it may be forgotten
}

// MarkStore remembers lists of others, so that what was taken back in one is not
// good again by an older one: neither after a restart.
type MarkStore interface {
	// AdvanceList puts m in the place of the mark of that list unless Sequence
	// or Issued of that is ahead: ErrListOlder. The later Expires stays. Of any
	// number of concurrent calls none returns nil after one that is ahead of it.
	AdvanceList(ctx context.Context, m ListMark) error
}

// Store is all that the service keeps. One implementation may also be an
// authserver.Store: SweepExpired means the same in both, for its own records
// here: offers, nonces, transactions and marks of lists whose Expires is not
// after now, counts of tokens likewise. Copies and their indices are not swept by it.
type Store interface {
	OfferStore
	IntentStore
	TransactionStore
	EventStore
	WalletStore
	MarkStore
	SweepExpired(ctx context.Context, now time.Time, limit int) (removed int, err error)
}
