package audit

import (
	"context"
	"errors"
)

// Refusals of a TreeStore, bare or wrapped.
var (
	// ErrTreeSize: the tree does not have the size that the caller names.
	ErrTreeSize = errors.New("the tree has another size")
	// ErrNoHash: the tree has no hash at this index.
	ErrNoHash = errors.New("no such hash in the tree")
	// ErrCheckpointSize: a later checkpoint is there already.
	ErrCheckpointSize = errors.New("a checkpoint of this size or a larger one is kept already")
)

// TreeStore is what a store offers so that the tree over its record can be
// kept. The hashes of the tree are numbered as in golang.org/x/mod/sumdb/tlog:
// StoredHashIndex and StoredHashCount. Every method is one atomic step; what a
// method that returned nil has written is durable.
type TreeStore interface {
	// AuditSize gives the number of lines of the record, and its end: the head
	// has the same number as Seq.
	AuditSize(ctx context.Context) (lines uint64, head Head, err error)

	// AuditLines calls each for at most limit lines from the one with the
	// sequence number from (the first line has 1), in order. line is valid
	// during the call only. An error of each ends it and is returned.
	AuditLines(ctx context.Context, from uint64, limit int, each func(seq uint64, line []byte) error) error

	// TreeSize is the number of lines that are in the tree.
	TreeSize(ctx context.Context) (lines uint64, err error)

	// TreeHashes reads stored hashes, in the order of indexes. ErrNoHash.
	TreeHashes(ctx context.Context, indexes []int64) ([][32]byte, error)

	// GrowTree appends hashes at index StoredHashCount(from) and makes to the
	// size of the tree. ErrTreeSize when the size is not from.
	GrowTree(ctx context.Context, from, to uint64, hashes [][32]byte) error

	// PutCheckpoint keeps a signed checkpoint over the first size lines, the
	// last of its size. ErrCheckpointSize when one of this size or a larger
	// one is there.
	PutCheckpoint(ctx context.Context, size uint64, token string) error

	// LastCheckpoint gives the largest, or zeros.
	LastCheckpoint(ctx context.Context) (size uint64, token string, err error)
}
