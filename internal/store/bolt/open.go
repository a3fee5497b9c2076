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
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Refusals of Create and Open.
var (
	// ErrExists: Create does not touch a file that is there.
	ErrExists = errors.New("the database exists already")
	// ErrMissing: the file is not there; Create makes it, once.
	ErrMissing = errors.New("the database does not exist: it is made by init, once")
	// ErrLocked: another process has it open.
	ErrLocked = errors.New("the database is locked by another process, such as a running serve: stop that first")
	// ErrMode: others than the owner may read or write it, or it is no plain
	// file.
	ErrMode = errors.New("the database is not a plain file of mode 0600")
	// ErrDev: a development database without development, or the reverse.
	ErrDev = errors.New("the database and this start do not agree on development")
	// ErrForeign: the file is not a database of ours, or of another schema.
	ErrForeign = errors.New("not a database of this version")
	// ErrDamaged: the file is shorter than what was written, or what it is
	// managed by does not read. Bytes changed in the middle are not looked for.
	ErrDamaged = errors.New("the database is cut short or damaged: restore it from a copy")
)

// schema is the number of the layout of buckets and values.
const schema = "1"

// lockTimeout is how long Open waits for another process to let go. Two
// seconds is the promise to the operator, opening included.
const lockTimeout = time.Second

// Options of a store.
type Options struct {
	// PublicURL is where status lists are published: status.URI. Lists that
	// were opened under another one stay as they are and get no new entries.
	PublicURL string
	// Rand gives ids and keys of lists.
	Rand io.Reader
	// Dev marks a new database as one for development, and is needed to open
	// such a one.
	Dev bool
	// OnFatal is called once when the outcome of a commit is unknown. It must
	// end the process; nil panics.
	OnFatal func(error)

	// lockTimeout is lockTimeout, for tests.
	lockTimeout time.Duration
}

func (o Options) check() error {
	if o.PublicURL == "" || o.Rand == nil {
		return errors.New("bolt: public URL and randomness are needed")
	}
	return nil
}

// Create makes an empty database. It exists under its name only when it is
// whole and on the disk.
func Create(path string, opts Options) (err error) {
	if err := opts.check(); err != nil {
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
	return syncDir(filepath.Dir(path))
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
		for _, name := range buckets {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(metaBucket))
		return errors.Join(meta.Put([]byte("schema"), []byte(schema)), meta.Put([]byte("dev"), []byte(fmt.Sprint(dev))))
	})
	// Close does not sync; Update did, growing included.
	return errors.Join(err, db.Close())
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open opens a database that Create made.
func Open(path string, opts Options) (*Store, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	db, err := openFile(path, opts.lockTimeout)
	if err == nil {
		err = checkMarks(db, opts.Dev)
	}
	if err != nil {
		err = fmt.Errorf("opening %s: %w", path, err)
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, err
	}
	return newStore(db, opts), nil
}

func openFile(path string, timeout time.Duration) (*bbolt.DB, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0:
		return nil, ErrMode
	case info.Size() == 0: // bbolt would take it for a new one
		return nil, ErrForeign
	}
	if timeout == 0 {
		timeout = lockTimeout
	}
	db, err := openGuarded(path, timeout)
	switch {
	case err == nil:
		return db, checkLength(db, info.Size())
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrVersionMismatch), errors.Is(err, bbolterrors.ErrChecksum):
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return db, err
}

// openGuarded opens a file that may be cut short: bbolt reads its list of free
// pages through a mapping and panics over what is no such list, or the kernel
// faults over what lies behind the end.
func openGuarded(path string, timeout time.Duration) (db *bbolt.DB, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// The mapping stays, and with it the lock unless it is given back.
			err = errors.Join(fmt.Errorf("%w: %v", ErrDamaged, p), syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
			db = nil
		}
	}()
	return bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: timeout,
		// The list of free pages may be long after a sweep.
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE|syscall.O_NOFOLLOW, mode)
			file = f
			return f, err
		},
	})
}

// checkLength refuses a file that lacks pages which the database counts as
// its own: a fault while it serves would be too late.
func checkLength(db *bbolt.DB, length int64) error {
	return db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > length {
			return fmt.Errorf("%w: %d bytes of %d", ErrDamaged, length, tx.Size())
		}
		return nil
	})
}

func checkMarks(db *bbolt.DB, dev bool) error {
	return db.View(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%w: no bucket %s", ErrForeign, name)
			}
		}
		meta := tx.Bucket([]byte(metaBucket))
		if got := string(meta.Get([]byte("schema"))); got != schema {
			return fmt.Errorf("%w: schema %q, not %s", ErrForeign, got, schema)
		}
		switch marked := string(meta.Get([]byte("dev"))) == "true"; {
		case marked && !dev:
			return fmt.Errorf("%w: it is for development", ErrDev)
		case !marked && dev:
			return fmt.Errorf("%w: it is in earnest", ErrDev)
		}
		return nil
	})
}
