package bolt

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"vidimus/internal/audit"
	"vidimus/internal/faults"
	"vidimus/internal/status"
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
	// ErrSchema: the file was made by a version with another layout. There is
	// no way from one to the other but loading the registries again.
	ErrSchema = fmt.Errorf("%w: its layout is another one; make a new database with init and load the registries again", ErrForeign)
	// ErrDamaged: the file is shorter than what was written, what it is
	// managed by does not read, or a record has a wrong checksum.
	ErrDamaged = errors.New("the database is cut short or damaged: restore it from a copy")
)

// Schema is the number of the layout of buckets and values.
const Schema = "2"

const (
	schemaKey = "schema"
	devKey    = "dev"
)

// lockTimeout is how long Open waits for another process to let go. Two
// seconds is the promise to the operator, opening included.
const lockTimeout = time.Second

const (
	// mapping is how much of the address space the file gets: while a backup
	// reads, a file that outgrew its mapping would make writers wait.
	mapping = 64 << 30
	// checkedSize is up to what size Open reads the whole file, which takes a
	// tenth of a second. Larger ones are read by Check.
	checkedSize = 32 << 20
	// maxOpenLists bounds how many lists copies are drawn from: one octet of a
	// batch names one.
	maxOpenLists = 256
)

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

	// Schedule says when flips are due; nil is at once, and no copy is left
	// alone.
	Schedule status.Schedule
	// OpenLists is from how many lists the copies of a batch are drawn; 0 is
	// DefaultOpenLists.
	OpenLists int
	// Rotate is after what time a list is closed; 0 is DefaultRotate.
	Rotate time.Duration
	// Pseudonyms stand for persons in the audit record. Without them an event
	// that has a person is refused, and with it what it tells of.
	Pseudonyms audit.Pseudonyms
	// Reserve is how much room on the disk is left for others: writes that
	// would take of it are refused with ErrFull. 0 is DefaultReserve.
	Reserve uint64
	// Statfs tells how much room there is; nil asks the system.
	Statfs func(dir string, into *syscall.Statfs_t) error

	// lockTimeout is lockTimeout, and unread lets Open treat a small file like
	// a large one: for tests.
	lockTimeout time.Duration
	unread      bool
}

// The defaults of Options.
const (
	DefaultOpenLists = 8
	DefaultRotate    = status.DefaultRotate
	// DefaultReserve is room for the log lines of who finds the disk full.
	DefaultReserve = 16 << 20
)

// complete checks the options and fills in defaults.
func (o *Options) complete() error {
	if o.PublicURL == "" || o.Rand == nil {
		return errors.New("bolt: public URL and randomness are needed")
	}
	if o.OpenLists < 0 || o.OpenLists > maxOpenLists || o.Rotate < 0 {
		return fmt.Errorf("bolt: open lists are 1 to %d, rotate is not negative", maxOpenLists)
	}
	if o.Schedule == nil {
		o.Schedule = atOnce{}
	}
	if o.OpenLists == 0 {
		o.OpenLists = DefaultOpenLists
	}
	if o.Rotate == 0 {
		o.Rotate = DefaultRotate
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.Statfs == nil {
		o.Statfs = syscall.Statfs
	}
	return nil
}

// atOnce is the Schedule of who has none.
type atOnce struct{}

func (atOnce) Due(now time.Time, _ bool, _ time.Time, _ io.Reader) (time.Time, bool, error) {
	return now, false, nil
}

// Open opens a database that Create made.
func Open(path string, opts Options) (*Store, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	db, err := openFile(path, opts.lockTimeout)
	if err == nil {
		err = checkMarks(db, opts.Dev)
	}
	if err == nil && !opts.unread {
		err = checkSmall(db)
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
	switch { // a damaged page can look like anything
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
	if faults.Wrong("store.unlocked") {
		defer func() { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }()
	}
	return bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: timeout,
		// The list of free pages may be long after a sweep.
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapping,
		NoSync:          faults.Wrong("store.no-sync"),
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

// checkMarks reads what Create wrote about the file itself, and adds what an
// older version did not write.
func checkMarks(db *bbolt.DB, dev bool) error {
	missing := false
	err := guarded(db, func(t *tx) error {
		if err := t.checkWith(checkNames); err != nil {
			return err
		}
		defer stumbled(metaBucket)
		meta := t.below.Bucket([]byte(metaBucket.String()))
		if meta == nil {
			return fmt.Errorf("%w: no bucket %s", ErrForeign, metaBucket)
		}
		found := meta.Get([]byte(schemaKey))
		if string(found) == "1" {
			return fmt.Errorf("%w (schema 1, not %s)", ErrSchema, Schema)
		}
		if found == nil {
			return fmt.Errorf("%w: no schema", ErrForeign)
		}
		if got := string(t.get(metaBucket, []byte(schemaKey))); got != Schema {
			return fmt.Errorf("%w (schema %q, not %s)", ErrSchema, got, Schema)
		}
		for b, name := range bucketNames {
			switch {
			case t.below.Bucket([]byte(name)) != nil:
			case slices.Contains(younger, bucketID(b)):
				missing = true
			default:
				return fmt.Errorf("%w: no bucket %s", ErrForeign, name)
			}
		}
		switch marked := string(t.get(metaBucket, []byte(devKey))) == "true"; {
		case marked && !dev:
			return fmt.Errorf("%w: it is for development", ErrDev)
		case !marked && dev:
			return fmt.Errorf("%w: it is in earnest", ErrDev)
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return addYounger(db)
}
