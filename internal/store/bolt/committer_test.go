package bolt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"vidimus/internal/audit"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

func storeEvent(subject string) audit.Event { return storetest.AuditEvent(subject) }

// queued submits operations while the committer is held, so that they share
// one transaction.
func queued(t *testing.T, s *Store, dos ...step) []*operation {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	first, err := s.writer.submit(t.Context(), func(*tx) error { close(held); <-hold; return nil })
	if err != nil {
		t.Fatal(err)
	}
	<-held
	var ops []*operation
	for _, do := range dos {
		op, err := s.writer.submit(t.Context(), do)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, op)
	}
	close(hold)
	<-first.done
	for _, op := range ops {
		<-op.done
	}
	return ops
}

func putting(key, value string) step {
	return func(t *tx) error { t.put(seenBucket, []byte(key), []byte(value)); return nil }
}

func stored(t *testing.T, s *Store, key string) string {
	t.Helper()
	var v string
	if err := s.view(t.Context(), func(t *tx) error { v = string(t.get(seenBucket, []byte(key))); return nil }); err != nil {
		t.Fatal(err)
	}
	return v
}

// Operations of one transaction do not touch each other: one that refuses or
// panics leaves nothing, those after it see what was before it.
func TestIsolation(t *testing.T) {
	s := fresh(t, options())
	boom := errors.New("boom")
	before := s.Commits()
	ops := queued(t, s,
		putting("a", "1"),
		func(t *tx) error {
			t.put(seenBucket, []byte("a"), []byte("2"))
			t.put(seenBucket, []byte("b"), nil)
			return boom
		},
		func(t *tx) error { t.put(seenBucket, []byte("a"), []byte("3")); panic("trouble") },
		func(t *tx) error {
			if got := string(t.get(seenBucket, []byte("a"))); got != "1" || t.has(seenBucket, []byte("b")) {
				return fmt.Errorf("sees a=%q and b", got)
			}
			t.delete(seenBucket, []byte("a"))
			if t.has(seenBucket, []byte("a")) {
				return errors.New("does not see what it has deleted itself")
			}
			t.put(seenBucket, []byte("a"), []byte("4"))
			return nil
		},
		func(t *tx) error {
			t.put(seenBucket, []byte("c"), nil)
			t.delete(seenBucket, []byte("c"))
			return nil
		},
	)
	if ops[0].errs[0] != nil || !errors.Is(ops[1].errs[0], boom) || ops[2].errs[0] == nil || !strings.Contains(ops[2].errs[0].Error(), "trouble") || ops[3].errs[0] != nil || ops[4].errs[0] != nil {
		t.Errorf("%v %v %v %v %v", ops[0].errs[0], ops[1].errs[0], ops[2].errs[0], ops[3].errs[0], ops[4].errs[0])
	}
	if a, b, c := stored(t, s, "a"), stored(t, s, "b"), stored(t, s, "c"); a != "4" || b != "" || c != "" {
		t.Errorf("a=%q b=%q c=%q", a, b, c)
	}
	if n := s.Commits() - before; n != 1 {
		t.Errorf("%d commits for one queue", n)
	}
}

func TestScanSeesOnlyWhatWasBefore(t *testing.T) {
	s := fresh(t, options())
	err := s.writer.update(t.Context(), func(t *tx) error {
		t.put(seenBucket, []byte("x"), nil)
		return t.scan(seenBucket, nil, func(_, _ []byte) error { return nil })
	})
	if err == nil {
		t.Error("a scan after a write of its own would miss it, and is let through")
	}
}

// What writes nothing costs no fsync.
func TestNoCommitWithoutWrites(t *testing.T) {
	s := fresh(t, options())
	for range 3 {
		if _, err := s.SweepExpired(t.Context(), storetest.Now, 10); err != nil {
			t.Fatal(err)
		}
		if _, err := s.MarkCovered(t.Context(), nil, storetest.Now); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Commits(); n != 0 {
		t.Errorf("%d commits", n)
	}
}

// Many writers share commits: at least ten to one when they queue.
func TestGroupCommit(t *testing.T) {
	s := fresh(t, options())
	dos := make([]step, 500)
	for i := range dos {
		dos[i] = putting(fmt.Sprint(i), "v")
	}
	for _, op := range queued(t, s, dos...) {
		if op.errs[0] != nil {
			t.Fatal(op.errs[0])
		}
	}
	if n := s.Commits(); n > 50 {
		t.Errorf("%d commits for 500 operations", n)
	}
}

func TestGivenUpBeforeItsTurn(t *testing.T) {
	s := fresh(t, options())
	ctx, cancel := context.WithCancel(t.Context())
	queued(t, s, func(*tx) error { cancel(); return nil }, func(*tx) error { return nil })
	late, err := s.writer.submit(context.Background(), putting("late", "x"))
	if err != nil {
		t.Fatal(err)
	}
	<-late.done
	if err := s.writer.update(ctx, putting("given up", "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if stored(t, s, "late") != "x" || stored(t, s, "given up") != "" {
		t.Error("the wrong one was written")
	}
}

// Bad input T12: a commit that fails stops the process, since it may or may
// not be on the disk; both happen, and after a restart the caller's retry has
// one effect.
func TestCommitErrorIsFatal(t *testing.T) {
	for name, c := range map[string]struct {
		commit  func(*bbolt.Tx) error
		persist bool
	}{
		"and persists":         {func(tx *bbolt.Tx) error { return errors.Join(tx.Commit(), syscall.EIO) }, true},
		"and does not persist": {func(tx *bbolt.Tx) error { return errors.Join(tx.Rollback(), syscall.EIO) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var fatal []error
			opts := options()
			opts.OnFatal = func(err error) { mu.Lock(); defer mu.Unlock(); fatal = append(fatal, err) }
			s := fresh(t, opts)
			app := storetest.Event("R", 1, "P", storetest.Person("A"))
			if r := s.ApplyEvents(t.Context(), []registry.Application{app})[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
			s.writer.commit = c.commit
			next := storetest.Event("R", 2, "P", storetest.Person("B"))
			r := s.ApplyEvents(t.Context(), []registry.Application{next})[0]
			if !errors.Is(r.Err, ErrUnknown) || !errors.Is(r.Err, syscall.EIO) || r.Outcome.JTI != "" {
				t.Errorf("%+v", r)
			}
			s.writer.commit = (*bbolt.Tx).Commit
			if err := s.Append(t.Context(), storeEvent("after")); !errors.Is(err, ErrUnknown) {
				t.Errorf("goes on writing: %v", err)
			}
			if len(fatal) != 1 || !errors.Is(fatal[0], syscall.EIO) {
				t.Errorf("OnFatal got %v", fatal)
			}
			path := s.db.Path()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = reopened(t, path, options())
			r = s.ApplyEvents(t.Context(), []registry.Application{next})[0]
			if r.Err != nil || r.Outcome.Repeated != c.persist || r.Outcome.Version != 2 {
				t.Errorf("retry after the restart: %+v", r)
			}
		})
	}
}

// A disk that is full is the same, without a seam of ours.
func TestFullDiskIsFatal(t *testing.T) {
	fatal := make(chan error, 1)
	opts := options()
	opts.OnFatal = func(err error) { fatal <- err }
	s := fresh(t, opts)
	s.db.MaxSize = 1 // growing is refused
	err := s.writer.update(t.Context(), func(t *tx) error { t.put(seenBucket, []byte("big"), make([]byte, 4<<20)); return nil })
	if !errors.Is(err, ErrUnknown) {
		t.Fatalf("%v", err)
	}
	<-fatal
}

func TestFatalPanicsByDefault(t *testing.T) {
	c := newCommitter(nil, nil, nil)
	defer c.close()
	defer func() {
		if recover() == nil {
			t.Error("it goes on")
		}
	}()
	c.onFatal(errors.New("x"))
}
