package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// guarded runs a reading step over a file that may be damaged: what it
// stumbles over comes back as an error.
func guarded(db *bbolt.DB, do step) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return db.View(func(b *bbolt.Tx) error { return do(newTx(b)) })
}

// checkSmall reads the whole file when that costs next to nothing, before the
// library walks through it.
func checkSmall(db *bbolt.DB) error {
	return guarded(db, func(t *tx) error {
		if t.below.Size() > checkedSize {
			return nil
		}
		return t.check(context.Background())
	})
}

// Check reads the whole database: every page is used once, every record is
// under its key and has its checksum, and what counts agrees with what is
// there. It takes about a second for 300 MB; others may write meanwhile.
func (s *Store) Check(ctx context.Context) error {
	for {
		err := s.view(ctx, func(t *tx) error { return t.check(ctx) })
		// Two commits in the moment before the first page is read: again.
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

func (t *tx) check(ctx context.Context) error {
	if err := t.checkPages(); err != nil {
		return err
	}
	for b := range bucketCount {
		n := 0
		err := t.scan(b, nil, func(_, _ []byte) error {
			if n++; n%4096 == 0 {
				return ctx.Err()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return t.checkCounts()
}

// checkPages looks at the pages that this transaction sees.
func (t *tx) checkPages() error { return t.checkWith(checkPages) }

func (t *tx) checkWith(check func(io.ReaderAt, *bbolt.Tx) error) error {
	file, err := os.Open(t.below.DB().Path())
	if err != nil {
		return err
	}
	defer file.Close()
	err = check(file, t.below)
	if err == nil || errors.Is(err, errOvertaken) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// checkCounts compares what is counted with what there is.
func (t *tx) checkCounts() error {
	revoked, waiting := map[uint32]int{}, map[uint32]int{}
	err := t.scan(flipBucket, nil, func(key, value []byte) error {
		v, err := decodeFlip(value)
		list := binary.BigEndian.Uint32(key)
		switch {
		case err != nil:
			return err
		case v.version > 0:
			revoked[list]++
		case !t.has(dueBucket, after(v.due, key)):
			return fmt.Errorf("%w: a flip is due that nobody looks for", ErrDamaged)
		default:
			waiting[list]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.scan(counterBucket, nil, func(key, value []byte) error {
		c, err := decodeCounter(value)
		list := binary.BigEndian.Uint32(key)
		if err == nil && (c.revoked != revoked[list] || c.waiting != waiting[list]) {
			err = fmt.Errorf("%w: a list counts %d and %d flips, there are %d and %d", ErrDamaged, c.revoked, c.waiting, revoked[list], waiting[list])
		}
		return err
	})
}
