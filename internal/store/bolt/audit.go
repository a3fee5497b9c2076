package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"vidimus/internal/audit"
	"vidimus/internal/faults"
)

// note appends to the audit record within a step.
func (s *Store) note(t *tx, e audit.Event) error {
	e, err := audit.Pseudonymise(e, s.opts.Pseudonyms)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	head, err := t.auditHead()
	if err != nil {
		return err
	}
	line, next, err := head.Next(e)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if faults.Wrong("store.audit-changed") && next.Seq%10 == 0 {
		line = line[1:]
	}
	t.put(auditBucket, number(next.Seq), line)
	t.put(metaBucket, auditHeadKey, append(number(next.Seq), next.Hash[:]...))
	return nil
}

func (t *tx) auditHead() (audit.Head, error) {
	var head audit.Head
	switch v := t.get(metaBucket, auditHeadKey); len(v) {
	case 0:
	case 8 + len(head.Hash):
		head.Seq = toNumber(v[:8])
		copy(head.Hash[:], v[8:])
	default:
		return head, fmt.Errorf("audit head: %w", errRecord)
	}
	return head, nil
}

// Append implements audit.Writer.
func (s *Store) Append(ctx context.Context, e audit.Event) error {
	return s.update(ctx, func(t *tx) error { return s.note(t, e) })
}

// WriteAudit writes the audit record, one line an event.
func (s *Store) WriteAudit(ctx context.Context, w io.Writer) error {
	return s.view(ctx, func(t *tx) error {
		return t.scan(auditBucket, nil, func(_, line []byte) error {
			_, err := fmt.Fprintf(w, "%s\n", line)
			return err
		})
	})
}

// AuditSize implements audit.TreeStore.
func (s *Store) AuditSize(ctx context.Context) (lines uint64, head audit.Head, err error) {
	err = s.view(ctx, func(t *tx) error {
		head, err = t.auditHead()
		return err
	})
	return head.Seq, head, err
}

// AuditLines implements audit.TreeStore.
func (s *Store) AuditLines(ctx context.Context, from uint64, limit int, each func(seq uint64, line []byte) error) error {
	if limit <= 0 {
		return ctx.Err()
	}
	return s.view(ctx, func(t *tx) error {
		n := 0
		return t.scanFrom(auditBucket, nil, number(from), func(key, line []byte) error {
			if err := each(toNumber(key), line); err != nil {
				return err
			}
			if n++; n == limit {
				return errEnough
			}
			return nil
		})
	})
}

// TreeSize implements audit.TreeStore.
func (s *Store) TreeSize(ctx context.Context) (lines uint64, err error) {
	err = s.view(ctx, func(t *tx) error {
		lines = toNumber(t.get(metaBucket, treeSizeKey))
		return nil
	})
	return lines, err
}

// TreeHashes implements audit.TreeStore.
func (s *Store) TreeHashes(ctx context.Context, indexes []int64) ([][32]byte, error) {
	hashes := make([][32]byte, len(indexes))
	err := s.view(ctx, func(t *tx) error {
		for i, index := range indexes {
			v := t.get(treeBucket, number(uint64(index)))
			if len(v) != 32 {
				return audit.ErrNoHash
			}
			hashes[i] = [32]byte(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

// errTree: hashes that are not those of the lines.
var errTree = errors.New("a tree cannot grow like this")

// storedHashes is how many hashes a tree of n lines has:
// tlog.StoredHashCount, which is 2n less the ones of n.
func storedHashes(n uint64) uint64 { return 2*n - uint64(bits.OnesCount64(n)) }

// GrowTree implements audit.TreeStore.
func (s *Store) GrowTree(ctx context.Context, from, to uint64, hashes [][32]byte) error {
	return s.update(ctx, func(t *tx) error {
		if toNumber(t.get(metaBucket, treeSizeKey)) != from {
			return audit.ErrTreeSize
		}
		head, err := t.auditHead()
		if err != nil {
			return err
		}
		first := storedHashes(from)
		if to < from || to > head.Seq || storedHashes(to)-first != uint64(len(hashes)) {
			return errTree
		}
		for i := range hashes {
			t.put(treeBucket, number(first+uint64(i)), hashes[i][:])
		}
		t.put(metaBucket, treeSizeKey, number(to))
		return nil
	})
}

// PutCheckpoint implements audit.TreeStore. The one before is not kept: it is
// in the files outside.
func (s *Store) PutCheckpoint(ctx context.Context, size uint64, token string) error {
	return s.update(ctx, func(t *tx) error {
		if known := t.get(metaBucket, checkpointKey); known != nil && binary.BigEndian.Uint64(known) >= size {
			return audit.ErrCheckpointSize
		}
		t.put(metaBucket, checkpointKey, append(number(size), token...))
		return nil
	})
}

// LastCheckpoint implements audit.TreeStore.
func (s *Store) LastCheckpoint(ctx context.Context) (size uint64, token string, err error) {
	err = s.view(ctx, func(t *tx) error {
		if v := t.get(metaBucket, checkpointKey); len(v) >= 8 {
			size, token = toNumber(v[:8]), string(v[8:])
		}
		return nil
	})
	return size, token, err
}
