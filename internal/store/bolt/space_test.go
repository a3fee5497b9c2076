package bolt

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

// Bad input T10: on a full disk writes are refused and told apart from an
// unknown outcome, reading goes on, and all heals when there is room again.
func TestFullDisk(t *testing.T) {
	for name, full := range map[string]syscall.Statfs_t{
		"0 octets":        {Bsize: 4096},
		"64 KiB":          {Bsize: 4096, Bavail: 16},
		"the reserve":     {Bsize: 4096, Bavail: DefaultReserve/4096 - 1},
		"mounted to read": {Bsize: 4096, Bavail: 1 << 30, Flags: stRdonly},
	} {
		t.Run(name, func(t *testing.T) {
			opts := options()
			opts.OnFatal = func(err error) { t.Error("a full disk is no unknown outcome:", err) }
			s := fresh(t, opts)
			var filled atomic.Bool
			s.disk.stat = func(dir string, into *syscall.Statfs_t) error {
				if filled.Load() {
					*into = full
					return nil
				}
				return syscall.Statfs(dir, into)
			}
			sample(t, s)
			before, commits := lineCount(t, s), s.Commits()
			filled.Store(true)
			next := storetest.Event("S", 1, "P1", storetest.Person("B"))
			r := s.ApplyEvents(t.Context(), []registry.Application{next, storetest.Event("S", 2, "P1", storetest.Person("C"))})
			for i := range r {
				if !errors.Is(r[i].Err, ErrFull) || problem.KindOf(r[i].Err) != problem.Unavailable || r[i].Outcome.JTI != "" {
					t.Errorf("%+v", r[i])
				}
			}
			if _, err := s.RecordIntent(t.Context(), storetest.Intent("X", "P1", "NP1", 3, 1), storetest.AuditEvent("x")); !errors.Is(err, ErrFull) {
				t.Errorf("%v", err)
			}
			if err := s.Writable(); !errors.Is(err, ErrFull) {
				t.Errorf("%v", err)
			}
			// Reading goes on, and so does what writes nothing.
			if p, err := s.Subject(t.Context(), "P1"); err != nil || p.Person.Attributes.Text("family_name") != "P1" {
				t.Errorf("%v, %v", p, err)
			}
			lists, err := s.Lists(t.Context())
			if err != nil || len(lists) == 0 {
				t.Error(err)
			}
			for _, l := range lists {
				if _, _, err := s.Revoked(t.Context(), l.ID); err != nil {
					t.Error(err)
				}
			}
			repeated := storetest.Event("R", 1, "P0", storetest.Portrayed("P0", 1500))
			if o, err := applyAgain(t, s, repeated); err != nil || !o.Repeated {
				t.Errorf("a repeat writes nothing: %+v, %v", o, err)
			}
			if s.Commits() != commits || lineCount(t, s) != before {
				t.Error("something was written")
			}
			filled.Store(false)
			if err := s.Writable(); err != nil {
				t.Error(err)
			}
			if o, err := applyAgain(t, s, next); err != nil || o.Repeated {
				t.Errorf("there is room again: %+v, %v", o, err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func lineCount(t *testing.T, s *Store) uint64 {
	t.Helper()
	n, _, err := s.AuditSize(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Steps that wrote nothing before the first that did keep their answers when
// the disk is full: those after it may have seen what was not written.
func TestFullDiskAnswers(t *testing.T) {
	s := fresh(t, options())
	var fs syscall.Statfs_t
	s.disk.stat = func(_ string, into *syscall.Statfs_t) error { *into = fs; return nil }
	fs.Bsize, fs.Bavail = 1, DefaultReserve+1<<20
	boom := errors.New("boom")
	saw := ""
	ops := queued(t, s,
		func(*tx) error { return nil },
		func(*tx) error { return boom },
		func(t *tx) error { fs.Bavail = 0; t.put(seenBucket, []byte("a"), []byte("1")); return nil },
		func(t *tx) error { saw = string(t.get(seenBucket, []byte("a"))); return nil },
	)
	if ops[0].errs[0] != nil || !errors.Is(ops[1].errs[0], boom) || !errors.Is(ops[2].errs[0], ErrFull) || !errors.Is(ops[3].errs[0], ErrFull) || saw != "1" {
		t.Errorf("%v %v %v %v, saw %q", ops[0].errs, ops[1].errs, ops[2].errs, ops[3].errs, saw)
	}
}

// The estimate of what a transaction takes is above what it takes, for keys in
// order and in none.
func TestNeedIsEnough(t *testing.T) {
	s := fresh(t, options())
	var need uint64
	s.writer.space = func(n uint64) error { need = n; return nil }
	for round := range uint64(20) {
		before := fileSize(t, s)
		err := s.update(t.Context(), func(t *tx) error {
			for i := range uint64(500) {
				n := round*500 + i
				t.put(auditBucket, number(1_000_000+n), make([]byte, 300))
				t.put(seenBucket, number(n*0x9e3779b97f4a7c15), make([]byte, n%5000))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if grown := fileSize(t, s) - before; grown > need {
			t.Errorf("round %d: %d octets more, estimated %d", round, grown, need)
		}
	}
}

func fileSize(t *testing.T, s *Store) (size uint64) {
	t.Helper()
	if err := s.view(context.Background(), func(t *tx) error { size = uint64(t.below.Size()); return nil }); err != nil {
		t.Fatal(err)
	}
	return size
}
