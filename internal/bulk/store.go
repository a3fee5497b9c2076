package bulk

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

// ErrOtherImport: an import of this source under this id has another digest.
var ErrOtherImport = errors.New("import id used for another file")

// ErrStopped: an emergency stopped the source.
var ErrStopped = errors.New("the office stopped this source in an emergency: lift that first")

// Import is how far the loading of one file came.
type Import struct {
	Source string   `json:"source"`
	ID     string   `json:"id"`     // jti of its manifest
	Digest [32]byte `json:"digest"` // SHA-256 of the manifest
	// Blocks, of those that the manifest lists, are applied.
	Blocks int `json:"blocks"`
	// Applied counts records that became subjects; Known those whose subject
	// was there already and was left alone.
	Applied int       `json:"applied"`
	Known   int       `json:"known"`
	Begun   time.Time `json:"begun"`
	Done    time.Time `json:"done,omitzero"`
}

// Batch is one document's copies as they lie in lists, for a comparison with
// what is published.
type Batch struct {
	Document string
	State    issuance.State
	Expires  time.Time
	Copies   []issuance.StatusIndex
}

// Store is what loading and comparing need. Every method is one atomic step;
// what a method that returned nil has written is durable.
type Store interface {
	// BeginImport writes the record of an import, or gives the one that is
	// there. ErrOtherImport.
	BeginImport(ctx context.Context, in Import) (Import, error)

	// ImportBlock applies block number block (from 0) if in.Blocks is exactly
	// that: each subject whose number is not known becomes known at version 1,
	// with the documents that it has, and with the instant when time changes
	// it next; one that is known, or that has a document number of another
	// person, is left alone. One transaction holds all, the audit entry and
	// the new state of the import, which is returned. A block that was applied
	// before changes nothing. ErrStopped.
	ImportBlock(ctx context.Context, in Import, block int, last bool, subjects []document.Subject, did audit.Event) (Import, error)

	// EachSubject calls each for all subjects in the order of their numbers,
	// above after, until each returns an error or limit is reached. Each call
	// of EachSubject sees one state.
	EachSubject(ctx context.Context, after string, limit int, each func(document.Subject) error) error

	// Subjects gives the subjects of these numbers, nil where there is none.
	Subjects(ctx context.Context, persons []string) ([]*document.Subject, error)

	// Batches gives all copies of a document that were not burned.
	Batches(ctx context.Context, document string) ([]Batch, error)

	// Lists as status.Store.
	Lists(ctx context.Context) ([]status.List, error)
}
