package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/problem"
)

// Digest is the SHA-256 of a token as received.
type Digest [32]byte

// Refusals of the store. A store returns them bare or wrapped, beside
// *SeqError, *VersionError and whatever decide returned; every other error
// means that the outcome is unknown, and the source must ask again.
var (
	// ErrOtherToken: the source used this jti for another token.
	ErrOtherToken = errors.New("jti used for another token")
	// ErrOutcomeNotFound: no event of this source with this jti was accepted.
	ErrOutcomeNotFound = errors.New("no such event")
	// ErrSubjectNotFound: nobody has said anything about this person, or no
	// person has this document. It is a problem of kind not_found.
	ErrSubjectNotFound = problem.New(problem.NotFound, "no such subject")
	// ErrDocumentTaken: the document number belongs to another person.
	ErrDocumentTaken = errors.New("document number belongs to another person")
	// ErrForeignWallet: the wallet unit has copies, none of them of the person.
	ErrForeignWallet = errors.New("wallet unit of others")
	// ErrStopped: an emergency stopped the source.
	ErrStopped = errors.New("source is stopped")
)

// SeqError says that an event is not the next one of its source.
type SeqError struct {
	// Next is the number that is due, Got the one that came.
	Next, Got uint64
}

func (e *SeqError) Error() string { return fmt.Sprintf("event %d came, %d is due", e.Got, e.Next) }

// VersionError says that the subject is at another version than prev.
type VersionError struct{ Current, Prev uint64 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("subject is at version %d, not %d", e.Current, e.Prev)
}

// EventRecord is an accepted event as the store keeps it, and what the store
// needs to place it.
type EventRecord struct {
	Source string
	JTI    string
	Name   string // person-put
	Token  string // as received: the source's signed word; "" once retention took it
	Digest Digest // of Token

	Seq  uint64  // of the source, from 1
	Prev *uint64 // expected version of the subject; nil when the source does not say

	// Person is the person number; "" when the event names its subject by
	// Document or Wallet alone.
	Person string
	// Other is the second person of a merge or split, or "".
	Other string
	// Document is the number of the document that the event is about, or "".
	Document string
	// Wallet is the wallet unit that is the subject of wallet-unit-revoked,
	// else "".
	Wallet string

	Effective time.Time
	Accepted  time.Time
	Decision  string // the txn claim

	// Audit is appended in the same transaction when the event is accepted:
	// Audited.
	Audit audit.Event
}

// Audited is the audit entry of an event that people are about: one that named
// nobody but a document speaks of its holder, whom only the store knows.
func (r *EventRecord) Audited(people []string) audit.Event {
	e := r.Audit
	if r.Person == "" && len(people) > 0 {
		e.Person, e.Subject = people[0], ""
	}
	return e
}

// Decide computes the new states of the subjects: that of the event, then
// EventRecord.Other when there is one; none for an event about a wallet unit.
// A subject not heard of has only its number; the attributes of a person may
// be missing unless the event document.ConcernsAttributes. It is pure, and may be called
// more than once or not at all. Its error refuses the event.
type Decide func(subjects []document.Subject) ([]document.Subject, document.Change, error)

// Application is one event to be applied.
type Application struct {
	Record EventRecord
	Decide Decide
}

// Result is what became of one Application.
type Result struct {
	Outcome Outcome
	Err     error
}

// Advance computes what time alone does to a subject. It is pure.
type Advance func(document.Subject) (document.Subject, document.Change)

// Store keeps events, subjects and outcomes.
//
// Every method is safe for concurrent use by goroutines. What a method that
// returned nil has written is durable. Records are copied in and out.
type Store interface {
	// ApplyEvents applies events one after the other in the order given. Each
	// is one atomic, serialisable step of its own: the refusal of one leaves
	// no trace and does not touch the others. They may share a transaction.
	// It returns one Result per Application. A step, in this order:
	//
	//  1. the source used rec.JTI before: with the same Digest the stored
	//     outcome, Repeated set; with another ErrOtherToken;
	//  2. rec.Seq is not one more than the last accepted of the source (the
	//     first is 1): *SeqError; the source is stopped:
	//     ErrStopped;
	//  3. the subject is rec.Person; when that is "", the person who has
	//     rec.Document: ErrSubjectNotFound when nobody has. When both are
	//     given and the document belongs to another person: ErrDocumentTaken.
	//     rec.Wallet is a subject without a person, with a version of its own;
	//  4. rec.Prev is not the version of the subject (0 when not heard of):
	//     *VersionError;
	//  5. decide is called: its error is returned. A person's event may end a
	//     wallet unit (change.Wallets) that has no copies, or some of theirs:
	//     ErrForeignWallet;
	//  6. written: the event, and that it is in the history of each subject;
	//     the states, when change.Applied, that each person has every document
	//     of theirs (and, after a merge or split, that the other no longer
	//     has), and when time changes each next (Subject.Next); for each
	//     Revocation the flip of the index of EVERY copy that it names, that
	//     was recorded and not burned, signed or only intended; that grants
	//     for change.Void and copies for change.Wallets are refused from here
	//     on; the notices, but for those
	//     OfCopiesAlone when none is concerned; the audit entry; the outcome; its receipt row.
	//
	// A flip carries the instant at which it is due for publication: now when
	// urgent, else drawn by the Schedule that the store was opened with, which
	// may also leave alone a copy that expires before. Until its list is
	// released and published the outcome is not covered. A flip that another
	// event asked for before is not done twice, but made due at once when this
	// one is urgent, and this outcome waits for it too.
	ApplyEvents(ctx context.Context, apps []Application) []Result

	// ApplyDue lets advance do to each subject what is due (Subject.Next is
	// not after now), at most limit subjects, each one step as number 6 above,
	// with the audit entry that note makes of it. A flip belongs to the event
	// that is its Cause: the outcome of that event is opened again with the
	// subject's new version, and covered again later. It says how many
	// subjects were looked at.
	ApplyDue(ctx context.Context, now time.Time, limit int, advance Advance, note func(before, after document.Subject, c document.Change) audit.Event) (int, error)

	// Outcome reads what became of an accepted event. ErrOutcomeNotFound.
	Outcome(ctx context.Context, source, jti string) (Outcome, error)

	// LastSeq is the last accepted seq of a source, 0 before the first.
	LastSeq(ctx context.Context, source string) (uint64, error)

	// Receipts gives the receipt rows of a source whose number is above after,
	// in order, at most limit. Every change of State of an outcome has one
	// row, written in the transaction of the change.
	Receipts(ctx context.Context, source string, after uint64, limit int) ([]ReceiptRow, error)

	// Cursor reads the number that SetCursor kept under a name, 0 before.
	Cursor(ctx context.Context, name string) (uint64, error)
	SetCursor(ctx context.Context, name string, n uint64) error
}

// ReceiptRow is an outcome as it was at one change of its state.
type ReceiptRow struct {
	// Number counts the rows of the source, from 1, without a gap.
	Number  uint64
	At      time.Time // of the change
	Outcome Outcome
}

// Records is what other rooms read of the state.
type Records interface {
	// Subject reads the present state of a person. ErrSubjectNotFound.
	Subject(ctx context.Context, person string) (document.Subject, error)
	// Holder gives the person number of a document. ErrSubjectNotFound.
	Holder(ctx context.Context, document string) (person string, err error)
	// History gives the events of a person, of both after a merge, newest
	// first, at most limit, those before the one named by before (Source and
	// JTI), from the newest when it is zero.
	History(ctx context.Context, person string, before document.EventID, limit int) ([]EventRecord, error)
}
