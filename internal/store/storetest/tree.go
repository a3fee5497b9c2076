package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"vidimus/internal/audit"
)

var treeTests = []test{
	{name: "Lines", run: treeLines},
	{name: "Grow", run: growTree},
	{name: "Checkpoints", run: checkpoints},
}

func treeLines(t *testing.T, s Store) {
	if n, head, err := s.AuditSize(t.Context()); err != nil || n != 0 || head != (audit.Head{}) {
		t.Errorf("%d, %v, %v", n, head, err)
	}
	for i := range 10 {
		if err := s.Append(t.Context(), AuditEvent(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	var whole bytes.Buffer
	if err := s.WriteAudit(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	want, err := audit.Verify(bytes.NewReader(whole.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, head, err := s.AuditSize(t.Context()); err != nil || n != 10 || head != want {
		t.Errorf("%d, %v, %v, want %v", n, head, err, want)
	}
	var paged bytes.Buffer
	next := uint64(1)
	for {
		from := next
		err := s.AuditLines(t.Context(), from, 4, func(seq uint64, line []byte) error {
			if seq != next {
				t.Errorf("line %d, want %d", seq, next)
			}
			next++
			fmt.Fprintf(&paged, "%s\n", line)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if next == from {
			break
		}
	}
	if !bytes.Equal(paged.Bytes(), whole.Bytes()) {
		t.Error("the pages are not the record")
	}
	boom := errors.New("enough")
	if err := s.AuditLines(t.Context(), 1, 10, func(uint64, []byte) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
	for _, limit := range []int{0, -1} {
		if err := s.AuditLines(t.Context(), 1, limit, func(uint64, []byte) error { return boom }); err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// hashes of the tree over n lines: 2n less the ones of n.
var storedCount = []int{0, 1, 3, 4, 7, 8, 10, 11, 15}

func growTree(t *testing.T, s Store) {
	ctx := t.Context()
	for i := range 8 {
		if err := s.Append(ctx, AuditEvent(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	hashes := func(from, to int) (h [][32]byte) {
		for i := storedCount[from]; i < storedCount[to]; i++ {
			h = append(h, Digest(i))
		}
		return h
	}
	var grown atomic.Int32
	together(8, func(int) {
		if err := s.GrowTree(ctx, 0, 3, hashes(0, 3)); err == nil {
			grown.Add(1)
		} else if !errors.Is(err, audit.ErrTreeSize) {
			t.Error(err)
		}
	})
	if grown.Load() != 1 {
		t.Errorf("grown %d times from 0", grown.Load())
	}
	for _, c := range []struct {
		from, to uint64
		hashes   [][32]byte
		size     bool
	}{{0, 3, hashes(0, 3), true}, {5, 6, hashes(5, 6), true}, {3, 4, hashes(3, 5), false}, {3, 4, nil, false}, {3, 9, nil, false}, {3, 2, nil, false}} {
		if err := s.GrowTree(ctx, c.from, c.to, c.hashes); err == nil || errors.Is(err, audit.ErrTreeSize) != c.size {
			t.Errorf("from %d to %d with %d hashes: %v", c.from, c.to, len(c.hashes), err)
		}
	}
	if err := s.GrowTree(ctx, 3, 8, hashes(3, 8)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.TreeSize(ctx); err != nil || n != 8 {
		t.Errorf("%d, %v", n, err)
	}
	indexes := []int64{14, 0, 7, 7}
	got, err := s.TreeHashes(ctx, indexes)
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	for i, index := range indexes {
		if got[i] != Digest(int(index)) {
			t.Errorf("hash %d is another one", index)
		}
	}
	for _, index := range []int64{15, -1, 1 << 62} {
		if _, err := s.TreeHashes(ctx, []int64{0, index}); !errors.Is(err, audit.ErrNoHash) {
			t.Errorf("hash %d: %v", index, err)
		}
	}
}

func checkpoints(t *testing.T, s Store) {
	ctx := t.Context()
	last := func(size uint64, token string) {
		t.Helper()
		if n, got, err := s.LastCheckpoint(ctx); err != nil || n != size || got != token {
			t.Errorf("%d %q, %v, want %d %q", n, got, err, size, token)
		}
	}
	last(0, "")
	for _, c := range []struct {
		size  uint64
		token string
		ok    bool
	}{{5, "five", true}, {5, "again", false}, {4, "four", false}, {9, "nine", true}, {0, "", false}} {
		if err := s.PutCheckpoint(ctx, c.size, c.token); (err == nil) != c.ok || err != nil && !errors.Is(err, audit.ErrCheckpointSize) {
			t.Errorf("%d: %v", c.size, err)
		}
	}
	last(9, "nine")
}
