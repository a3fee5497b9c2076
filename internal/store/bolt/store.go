package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db     *bbolt.DB
	opts   Options
	writer *committer
}

var (
	_ registry.Store   = (*Store)(nil)
	_ registry.Records = (*Store)(nil)
	_ issuance.Store   = (*Store)(nil)
	_ authserver.Store = (*Store)(nil)
	_ status.Store     = (*Store)(nil)
	_ audit.Writer     = (*Store)(nil)
)

func newStore(db *bbolt.DB, opts Options) *Store {
	return &Store{db: db, opts: opts, writer: newCommitter(db, opts.OnFatal)}
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
func (s *Store) view(ctx context.Context, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.db.View(func(b *bbolt.Tx) error { return do(newTx(b)) })
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// errIntent: the service sent an intent that cannot be meant.
var errIntent = errors.New("intent without a new batch id, a document or a count")

var auditHeadKey = []byte("audit-head")

// note appends to the audit record within an operation.
func (t *tx) note(e audit.Event) error {
	head, err := t.auditHead()
	if err != nil {
		return err
	}
	line, next, err := head.Next(e)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	t.put(auditBucket, number(next.Seq), line)
	t.put(metaBucket, auditHeadKey, append(number(next.Seq), next.Hash[:]...))
	return nil
}

func (t *tx) auditHead() (audit.Head, error) {
	var head audit.Head
	switch v := t.get(metaBucket, auditHeadKey); len(v) {
	case 0:
	case 8 + len(head.Hash):
		head.Seq = toNumber(v[:8])
		copy(head.Hash[:], v[8:])
	default:
		return head, errors.New("audit head of a wrong length")
	}
	return head, nil
}

// Append implements audit.Writer.
func (s *Store) Append(ctx context.Context, e audit.Event) error {
	return s.writer.update(ctx, func(t *tx) error { return t.note(e) })
}

// WriteAudit writes the audit record, one line an event.
func (s *Store) WriteAudit(ctx context.Context, w io.Writer) error {
	return s.view(ctx, func(t *tx) error {
		return t.scan(auditBucket, nil, func(_, line []byte) error {
			_, err := fmt.Fprintf(w, "%s\n", line)
			return err
		})
	})
}
