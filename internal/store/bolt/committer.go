package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

var (
	// ErrClosed: the store was closed; the operation did not happen.
	ErrClosed = errors.New("the store is closed")
	// ErrUnknown: a commit failed; whether the operation happened is to be
	// found out after a restart.
	ErrUnknown = errors.New("outcome unknown: the database failed")
)

const (
	// queueLength bounds those who wait for the disk; more wait before the
	// queue, and can still give up.
	queueLength = 1024
	// maxTransaction bounds the operations of one transaction, and with it how
	// long the first of them waits for the others' work.
	maxTransaction = 1024
)

type operation struct {
	ctx  context.Context
	do   func(*tx) error
	err  error
	done chan struct{}
}

// committer is the one goroutine that writes.
type committer struct {
	db      *bbolt.DB
	commit  func(*bbolt.Tx) error // (*bbolt.Tx).Commit; tests make it fail
	onFatal func(error)

	queue   chan *operation
	closing sync.RWMutex // held for writing to close the queue
	closed  bool
	ended   chan struct{}
	broken  atomic.Bool
	commits atomic.Uint64
}

func newCommitter(db *bbolt.DB, onFatal func(error)) *committer {
	if onFatal == nil {
		onFatal = func(err error) { panic(err) }
	}
	c := &committer{
		db: db, commit: (*bbolt.Tx).Commit, onFatal: onFatal,
		queue: make(chan *operation, queueLength), ended: make(chan struct{}),
	}
	go c.run()
	return c
}

// update runs an operation and returns when it is durable, or with its error
// and without a trace of it. A context that ends before the operation's turn
// takes it back; one that ends later does not.
func (c *committer) update(ctx context.Context, do func(*tx) error) error {
	op, err := c.submit(ctx, do)
	if err != nil {
		return err
	}
	<-op.done
	return op.err
}

// submit queues an operation. Those that one goroutine submits run in that
// order. The caller waits for done.
func (c *committer) submit(ctx context.Context, do func(*tx) error) (*operation, error) {
	op := &operation{ctx: ctx, do: do, done: make(chan struct{})}
	c.closing.RLock()
	defer c.closing.RUnlock()
	if c.closed {
		return nil, ErrClosed
	}
	select {
	case c.queue <- op:
		return op, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close lets what is queued finish.
func (c *committer) close() {
	c.closing.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.closing.Unlock()
	<-c.ended
}

func (c *committer) run() {
	defer close(c.ended)
	for first := range c.queue {
		ops := []*operation{first}
	drain:
		for len(ops) < maxTransaction {
			select {
			case op, open := <-c.queue:
				if !open {
					break drain
				}
				ops = append(ops, op)
			default:
				break drain // no lingering: who is alone does not wait
			}
		}
		if err := c.transact(ops); err != nil {
			for _, op := range ops {
				op.err = err
			}
		}
		for _, op := range ops {
			close(op.done)
		}
	}
}

// transact runs operations in one transaction and sets the error of each. Its
// own error is that of all.
func (c *committer) transact(ops []*operation) error {
	if c.broken.Load() {
		return ErrUnknown
	}
	btx, err := c.db.Begin(true)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	wrote := false
	for _, op := range ops {
		if op.err = op.ctx.Err(); op.err != nil {
			continue
		}
		t := newTx(btx)
		if op.err = isolated(op.do, t); op.err != nil {
			continue
		}
		wrote = wrote || len(t.writes) > 0
		if err := t.flush(); err != nil {
			// The buffer went in by half. Nothing of this transaction is on
			// the disk yet, and nothing will be.
			return errors.Join(err, btx.Rollback())
		}
	}
	if !wrote {
		return btx.Rollback()
	}
	if err := c.commit(btx); err != nil {
		c.broken.Store(true)
		err = fmt.Errorf("%w: %w", ErrUnknown, err)
		c.onFatal(err)
		return err
	}
	c.commits.Add(1)
	return nil
}

// isolated turns a panic of an operation into its error: it has written only
// into its own buffer, and the others are not to be drawn in.
func isolated(do func(*tx) error, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a store operation: %v\n%s", p, debug.Stack())
		}
	}()
	return do(t)
}
