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
	Token  string // as received: the source's signed word
	Digest Digest // of Token

	Seq  uint64  // of the source, from 1
	Prev *uint64 // expected version of the subject; nil when the source does not say

	// Person is the person number; "" when the event names its subject by
	// Document alone.
	Person string
	// Document is the number of the document that the event is about, or "".
	Document string

	Effective time.Time
	Accepted  time.Time
	Decision  string // the txn claim

	// Audit is appended in the same transaction when the event is accepted.
	Audit audit.Event
}

// Decide computes the new state; exists is false, and current has only its
// number, for a subject not heard of. It is pure, and may be called more than
// once or not at all. Its error refuses the event.
type Decide func(current document.Subject, exists bool) (document.Subject, document.Change, error)

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
	//     first is 1): *SeqError;
	//  3. the subject is rec.Person; when that is "", the person who has
	//     rec.Document: ErrSubjectNotFound when nobody has. When both are
	//     given and the document belongs to another person: ErrDocumentTaken;
	//  4. rec.Prev is not the version of the subject (0 when not heard of):
	//     *VersionError;
	//  5. decide is called: its error is returned;
	//  6. written: the event; the state, when change.Applied, and that the
	//     person has every document of it; for each document of change.Revoke
	//     the flip of the index of EVERY copy of it that was recorded and not
	//     burned, signed or only intended, each list's version growing once
	//     when a bit of it changed; the audit entry; the outcome, whose
	//     Copies counts those copies, those flipped earlier included, and
	//     whose Lists names their lists with the versions since which they
	//     are all revoked.
	ApplyEvents(ctx context.Context, apps []Application) []Result

	// Outcome reads what became of an accepted event. ErrOutcomeNotFound.
	Outcome(ctx context.Context, source, jti string) (Outcome, error)
}

// Records is what other rooms read of the state.
type Records interface {
	// Subject reads the present state of a person. ErrSubjectNotFound.
	Subject(ctx context.Context, person string) (document.Subject, error)
	// Holder gives the person number of a document. ErrSubjectNotFound.
	Holder(ctx context.Context, document string) (person string, err error)
}
