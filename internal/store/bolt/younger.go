package bolt

import (
	"fmt"
	"runtime/debug"
	"slices"

	"go.etcd.io/bbolt"
)

// addYounger adds the buckets that an older version did not make. A bucket
// that is missing may as well be one whose name was damaged, and an empty one
// in its place would answer that nothing is stopped: the pages are read whole
// first, however large the file is, and every name must be one of ours. It
// happens once in the life of a file.
func addYounger(db *bbolt.DB) (err error) {
	err = guarded(db, func(t *tx) error {
		if err := t.checkPages(); err != nil {
			return err
		}
		defer stumbled(metaBucket)
		c := t.below.Cursor()
		for name, value := c.First(); name != nil; name, value = c.Next() {
			if value != nil || !slices.Contains(bucketNames[:], string(name)) {
				return fmt.Errorf("%w: %q is none of its buckets", ErrDamaged, name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What checkPages did not see, the library copies from where nothing is mapped.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return db.Update(func(tx *bbolt.Tx) error {
		for _, b := range younger {
			if _, err := tx.CreateBucketIfNotExists([]byte(b.String())); err != nil {
				return err
			}
		}
		return nil
	})
}
