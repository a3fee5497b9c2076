package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"vidimus/internal/outfile"
)

// compactStep is how many octets one transaction of a compaction copies.
const compactStep = 4 << 20

// Compact writes the database anew without its free pages, and gives its size
// before and after. bbolt marks the pages of deleted values as free and leaves
// what is in them until they are used again; a backup copies them too. After
// Compact nothing of a deleted value is in the file; what the file system
// keeps of the old one is not ours to say.
//
// The file must not be open. It is replaced as a whole, or not at all.
func Compact(path string, opts Options) (before, after int64, err error) {
	if err := opts.complete(); err != nil {
		return 0, 0, err
	}
	db, err := openFile(path, opts.lockTimeout)
	if err == nil {
		err = checkMarks(db, opts.Dev)
	}
	if err == nil {
		err = guarded(db, func(t *tx) error {
			before = t.below.Size()
			return t.check(context.Background())
		})
	}
	if err == nil {
		after, err = compactInto(path+".compact", db)
	}
	if err == nil {
		// The lock is held until the new file is in place.
		err = errors.Join(os.Rename(path+".compact", path), outfile.SyncFolder(filepath.Dir(path)))
	}
	if db != nil {
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return 0, 0, fmt.Errorf("compacting %s: %w", path, err)
	}
	return before, after, nil
}

// compactInto copies what is in use into a new file, synced.
func compactInto(path string, from *bbolt.DB) (size int64, err error) {
	// Whoever holds the lock of the database is alone: this is a left-over.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	to, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		return 0, err
	}
	err = bbolt.Compact(to, from, compactStep)
	if err == nil {
		err = to.Sync()
	}
	if err == nil {
		err = guarded(to, func(t *tx) error {
			size = t.below.Size()
			return t.check(context.Background())
		})
	}
	if err = errors.Join(err, to.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return size, err
}
