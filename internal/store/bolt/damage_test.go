package bolt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

// sample fills a store with something of everything.
func sample(t testing.TB, s *Store) {
	t.Helper()
	ctx := t.Context()
	seq := uint64(0)
	say := func(person string, p document.Payload) {
		seq++
		if r := s.ApplyEvents(ctx, []registry.Application{storetest.Event("R", seq, person, p)})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for i := range 30 {
		p := fmt.Sprint("P", i)
		say(p, storetest.Portrayed(p, 1500+i))
		say(p, storetest.Licence("N"+p))
		say(p, storetest.Ban("M", storetest.Now.AddDate(0, 1, 0)))
		in := storetest.Intent("B"+p, p, "N"+p, 3, 5)
		in.Wallet = issuance.Wallet{Unit: "U" + p, Expires: storetest.Now}
		if _, err := s.RecordIntent(ctx, in, storetest.AuditEvent("b")); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			say("", storetest.Annulled("N"+p))
		}
	}
	if _, err := s.Release(ctx, storetest.Now); err != nil {
		t.Fatal(err)
	}
}

// contents reads everything that a store has, as it is answered to others.
func contents(ctx context.Context, s *Store) (map[string]string, error) {
	all := map[string]string{}
	err := s.view(ctx, func(t *tx) error {
		for b := range bucketCount {
			err := t.scan(b, nil, func(key, value []byte) error {
				all[fmt.Sprintf("%s %x", b, key)] = string(value)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// Bad input T01: a bit that turned, in each page, is harmless or told of: when
// the file is opened, since it is small, and when what it hit is read, since
// a large one is not read whole. An answer is never wrong.
func TestFlippedBits(t *testing.T) {
	t.Run("small file", func(t *testing.T) { flipBits(t, false) })
	t.Run("large file", func(t *testing.T) { flipBits(t, true) })
}

func flipBits(t *testing.T, large bool) {
	opts := options()
	opts.unread = large
	s := fresh(t, opts)
	sample(t, s)
	want, err := contents(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	path, pages := s.db.Path(), 0
	err = s.view(t.Context(), func(t *tx) error { pages = int(t.below.Size()) / 4096; return nil })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	turn := turner(t, path)
	seed := uint64(os.Getpid())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 7))
	refused, late, harmless, older := 0, 0, 0, 0
	for n := range 2 * pages {
		// Headers and elements are at the begin of a page: hit them too.
		page, at := n/2, random.IntN([]int{256, 4096}[n%2])
		if large && (at == 10 || at == 11) {
			continue // the count of a page: only a reading of the whole sees what is cut off
		}
		octet, mask := int64(page*4096+at), byte(1)<<random.IntN(8)
		turn(octet, mask)
		s, err := Open(path, opts)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
				t.Errorf("octet %d of page %d: %v", at, page, err)
			}
			refused++
			turn(octet, mask)
			continue
		}
		got, err := contents(t.Context(), s)
		switch {
		case errors.Is(err, ErrDamaged):
			late++
		case err != nil:
			t.Errorf("octet %d of page %d: %v", at, page, err)
		case maps.Equal(got, want):
			harmless++
		case page < 2: // a torn meta page is the state before: the head tells
			older++
		default:
			t.Errorf("octet %d of page %d: a wrong answer", at, page)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		turn(octet, mask)
	}
	t.Logf("%d pages: %d refused, %d told later, %d harmless, %d the state before", pages, refused, late, harmless, older)
	if refused+late < pages/2 || large == (late == 0) {
		t.Errorf("%d flips of %d were found", refused+late, 2*pages)
	}
}

// turner flips bits of a file.
func turner(t *testing.T, path string) func(at int64, mask byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return func(at int64, mask byte) {
		b := make([]byte, 1)
		if _, err := file.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= mask
		if _, err := file.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
}

// What names the buckets is followed to memory of Go, where no fault tells of a
// wrong position: it is looked at before, in a file that is not read whole too.
func TestFlippedNames(t *testing.T) {
	opts := options()
	opts.unread = true
	s := fresh(t, opts)
	sample(t, s)
	path := s.db.Path()
	var pages []uint64
	err := s.view(t.Context(), func(x *tx) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		c := &pageCheck{file: file, size: 4096, names: true}
		_, err = c.tree(x.below)
		for id, known := range c.known {
			if known && id > 1 {
				pages = append(pages, uint64(id))
			}
		}
		return err
	})
	if err := errors.Join(err, s.Close()); err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	turn := turner(t, path)
	seed := uint64(os.Getpid())
	t.Logf("seed %d, pages %d", seed, pages)
	random := rand.New(rand.NewPCG(seed, 8))
	found := 0
	for n := range 3000 {
		at, mask := int64(pages[n%len(pages)]*4096)+int64(random.IntN(4096)), byte(1)<<random.IntN(8)
		turn(at, mask)
		s, err := Open(path, opts)
		switch {
		case err == nil:
			_, err = contents(t.Context(), s)
			if errors.Is(err, ErrDamaged) {
				found, err = found+1, nil
			}
			err = errors.Join(err, s.Close())
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrForeign):
			found, err = found+1, nil
		}
		if err != nil {
			t.Errorf("octet %d: %v", at, err)
		}
		if turn(at, mask); n%64 == 0 {
			runtime.GC() // stops at a pointer to what is no object
		}
	}
	if found < 300 {
		t.Errorf("%d were found", found)
	}
}

// A page that says that it holds nothing is not believed: what it held would be
// gone without a word.
func TestEmptiedPages(t *testing.T) {
	opts := options()
	s := fresh(t, opts)
	sample(t, s)
	want, err := contents(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	path := s.db.Path()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	emptied := 0
	for at := 2 * 4096; at < len(good); at += 4096 {
		if flags, count := good[at+8], good[at+10:at+12]; flags != pageLeaf || count[0] == 0 && count[1] == 0 {
			continue
		}
		bad := slices.Clone(good)
		bad[at+10], bad[at+11] = 0, 0
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, opts)
		if err != nil { // a page in use
			if emptied++; !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
				t.Errorf("page %d: %v", at/4096, err)
			}
			continue
		}
		got, err := contents(t.Context(), s)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("page %d: a wrong answer, %v", at/4096, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if emptied < 10 {
		t.Errorf("only %d pages were in use", emptied)
	}
}

// What is read one by one is told of too, without the file having been read
// whole: a value, a key that is looked for, a neighbour of one that is not
// there.
func TestFlippedBitsAreMetByReaders(t *testing.T) {
	s := fresh(t, options())
	sample(t, s)
	// The record of P7 and the digests below are looked for by their keys.
	spoil := func(b bucketID, key []byte, change func(k, v []byte) (newKey, newValue []byte)) {
		t.Helper()
		err := s.db.Update(func(below *bbolt.Tx) error {
			bucket := below.Bucket([]byte(b.String()))
			k, v := change(slices.Clone(key), slices.Clone(bucket.Get(key)))
			return errors.Join(bucket.Delete(key), bucket.Put(k, v))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(want error) {
		t.Helper()
		if _, err := s.Subject(t.Context(), "P7"); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	read(nil)
	turn := func(_ bucketID, at int) func(k, v []byte) ([]byte, []byte) {
		return func(k, v []byte) ([]byte, []byte) {
			if at < 0 {
				k[len(k)-1] ^= 1
			} else {
				v[at] ^= 0x10
			}
			return k, v
		}
	}
	spoil(subjectBucket, []byte("P7"), turn(subjectBucket, 5))
	read(ErrDamaged)
	spoil(subjectBucket, []byte("P7"), turn(subjectBucket, 5))
	read(nil)
	spoil(subjectBucket, []byte("P7"), turn(subjectBucket, -1)) // there is a P6 and no P7 now
	read(ErrDamaged)
	// Writers stumble over it as well, and leave no trace.
	r := s.ApplyEvents(t.Context(), []registry.Application{storetest.Event("S", 1, "P7", storetest.Person("A"))})[0]
	if !errors.Is(r.Err, ErrDamaged) {
		t.Errorf("%+v", r)
	}
	if err := s.Append(t.Context(), storeEvent("the store goes on")); err != nil {
		t.Error(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

// A value that came to another key, or from another bucket, is not believed
// (T04, of records without encryption).
func TestSwappedRecords(t *testing.T) {
	s := fresh(t, options())
	sample(t, s)
	err := s.db.Update(func(below *bbolt.Tx) error {
		b := below.Bucket([]byte(subjectBucket.String()))
		one, two := slices.Clone(b.Get([]byte("P1"))), slices.Clone(b.Get([]byte("P2")))
		return errors.Join(b.Put([]byte("P1"), two), b.Put([]byte("P2"), one))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"P1", "P2"} {
		if _, err := s.Subject(t.Context(), p); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := s.Subject(t.Context(), "P3"); err != nil {
		t.Error(err)
	}
}

// Whoever damages a count of flips is found by Check.
func TestCheckCounts(t *testing.T) {
	s := fresh(t, options())
	sample(t, s)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.update(t.Context(), func(t *tx) error {
		c, err := t.counter(1)
		c.revoked++
		t.putCounter(1, c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "counts") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The walk over pages agrees with the library's own, over trees of all sizes,
// and while others write.
func TestCheckPages(t *testing.T) {
	s := fresh(t, options())
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		err := s.update(t.Context(), func(t *tx) error {
			for range random.IntN(2000) {
				key := fmt.Appendf(nil, "%06d", random.IntN(20000))
				if random.IntN(3) == 0 {
					t.delete(seenBucket, key)
				} else {
					t.put(seenBucket, key, make([]byte, random.IntN(1<<random.IntN(15))))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = s.view(t.Context(), func(t *tx) error {
			for e := range t.below.Check() {
				return e
			}
			return t.checkPages()
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	done := make(chan error)
	go func() {
		for i := range 200 {
			if err := s.Append(context.Background(), storeEvent(fmt.Sprint(i))); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for checked := 0; ; checked++ {
		if err := s.Check(t.Context()); err != nil {
			t.Fatalf("check %d beside a writer: %v", checked, err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

// Who was overtaken by two commits before the meta page was read is told so,
// and not that the database is damaged.
func TestOvertakenCheck(t *testing.T) {
	s := fresh(t, options())
	err := s.view(t.Context(), func(x *tx) error {
		for i := range 2 {
			if err := s.Append(t.Context(), storeEvent(fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return x.check(t.Context())
	})
	if !errors.Is(err, errOvertaken) || errors.Is(err, ErrDamaged) {
		t.Fatalf("a check that was overtaken: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A bucket that is emptied has no page of its own left, however many it had:
// a page that counts no keys is damaged.
func TestEmptiedBucket(t *testing.T) {
	s := fresh(t, options())
	sample(t, s)
	value := make([]byte, 3000)
	for _, at := range []struct{ from, to int }{{0, 40}, {0, 39}, {39, 40}} {
		err := s.update(t.Context(), func(t *tx) error {
			for i := at.from; i < at.to; i++ {
				if key := number(uint64(1<<40 + i)); at.to == 40 && at.from == 0 {
					t.put(waitingBucket, key, value)
				} else {
					t.delete(waitingBucket, key)
				}
			}
			return nil
		})
		if err == nil {
			err = s.Check(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
