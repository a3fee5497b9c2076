package bolt

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"vidimus/internal/outfile"
)

// Create makes an empty database. It exists under its name only when it is
// whole and on the disk.
func Create(path string, opts Options) (err error) {
	if err := opts.complete(); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("creating %s: %w", path, ErrExists)
	}
	var suffix [8]byte
	if _, err := io.ReadFull(rand.Reader, suffix[:]); err != nil {
		return err
	}
	temp := path + ".new-" + hex.EncodeToString(suffix[:])
	defer func() {
		if rm := os.Remove(temp); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}()
	if err := fill(temp, opts.Dev); err != nil {
		return fmt.Errorf("creating %s: %w", path, err)
	}
	// Unlike a rename, a link never takes the place of a file that another
	// process made meanwhile.
	if err := os.Link(temp, path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = ErrExists
		}
		return fmt.Errorf("creating %s: %w", path, err)
	}
	return outfile.SyncFolder(filepath.Dir(path))
}

// fill makes a database with empty buckets and syncs it.
func fill(path string, dev bool) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			return os.OpenFile(name, flag|os.O_EXCL, mode)
		},
	})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(metaBucket.String()))
		return errors.Join(
			meta.Put([]byte(schemaKey), seal(metaBucket, []byte(schemaKey), []byte(Schema))),
			meta.Put([]byte(devKey), seal(metaBucket, []byte(devKey), []byte(fmt.Sprint(dev)))))
	})
	// Close does not sync; Update did, growing included.
	return errors.Join(err, db.Close())
}
