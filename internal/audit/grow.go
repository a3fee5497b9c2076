package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"vidimus/internal/faults"
)

// growStep lines come into the tree in one step of the store: 64 KiB of
// hashes.
const growStep = 1024

// grow takes the lines that are not in the tree yet into it, and gives the
// root over all of them.
func (t *Tree) grow(ctx context.Context, lines uint64, head Head) (tlog.Hash, error) {
	size, err := t.cfg.Store.TreeSize(ctx)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("reading the tree of the audit record: %w", err)
	}
	if size > lines {
		return tlog.Hash{}, fmt.Errorf("%w: there are %d, the tree has %d", ErrTruncated, lines, size)
	}
	edge, err := readFrontier(int64(size), t.reader(ctx))
	if err != nil {
		return tlog.Hash{}, err
	}
	at, err := t.headAt(ctx, size)
	if err != nil {
		return tlog.Hash{}, err
	}
	var want []byte // how the next line must begin
	for at.Seq < lines {
		from := at.Seq
		var hashes [][32]byte
		err := t.cfg.Store.AuditLines(ctx, from+1, int(min(lines-from, growStep)), func(seq uint64, line []byte) error {
			// Enough of Follow to find a line that does not belong; the store
			// has made all of them with Next.
			want = append(hex.AppendEncode(append(want[:0], `{"prev":"`...), at.Hash[:]), `","seq":`...)
			want = append(strconv.AppendUint(want, at.Seq+1, 10), ',')
			if seq != at.Seq+1 || !bytes.HasPrefix(line, want) {
				return fmt.Errorf("%w: line %d does not follow the line before it", ErrChain, at.Seq+1)
			}
			hashes = edge.add(hashes, line)
			at = Head{Seq: seq, Hash: sha256.Sum256(line)}
			return nil
		})
		if err != nil {
			return tlog.Hash{}, fmt.Errorf("reading the audit record: %w", err)
		}
		if at.Seq == from {
			return tlog.Hash{}, fmt.Errorf("%w: line %d is not there", ErrChain, from+1)
		}
		if err := t.cfg.Store.GrowTree(ctx, from, at.Seq, hashes); err != nil {
			return tlog.Hash{}, fmt.Errorf("keeping the tree of the audit record: %w", err)
		}
		faults.Point("audit.tree-grown")
	}
	if at != head {
		return tlog.Hash{}, fmt.Errorf("%w: line %d is not the end that the record names", ErrChain, lines)
	}
	return edge.root(), nil
}

// headAt is the head after the last line that is in the tree, which must still
// be the line that came into it.
func (t *Tree) headAt(ctx context.Context, size uint64) (Head, error) {
	if size == 0 {
		return Head{}, nil
	}
	leaf, err := t.reader(ctx).ReadHashes([]int64{tlog.StoredHashIndex(0, int64(size)-1)})
	if err != nil {
		return Head{}, err
	}
	var at Head
	err = t.cfg.Store.AuditLines(ctx, size, 1, func(seq uint64, line []byte) error {
		if tlog.RecordHash(line) != leaf[0] {
			return fmt.Errorf("%w: line %d was changed after it came into the tree", ErrCheckpoint, size)
		}
		at = Head{Seq: seq, Hash: sha256.Sum256(line)}
		return nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("reading the audit record: %w", err)
	}
	if at.Seq != size {
		return Head{}, fmt.Errorf("%w: line %d is not there", ErrChain, size)
	}
	return at, nil
}

// continues proves that the present tree has the lines of k as its beginning.
func (t *Tree) continues(ctx context.Context, k known, lines uint64, root tlog.Hash, head Head) error {
	if k.Size == lines {
		if k.Root != root || k.Head != head.Hash {
			return fmt.Errorf("%w: the last checkpoint in %s, over %d lines, is of others", ErrCheckpoint, k.where, k.Size)
		}
		return nil
	}
	proof, err := tlog.ProveTree(int64(lines), int64(k.Size), t.reader(ctx))
	if err != nil {
		return fmt.Errorf("reading the tree of the audit record: %w", err)
	}
	if err := tlog.CheckTree(proof, int64(lines), root, int64(k.Size), k.Root); err != nil {
		return fmt.Errorf("%w: the last checkpoint in %s, over %d lines, is of others", ErrCheckpoint, k.where, k.Size)
	}
	return nil
}

// reader reads the stored hashes.
func (t *Tree) reader(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		if len(indexes) == 0 {
			return nil, nil
		}
		raw, err := t.cfg.Store.TreeHashes(ctx, indexes)
		if err == nil && len(raw) != len(indexes) {
			err = ErrNoHash
		}
		if err != nil {
			return nil, fmt.Errorf("reading the tree of the audit record: %w", err)
		}
		out := make([]tlog.Hash, len(raw))
		for i, h := range raw {
			out[i] = h
		}
		return out, nil
	})
}
