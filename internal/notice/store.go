package notice

import (
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
)

// State says how far a notice came.
type State string

// The states. Delivered and Undeliverable are final.
const (
	Waiting       State = "waiting"
	Delivered     State = "delivered"
	Undeliverable State = "undeliverable"
)

// Record is one notice to one person. It is written in the transaction of the
// change that it tells of.
type Record struct {
	Number uint64 // from 1, in the order of the changes
	Person string // person number
	Notice document.Notice
	// Created is when it was written; it is due 24 hours later.
	Created time.Time

	State    State
	Attempts int
	// Next is when to try again, while Waiting.
	Next time.Time
	// Settled is when it became Delivered or Undeliverable, Channel by what:
	// webhook or mail, Problem a word of a closed list for the last failure.
	Settled time.Time
	Channel string
	Problem string
}

// Store is the outbox of notices. Every method is one atomic step; what a
// method that returned nil has written is durable.
type Store interface {
	// DueNotices gives those Waiting whose Next is not after now, oldest
	// first, at most limit.
	DueNotices(ctx context.Context, now time.Time, limit int) ([]Record, error)
	// PutNotices replaces the records of these Numbers and appends the entries
	// that say so to the audit record, all or nothing: did[i], where it is there
	// and has an Action, is about records[i]. Of a record that is final nothing is
	// written.
	PutNotices(ctx context.Context, records []Record, did []audit.Event) error
	// Notices gives those of a person, newest first, at most limit.
	Notices(ctx context.Context, person string, limit int) ([]Record, error)
	// WaitingNotices counts, and gives the Created of the oldest, zero when
	// there is none.
	WaitingNotices(ctx context.Context) (n int, oldest time.Time, err error)
}
