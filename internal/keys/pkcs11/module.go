//go:build pkcs11

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"
)

// module is a shared object, which several tokens may use. C_Finalize and
// C_Initialize concern all of them, and may not run beside any other call: so every
// call enters first, and an epoch says between which two it belongs.
type module struct {
	path string

	mu      sync.Mutex
	now     *instance
	behind  []*instance // left, for calls in them hang
	epoch   uint64      // 0: was never initialised
	ready   bool
	closing bool
	drained chan struct{} // closed when nobody is in C any more, while closing
	renewal *renewal      // the one that goes on
	over    bool          // closed for good
	serving map[*token]*connection

	stuck atomic.Int64 // calls that hang, in all instances
}

type renewal struct {
	done chan struct{}
	err  error
}

func loadModule(path string) (*module, error) {
	i, err := loadInstance(path)
	if err != nil {
		return nil, err
	}
	return &module{path: path, now: i, serving: map[*token]*connection{}}, nil
}

// present gives the epoch that goes on.
func (m *module) present() (uint64, *instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing || !m.ready {
		return 0, nil, errStale
	}
	return m.epoch, m.now, nil
}

// serve notes the connection that a token is served by; nil when it is no more.
func (m *module) serve(t *token, c *connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c == nil {
		delete(m.serving, t)
	} else if c.epoch == m.epoch {
		m.serving[t] = c
	}
}

// serves gives the tokens but one that are served in the epoch that goes on.
func (m *module) serves(but *token) map[*token]*connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	others := maps.Clone(m.serving)
	delete(others, but)
	return others
}

// enter takes part in an epoch, if it still goes on.
func (m *module) enter(epoch uint64) (*instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing || !m.ready || epoch != m.epoch {
		return nil, errStale
	}
	m.now.inC++
	return m.now, nil
}

func (m *module) leave(i *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i.inC--; i.inC == 0 && i == m.now && m.closing {
		close(m.drained)
	}
}

// call makes one call into C in an epoch and waits no longer than ctx and callTime.
// When it stays away longer, late is told what came of it in the end; the call
// itself must not touch what the caller then uses.
func (m *module) call(ctx context.Context, epoch uint64, f func(*pkcs11.Ctx) error, late func(error)) error {
	return m.callWithin(ctx, callTime, epoch, f, late)
}

func (m *module) callWithin(ctx context.Context, limit time.Duration, epoch uint64, f func(*pkcs11.Ctx) error, late func(error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return m.run(ctx, epoch, f, late)
}

// run is call for who has bounded ctx already. An error that matches errTimeout
// means that the call began and is still in C.
func (m *module) run(ctx context.Context, epoch uint64, f func(*pkcs11.Ctx) error, late func(error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.stuck.Load() >= maxStuck {
		return errHanging
	}
	i, err := m.enter(epoch)
	if err != nil {
		return err
	}
	var gone atomic.Int32 // who comes second knows of the first
	answer := make(chan error, 1)
	go func() {
		err := f(i.p)
		if !gone.CompareAndSwap(0, 1) {
			if late != nil {
				late(err) // which may hang too
			}
			m.stuck.Add(-1)
			i.stuck.Add(-1)
		}
		m.leave(i)
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	m.stuck.Add(1)
	i.stuck.Add(1)
	if gone.CompareAndSwap(0, 1) {
		return fmt.Errorf("%w: %w", errTimeout, ctx.Err())
	}
	m.stuck.Add(-1)
	i.stuck.Add(-1)
	return <-answer
}

// renew ends the module and begins it anew, unless it is of another epoch than the
// one that failed already. One renewal goes on at a time; who comes meanwhile waits
// for it. An instance in which calls hang is left behind, if it was ever of use:
// else another copy would be no better.
func (m *module) renew(ctx context.Context, failed uint64) error {
	m.mu.Lock()
	if m.over {
		m.mu.Unlock()
		return fs.ErrClosed
	}
	if m.ready && m.epoch != failed {
		m.mu.Unlock()
		return nil
	}
	r := m.renewal
	if r == nil && m.now.stuck.Load() > 0 && (!m.now.good.Load() || m.hanging() >= maxCopies) {
		m.mu.Unlock()
		return fmt.Errorf("initialising the module: %w", errHanging)
	}
	if r == nil {
		r = &renewal{done: make(chan struct{})}
		m.renewal = r
		go m.begin(r)
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, drainTime+callTime)
	defer cancel()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("initialising the module: %w", errTimeout)
	}
}

// hanging counts the instances left behind that calls hang in; mu is held.
func (m *module) hanging() int {
	n := 0
	for _, i := range m.behind {
		if i.inC > 0 {
			n++
		}
	}
	return n
}

func (m *module) begin(r *renewal) {
	r.err = m.initialize()
	m.mu.Lock()
	m.renewal = nil
	m.mu.Unlock()
	close(r.done)
}

func (m *module) initialize() error {
	end := m.finalize
	if m.now.stuck.Load() > 0 { // nobody but this renewal changes which instance it is
		end = m.abandon
	}
	if err := end(); err != nil {
		return err
	}
	err := m.now.p.Initialize()
	// Somebody else in this process uses the module: then it is ready.
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		err = nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closing = false
	if err != nil {
		return fmt.Errorf("initialising the module: %w", err)
	}
	m.epoch++
	clear(m.serving) // they do not know yet
	m.ready = true
	return nil
}

// abandon leaves the instance behind for a copy, and the gate closed.
func (m *module) abandon() error {
	i, err := loadCopy(m.path)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.behind = slices.DeleteFunc(m.behind, func(i *instance) bool { return i.inC == 0 }) // they came back
	m.behind = append(m.behind, m.now)
	m.now, m.ready, m.closing = i, false, true
	return nil
}

// finalize ends the epoch when all calls have come back, and leaves the gate closed.
func (m *module) finalize() error {
	m.mu.Lock()
	m.closing, m.drained = true, make(chan struct{})
	if m.now.inC == 0 {
		close(m.drained)
	}
	drained, ready := m.drained, m.ready
	m.mu.Unlock()
	patience := time.NewTimer(drainTime)
	defer patience.Stop()
	select {
	case <-drained:
	case <-patience.C:
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.now.inC > 0 {
			m.closing = false
			return fmt.Errorf("%w: %d calls are still in the module", errTimeout, m.now.inC)
		}
	}
	if ready {
		// Of no consequence: what fails here is gone already.
		_ = m.now.p.Finalize()
	}
	m.mu.Lock()
	m.ready = false
	m.mu.Unlock()
	return nil
}

// close ends the module, unless calls hang in it or it is just being begun: to end it
// would pull the ground from under them. Instances that were left behind may stand on
// the same library as the one that serves, so that calls in them count too.
func (m *module) close() error {
	m.mu.Lock()
	m.over = true
	busy := m.renewal != nil || m.now.stuck.Load() > 0 || m.hanging() > 0
	m.mu.Unlock()
	if busy {
		return nil
	}
	return m.finalize()
}
