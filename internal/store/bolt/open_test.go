package bolt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "v.db")
	if err := Create(path, options()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(path, options()); !errors.Is(err, ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the second Create has touched the file")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	if err := Create(filepath.Join(dir, "no", "v.db"), options()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
	for _, opts := range []Options{{}, {PublicURL: "x"}, {Rand: rand.Reader}} {
		if err := Create(filepath.Join(dir, "x"), opts); err == nil {
			t.Errorf("%+v is enough", opts)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	if err := Create(good, options()); err != nil {
		t.Fatal(err)
	}
	s := reopened(t, good, options())
	for range 2 { // so that both meta pages know the buckets
		if err := s.Append(t.Context(), storeEvent("x")); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, content []byte, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, content, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	other, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	next := file("next.db", raw, 0o600)
	db, err := bbolt.Open(next, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), seal(metaBucket, []byte("schema"), []byte("3")))
	}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "missing.db"), ErrMissing},
		{"T11/symlink", link, ErrMode},
		{"folder", dir, ErrMode},
		{"T05/readable by others", file("wide.db", raw, 0o644), ErrMode},
		{"empty", file("empty.db", nil, 0o600), ErrForeign},
		{"text", file("text.db", []byte(strings.Repeat("not a database\n", 2000)), 0o600), ErrForeign},
		{"T02/both metas zeroed", file("metas.db", append(make([]byte, 8192), raw[8192:]...), 0o600), ErrForeign},
		{"another program's", foreign, ErrForeign},
		{"T08/newer schema", next, ErrForeign},
	} {
		s, err := Open(c.path, options())
		if s != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("opening a missing database has made one")
	}
	// T02: one meta page zeroed falls back to the other.
	for i := range 2 {
		damaged := append([]byte(nil), raw...)
		clear(damaged[4096*i : 4096*(i+1)])
		s, err := Open(file(fmt.Sprintf("meta%d.db", i), damaged, 0o600), options())
		if err != nil {
			t.Fatalf("without meta page %d: %v", i, err)
		}
		s.Close()
	}
}

// A file that lost its end is refused at every length, by name: bbolt alone
// panics, faults, or serves until it comes to the gap.
func TestOpenCutShort(t *testing.T) {
	s := fresh(t, options())
	path := s.db.Path()
	for n := range 600 {
		e := storeEvent("x")
		e.Detail = map[string]string{"reason": strings.Repeat("r", 200)}
		if n%100 == 99 { // many pages in few commits
			if err := s.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := s.writer.submit(t.Context(), func(t *tx) error { return s.note(t, e) }); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	var used int
	err = db.View(func(tx *bbolt.Tx) error { used = int(tx.Size()); return nil })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if used < 40*4096 || len(raw) < used {
		t.Fatalf("%d bytes, %d used", len(raw), used)
	}
	cut := filepath.Join(t.TempDir(), "cut.db")
	for length := 2 * 4096; length < used; length += 4096 {
		if err := os.WriteFile(cut, raw[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(cut, options()); s != nil || !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v, want %v", length, used, err, ErrDamaged)
		}
	}
	if err := os.WriteFile(cut, raw[:used], 0o600); err != nil {
		t.Fatal(err)
	}
	whole, err := Open(cut, options())
	if err != nil {
		t.Fatalf("whole but for the room at its end: %v", err)
	}
	whole.Close()
}

// Bad input T11: the second process says "locked" within two seconds.
func TestOpenLocked(t *testing.T) {
	s := fresh(t, options())
	begun := time.Now()
	if _, err := Open(s.db.Path(), options()); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
	// It waits for lockTimeout; a busy machine may take long over the rest.
	if d := time.Since(begun); lockTimeout > time.Second || d > time.Minute {
		t.Errorf("after %s, of which it may wait %s", d, lockTimeout)
	}
	if err := s.Append(t.Context(), storeEvent("still alive")); err != nil {
		t.Errorf("the first one: %v", err)
	}
}

func TestDevelopmentMark(t *testing.T) {
	for _, dev := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "v.db")
		opts := options()
		opts.Dev = dev
		if err := Create(path, opts); err != nil {
			t.Fatal(err)
		}
		reopened(t, path, opts).Close()
		opts.Dev = !dev
		if _, err := Open(path, opts); !errors.Is(err, ErrDev) {
			t.Errorf("created with dev=%v, opened with %v: %v", dev, !dev, err)
		}
	}
}

func TestClosed(t *testing.T) {
	s := fresh(t, options())
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := s.Append(t.Context(), storeEvent("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("writing: %v", err)
	}
	if _, err := s.Lists(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("reading: %v", err)
	}
}

// A database of a version that did not keep readers yet opens, and keeps them from
// then on.
func TestBucketsThatCameLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "earlier.db")
	if err := Create(path, options()); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		for _, b := range younger {
			if err := tx.DeleteBucket([]byte(b.String())); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for range 2 {
		s, err := Open(path, options())
		if err != nil {
			t.Fatal(err)
		}
		if list, err := s.Readers(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		s.Close()
	}
}
