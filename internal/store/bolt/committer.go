package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"vidimus/internal/faults"
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
	// maxSteps and maxOctets bound one transaction, and with it how long the
	// first of its callers waits for the others' work: a step that has begun
	// is the last one above the bound.
	maxSteps  = 2048
	maxOctets = 16 << 20
)

// step is what is done or left undone as a whole.
type step func(*tx) error

// operation is what one caller wants: steps of their own, in order, each with
// its own error. They share transactions with each other and with other
// operations.
type operation struct {
	ctx   context.Context
	steps []step
	errs  []error
	taken int // steps that had their turn
	done  chan struct{}
}

// committer is the one goroutine that writes.
type committer struct {
	db      *bbolt.DB
	commit  func(*bbolt.Tx) error // (*bbolt.Tx).Commit; tests make it fail
	space   func(need uint64) error
	onFatal func(error)

	tx      tx // of run, used again and again
	queue   chan *operation
	closing sync.RWMutex // held for writing to close the queue
	closed  bool
	ended   chan struct{}
	broken  atomic.Bool
	commits atomic.Uint64
}

func newCommitter(db *bbolt.DB, space func(uint64) error, onFatal func(error)) *committer {
	if onFatal == nil {
		onFatal = func(err error) { panic(err) }
	}
	c := &committer{
		db: db, commit: (*bbolt.Tx).Commit, space: space, onFatal: onFatal,
		queue: make(chan *operation, queueLength), ended: make(chan struct{}),
	}
	go c.run()
	return c
}

// update runs one step and returns when it is durable, or with its error and
// without a trace of it. A context that ends before the step's turn takes it
// back; one that ends later does not.
func (c *committer) update(ctx context.Context, do step) error {
	op, err := c.submit(ctx, do)
	if err != nil {
		return err
	}
	<-op.done
	return op.errs[0]
}

// submit queues an operation. The caller waits for done.
func (c *committer) submit(ctx context.Context, steps ...step) (*operation, error) {
	op := &operation{ctx: ctx, steps: steps, errs: make([]error, len(steps)), done: make(chan struct{})}
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
	// What lies behind a damaged page number is not mapped.
	debug.SetPanicOnFault(true)
	var ops []*operation
	for {
		if len(ops) == 0 {
			op, open := <-c.queue
			if !open {
				return
			}
			ops = append(ops, op)
		}
		t := &turn{committer: c, ops: ops}
		t.run()
		ops = t.left()
	}
}

// turn is one transaction and who takes part in it.
type turn struct {
	*committer
	ops    []*operation
	first  []int // of each operation, the first step of this turn
	wrote  bool
	writer struct{ op, step int } // first step that wrote
}

// run takes steps, of ops and of whoever queues meanwhile, until the bounds.
// No lingering: who is alone does not wait.
func (t *turn) run() {
	if err := t.transact(); err != nil {
		t.fail(err)
	}
}

// transact gives the error of all steps from the first that wrote something:
// they may have seen it.
func (t *turn) transact() error {
	if t.broken.Load() {
		t.skip()
		return ErrUnknown
	}
	below, err := t.db.Begin(true)
	if err != nil {
		t.skip()
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	x := &t.tx
	x.again(below)
	taken := 0
	for i := 0; taken < maxSteps && x.size < maxOctets; i++ {
		if i == len(t.ops) && !t.more() {
			break
		}
		op := t.ops[i]
		t.first = append(t.first, op.taken)
		for op.taken < len(op.steps) && taken < maxSteps && x.size < maxOctets {
			t.take(x, i)
			taken++
		}
	}
	if !t.wrote {
		return below.Rollback()
	}
	faults.Point("store.before-commit")
	if err := t.space(x.need()); err != nil && !faults.Wrong("store.commit-ignored") {
		return errors.Join(err, below.Rollback())
	}
	if faults.Wrong("store.early-answer") {
		t.left()
	}
	if err := flushed(x); err != nil {
		// It went in by half. Nothing of this transaction is on the disk yet,
		// and nothing will be.
		return errors.Join(err, below.Rollback())
	}
	if err := t.durable(below); err != nil {
		t.broken.Store(true)
		err = fmt.Errorf("%w: %w", ErrUnknown, err)
		t.fail(err)
		t.onFatal(err)
		return err
	}
	faults.Point("store.after-commit")
	t.commits.Add(1)
	return nil
}

// more takes one more operation from the queue.
func (t *turn) more() bool {
	select {
	case op, open := <-t.queue:
		if open {
			t.ops = append(t.ops, op)
		}
		return open
	default:
		return false
	}
}

// take runs the next step of an operation.
func (t *turn) take(x *tx, i int) {
	op := t.ops[i]
	n := op.taken
	op.taken++
	if op.errs[n] = op.ctx.Err(); op.errs[n] != nil {
		return
	}
	if op.errs[n] = isolated(op.steps[n], x); op.errs[n] != nil {
		x.revert()
		return
	}
	if !t.wrote && len(x.undo) > 0 {
		t.wrote, t.writer.op, t.writer.step = true, i, n
	}
	x.keep()
}

// skip gives every step its turn without running it.
func (t *turn) skip() {
	t.wrote = true
	for _, op := range t.ops {
		t.first = append(t.first, op.taken)
		op.taken = len(op.steps)
	}
	if len(t.first) > 0 {
		t.writer.step = t.first[0]
	}
}

func (t *turn) fail(err error) {
	for i, from := range t.first {
		if i < t.writer.op {
			continue
		}
		if i == t.writer.op {
			from = t.writer.step
		}
		for n := from; n < t.ops[i].taken; n++ {
			t.ops[i].errs[n] = err
		}
	}
}

// left wakes those whose steps had all their turn, and gives the others.
func (t *turn) left() []*operation {
	var left []*operation
	for _, op := range t.ops {
		if op.taken < len(op.steps) {
			left = append(left, op)
			continue
		}
		select {
		case <-op.done:
		default:
			close(op.done)
		}
	}
	return left
}

// isolated turns a panic of a step into its error: it has written only above
// the transaction, and the others are not to be drawn in.
func isolated(do step, x *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if err := do(x); err != nil {
		return err
	}
	return x.fault
}

// panicked is the error that a panic of a step becomes.
func panicked(p any) error {
	if d, ok := p.(damage); ok {
		return fmt.Errorf("%w: %w", ErrDamaged, d)
	}
	return fmt.Errorf("panic in a store operation: %v\n%s", p, debug.Stack())
}

func flushed(x *tx) error {
	if err := x.flush(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// durable commits. A panic on the way leaves nobody the wiser.
func (c *committer) durable(below *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a commit: %v", p)
		}
	}()
	if err := c.commit(below); err != nil && !faults.Wrong("store.commit-ignored") {
		return err
	}
	return faults.Err("store.commit-error")
}
