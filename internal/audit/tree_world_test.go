package audit

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"vidimus/internal/clock"
)

const office = "https://issuer.example"

// shelf is a TreeStore in memory that an insider can write.
type shelf struct {
	mu     sync.Mutex
	lines  [][]byte
	head   Head
	size   uint64
	hashes [][32]byte
	signed uint64
	token  string
}

func (s *shelf) Append(_ context.Context, e Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := Pseudonymise(e, fixedKey{})
	if err != nil {
		return err
	}
	raw, next, err := s.head.Next(e)
	if err != nil {
		return err
	}
	s.lines, s.head = append(s.lines, raw), next
	return nil
}

func (s *shelf) AuditSize(context.Context) (uint64, Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Seq, s.head, nil
}

func (s *shelf) AuditLines(_ context.Context, from uint64, limit int, each func(uint64, []byte) error) error {
	s.mu.Lock()
	lines := slices.Clone(s.lines)
	s.mu.Unlock()
	for seq := from; seq <= uint64(len(lines)) && limit > 0; seq, limit = seq+1, limit-1 {
		if err := each(seq, lines[seq-1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) TreeSize(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, nil
}

func (s *shelf) TreeHashes(_ context.Context, indexes []int64) ([][32]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([][32]byte, len(indexes))
	for i, n := range indexes {
		if n >= int64(len(s.hashes)) {
			return nil, ErrNoHash
		}
		out[i] = s.hashes[n]
	}
	return out, nil
}

func (s *shelf) GrowTree(_ context.Context, from, to uint64, hashes [][32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from != s.size || int64(len(s.hashes)) != tlog.StoredHashCount(int64(from)) {
		return ErrTreeSize
	}
	s.size, s.hashes = to, append(s.hashes, hashes...)
	return nil
}

func (s *shelf) PutCheckpoint(_ context.Context, size uint64, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size <= s.signed {
		return ErrCheckpointSize
	}
	s.signed, s.token = size, token
	return nil
}

func (s *shelf) LastCheckpoint(context.Context) (uint64, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signed, s.token, nil
}

func (s *shelf) copy() *shelf {
	return &shelf{lines: slices.Clone(s.lines), head: s.head, size: s.size, hashes: slices.Clone(s.hashes), signed: s.signed, token: s.token}
}

func (s *shelf) bytes() []byte { return append(bytes.Join(s.lines, []byte("\n")), '\n') }

// rewrite makes the chain anew from line seq on, each with another subject.
func (s *shelf) rewrite(t testing.TB, seq int, subject string) {
	t.Helper()
	old := s.lines
	events := make([]Event, len(old))
	for i, raw := range old {
		e, err := alone(raw, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		events[i] = e
	}
	events[seq-1].Subject = subject
	s.lines, s.head = nil, Head{}
	for _, e := range events {
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// regrow makes the stored tree anew out of the first size lines.
func (s *shelf) regrow() {
	size := s.size
	s.hashes = nil
	var f frontier
	for _, raw := range s.lines[:size] {
		s.hashes = f.add(s.hashes, raw)
	}
}

// ledger is an office with a record, a tree and two outside files.
type ledger struct {
	t     testing.TB
	shelf *shelf
	clock *clock.Fake
	cfg   TreeConfig
	tree  *Tree
	keys  CheckpointKeys
	files []string
	n     int
}

func newLedger(t testing.TB) *ledger {
	t.Helper()
	key := newKey(t)
	keys, err := NewCheckpointKeys(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l := &ledger{t: t, shelf: &shelf{}, clock: clock.NewFake(at), keys: keys,
		files: []string{filepath.Join(dir, "here.jsonl"), filepath.Join(dir, "there.jsonl")}}
	l.cfg = TreeConfig{Issuer: office, Store: l.shelf, Signer: key, Outside: l.files, Clock: l.clock, Rand: rand.Reader}
	l.restart()
	return l
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (l *ledger) restart() {
	l.t.Helper()
	l.cfg.Store = l.shelf
	var err error
	if l.tree, err = NewTree(l.cfg); err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) add(n int) {
	l.t.Helper()
	for range n {
		if err := l.shelf.Append(context.Background(), event(l.n)); err != nil {
			l.t.Fatal(err)
		}
		l.n++
	}
	l.clock.Advance(time.Minute)
}

func (l *ledger) checkpoint() Checkpoint {
	l.t.Helper()
	c, err := l.tree.Checkpoint(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// seen are the checkpoints in an outside file.
func (l *ledger) seen(path string) []Checkpoint {
	l.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	out, err := l.keys.ReadCheckpoints(bytes.NewReader(data))
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}
