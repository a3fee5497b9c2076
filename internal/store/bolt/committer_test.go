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

// A batch of 500 events is one transaction: two fdatasync for all of them.
func TestBatchIsOneTransaction(t *testing.T) {
	s := fresh(t, options())
	apps := make([]registry.Application, 500)
	for i := range apps {
		apps[i] = storetest.Event("R", uint64(i+1), fmt.Sprint("P", i%400), storetest.Portrayed(fmt.Sprint("N", i), 2000))
	}
	for _, r := range s.ApplyEvents(t.Context(), apps) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if n := s.Commits(); n != 1 {
		t.Errorf("%d commits for a batch", n)
	}
}

// What is too much for one transaction goes into several, in order, while
// others get their turn between them.
func TestLargeOperation(t *testing.T) {
	s := fresh(t, options())
	const steps = 3*maxSteps + 7
	all := make([]step, steps)
	order := make([]int, 0, steps)
	boom := errors.New("boom")
	for i := range all {
		all[i] = func(t *tx) error {
			order = append(order, i)
			t.put(seenBucket, number(uint64(i)), []byte("x"))
			if i%1000 == 999 {
				return boom
			}
			return nil
		}
	}
	op, err := s.writer.submit(t.Context(), all...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), storeEvent("between")); err != nil {
		t.Fatal(err)
	}
	<-op.done
	for i, err := range op.errs {
		if (err != nil) != (i%1000 == 999) || order[i] != i {
			t.Fatalf("step %d (%d): %v", i, order[i], err)
		}
		if got := stored(t, s, string(number(uint64(i)))); (got == "x") != (err == nil) {
			t.Fatalf("step %d: %q, %v", i, got, err)
		}
	}
	if n := s.Commits(); n < 4 || n > 6 {
		t.Errorf("%d commits", n)
	}
	// Octets bound a transaction too.
	before := s.Commits()
	big := make([]step, 6)
	for i := range big {
		big[i] = func(t *tx) error { t.put(seenBucket, number(uint64(i)), make([]byte, maxOctets/2)); return nil }
	}
	if op, err = s.writer.submit(t.Context(), big...); err != nil {
		t.Fatal(err)
	}
	<-op.done
	if n := s.Commits() - before; n != 3 {
		t.Errorf("%d commits for three times the bound", n)
	}
}

// When the second transaction of an operation fails, the steps of the first
// are told that they are durable.
func TestLargeOperationFails(t *testing.T) {
	opts := options()
	fatal := 0
	opts.OnFatal = func(error) { fatal++ }
	s := fresh(t, opts)
	commits := 0
	s.writer.commit = func(below *bbolt.Tx) error {
		if commits++; commits == 2 {
			return errors.Join(below.Rollback(), syscall.EIO)
		}
		return below.Commit()
	}
	all := make([]step, 2*maxSteps+1)
	for i := range all {
		all[i] = func(t *tx) error { t.put(seenBucket, number(uint64(i)), nil); return nil }
	}
	op, err := s.writer.submit(t.Context(), all...)
	if err != nil {
		t.Fatal(err)
	}
	<-op.done
	for i, err := range op.errs {
		if (i < maxSteps) != (err == nil) || i >= maxSteps && !errors.Is(err, ErrUnknown) {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if fatal != 1 {
		t.Errorf("OnFatal was called %d times", fatal)
	}
}

// A key that the library below would refuse is the fault of its step alone.
func TestImpossibleKey(t *testing.T) {
	s := fresh(t, options())
	ops := queued(t, s,
		putting("a", "1"),
		func(t *tx) error { t.put(seenBucket, nil, nil); return nil },
		func(t *tx) error { t.put(seenBucket, make([]byte, bbolt.MaxKeySize+1), nil); return nil },
		putting("b", "2"),
	)
	if ops[0].errs[0] != nil || ops[1].errs[0] == nil || ops[2].errs[0] == nil || ops[3].errs[0] != nil {
		t.Errorf("%v %v %v %v", ops[0].errs, ops[1].errs, ops[2].errs, ops[3].errs)
	}
	if stored(t, s, "a")+stored(t, s, "b") != "12" {
		t.Error("the others were drawn in")
	}
}

// A panic of a commit is an unknown outcome.
func TestPanicInCommit(t *testing.T) {
	opts := options()
	var fatal error
	opts.OnFatal = func(err error) { fatal = err }
	s := fresh(t, opts)
	s.writer.commit = func(below *bbolt.Tx) error { defer below.Rollback(); panic("trouble") }
	if err := s.Append(t.Context(), storeEvent("x")); !errors.Is(err, ErrUnknown) || !errors.Is(fatal, ErrUnknown) {
		t.Errorf("%v, %v", err, fatal)
	}
	if err := s.Writable(); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

// A value that settled below is seen by the steps after it, and a step that
// refuses leaves it as it was.
func TestSettledBelow(t *testing.T) {
	s := fresh(t, options())
	boom := errors.New("boom")
	seen := ""
	ops := queued(t, s,
		putting("a", "1"),
		func(t *tx) error { // brings a below
			return t.scan(seenBucket, nil, func(k, v []byte) error { seen += string(k) + string(v); return nil })
		},
		func(t *tx) error {
			t.put(seenBucket, []byte("a"), []byte("2"))
			t.delete(seenBucket, []byte("a"))
			t.put(seenBucket, []byte("c"), []byte("3"))
			return boom
		},
		func(t *tx) error {
			return t.scanBack(seenBucket, nil, nil, func(k, v []byte) error { seen += string(k) + string(v); return nil })
		},
		func(t *tx) error { t.delete(seenBucket, []byte("a")); return nil },
	)
	for i, op := range ops {
		if (op.errs[0] != nil) != (i == 2) {
			t.Errorf("step %d: %v", i, op.errs[0])
		}
	}
	if seen != "a1a1" || stored(t, s, "a") != "" || stored(t, s, "c") != "" {
		t.Errorf("seen %q, left %q %q", seen, stored(t, s, "a"), stored(t, s, "c"))
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

// A disk that fills between the look for room and the commit is the same,
// without a seam of ours.
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
