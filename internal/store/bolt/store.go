package bolt

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/bulk"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db     *bbolt.DB
	opts   Options
	disk   *disk
	writer *committer
	lists  listCache
}

var (
	_ registry.Store   = (*Store)(nil)
	_ registry.Records = (*Store)(nil)
	_ issuance.Store   = (*Store)(nil)
	_ authserver.Store = (*Store)(nil)
	_ status.Store     = (*Store)(nil)
	_ notice.Store     = (*Store)(nil)
	_ bulk.Store       = (*Store)(nil)
	_ officer.Store    = (*Store)(nil)
	_ emergency.Store  = (*Store)(nil)
	_ audit.Writer     = (*Store)(nil)
	_ audit.TreeStore  = (*Store)(nil)
)

func newStore(db *bbolt.DB, opts Options) *Store {
	s := &Store{db: db, opts: opts, disk: newDisk(db.Path(), opts), lists: listCache{known: map[uint32]*knownList{}}}
	s.writer = newCommitter(db, s.disk.room, opts.OnFatal)
	return s
}

// Close finishes what is queued and lets go of the file.
func (s *Store) Close() error {
	s.writer.close()
	return s.db.Close()
}

// Commits counts the transactions that were made durable, each with one fsync
// of the data and one of the meta page.
func (s *Store) Commits() uint64 { return s.writer.commits.Load() }

// view runs a reading step.
func (s *Store) view(ctx context.Context, do step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := guarded(s.db, do)
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// update runs a writing step.
func (s *Store) update(ctx context.Context, do step) error { return s.writer.update(ctx, do) }

// Keys of metaBucket.
var (
	auditHeadKey     = []byte("audit-head")
	treeSizeKey      = []byte("tree-size")
	checkpointKey    = []byte("checkpoint")
	eventCountKey    = []byte("events")
	sourceCountKey   = []byte("sources")
	listCountKey     = []byte("lists")
	endCountKey      = []byte("ends")
	coverWindowKey   = []byte("cover-window")
	noticeCountKey   = []byte("notices")
	noticeWaitingKey = []byte("notices-waiting")
)

// nextNumber counts something up and gives the new number, from 1.
func (t *tx) nextNumber(key []byte) uint64 {
	n := toNumber(t.get(metaBucket, key)) + 1
	t.put(metaBucket, key, number(n))
	return n
}
