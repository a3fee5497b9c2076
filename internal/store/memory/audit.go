package memory

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"time"

	"vidimus/internal/audit"
)

// ownKey makes the pseudonyms of a store that got none.
type ownKey [32]byte

func (k ownKey) Pseudonym(person string, at time.Time) (string, error) {
	m := hmac.New(sha256.New, k[:])
	fmt.Fprint(m, person)
	return "p:" + at.UTC().Format("2006-01") + ":" + base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16]), nil
}

type checkpoint struct {
	size  uint64
	token string
	known bool
}

// note appends to the audit record within a step.
func (s *Store) note(e audit.Event) error {
	e, err := audit.Pseudonymise(e, s.opts.Pseudonyms)
	if err != nil {
		return err
	}
	line, head, err := s.head.Next(e)
	if err != nil {
		return err
	}
	assign(s, &s.lines, append(s.lines, line))
	assign(s, &s.head, head)
	return nil
}

// Append implements audit.Writer.
func (s *Store) Append(ctx context.Context, e audit.Event) error {
	return s.step(ctx, func() error { return s.note(e) })
}

// WriteAudit writes the audit record, one line an event.
func (s *Store) WriteAudit(ctx context.Context, w io.Writer) error {
	return s.AuditLines(ctx, 1, int(^uint(0)>>1), func(_ uint64, line []byte) error {
		_, err := fmt.Fprintf(w, "%s\n", line)
		return err
	})
}

// AuditSize implements audit.TreeStore.
func (s *Store) AuditSize(ctx context.Context) (lines uint64, head audit.Head, err error) {
	err = s.step(ctx, func() error { head = s.head; return nil })
	return head.Seq, head, err
}

// AuditLines implements audit.TreeStore.
func (s *Store) AuditLines(ctx context.Context, from uint64, limit int, each func(seq uint64, line []byte) error) error {
	var lines [][]byte
	if err := s.step(ctx, func() error { lines = s.lines; return nil }); err != nil {
		return err
	}
	for i, line := range lines {
		if seq := uint64(i + 1); seq >= from && limit > 0 {
			limit--
			if err := each(seq, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// TreeSize implements audit.TreeStore.
func (s *Store) TreeSize(ctx context.Context) (lines uint64, err error) {
	err = s.step(ctx, func() error { lines = s.treeSize; return nil })
	return lines, err
}

// TreeHashes implements audit.TreeStore.
func (s *Store) TreeHashes(ctx context.Context, indexes []int64) (hashes [][32]byte, err error) {
	err = s.step(ctx, func() error {
		for _, i := range indexes {
			if i < 0 || i >= int64(len(s.tree)) {
				return audit.ErrNoHash
			}
			hashes = append(hashes, s.tree[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

// GrowTree implements audit.TreeStore.
func (s *Store) GrowTree(ctx context.Context, from, to uint64, hashes [][32]byte) error {
	return s.step(ctx, func() error {
		if s.treeSize != from {
			return audit.ErrTreeSize
		}
		// A tree of n leaves has 2n hashes less the ones of n.
		if to < from || to > s.head.Seq || 2*to-uint64(bits.OnesCount64(to)) != uint64(len(s.tree)+len(hashes)) {
			return errors.New("memory: a tree cannot grow like this")
		}
		assign(s, &s.tree, append(slices.Clip(s.tree), hashes...))
		assign(s, &s.treeSize, to)
		return nil
	})
}

// PutCheckpoint implements audit.TreeStore.
func (s *Store) PutCheckpoint(ctx context.Context, size uint64, token string) error {
	return s.step(ctx, func() error {
		if s.checkpoint.known && s.checkpoint.size >= size {
			return audit.ErrCheckpointSize
		}
		assign(s, &s.checkpoint, checkpoint{size, token, true})
		return nil
	})
}

// LastCheckpoint implements audit.TreeStore.
func (s *Store) LastCheckpoint(ctx context.Context) (size uint64, token string, err error) {
	err = s.step(ctx, func() error { size, token = s.checkpoint.size, s.checkpoint.token; return nil })
	return size, token, err
}
