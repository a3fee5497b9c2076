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

	"vidimus/internal/keys"
)

// token is one token for as long as the manager is there: the connection that it
// has at present, or the search for the next.
type token struct {
	m                *module
	label, pinSource string
	lanes            *lanes
	tables           *atomic.Int64 // of the manager
	changed          func(Status)
	ctx              context.Context // ends with the manager

	mu      sync.Mutex
	state   State
	now     *connection
	settled chan struct{} // closed when StateReturning is over
	fault   Fault
	why     error
	pin     attempts
	trying  *instance       // where a login is under way
	right   fingerprint     // of the file whose PIN was right
	keys    map[string]*key // by label and ID
	probe   *key

	returned, lies, wrongPINs atomic.Uint64
	opening                   sync.Mutex // one first connection at a time
	creating                  sync.Mutex // and one new key
	telling                   sync.Mutex // before mu: changes are told in their order
	searches                  sync.WaitGroup
}

// connected gives the connection. While the first try after a fault goes on it
// waits; after that it fails at once. Errors match ErrUnavailable.
func (t *token) connected(ctx context.Context) (*connection, error) {
	for {
		t.mu.Lock()
		c, state, settled, why := t.now, t.state, t.settled, t.why
		t.mu.Unlock()
		switch state {
		case StateConnected:
			return c, nil
		case StateReturning:
			select {
			case <-settled:
				continue
			case <-ctx.Done():
				why = ctx.Err()
			}
		}
		return nil, unavailable(why)
	}
}

// first connects to a token that was never reached, and says why not.
func (t *token) first(ctx context.Context) error {
	t.opening.Lock()
	defer t.opening.Unlock()
	t.mu.Lock()
	state := t.state
	t.mu.Unlock()
	if state != StateNew {
		return nil
	}
	c, err := t.reach(ctx, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.fault, t.why = faultOf(err), err
		if errors.Is(err, ErrPIN) {
			return err
		}
		return unavailable(err)
	}
	if t.ctx.Err() != nil {
		return fs.ErrClosed
	}
	t.now, t.state, t.fault = c, StateConnected, FaultNone
	t.m.serve(t, c)
	return nil
}

// reach connects, with the module as it is, or else with the module begun anew, unless
// that serves other tokens: they are not to suffer for this one. A PIN that was refused is tried once more at the start, for a token may err; later
// the search does so by itself.
func (t *token) reach(ctx context.Context, again bool) (*connection, error) {
	t.m.mu.Lock()
	epoch := t.m.epoch
	t.m.mu.Unlock()
	c, err := t.connect(ctx)
	if err != nil && again && errors.Is(err, ErrPIN) && t.refusedOnce() {
		c, err = t.connect(ctx)
	}
	if err == nil || errors.Is(err, ErrPIN) || !moduleLost(err) && t.othersServed() {
		return c, err
	}
	if rerr := t.m.renew(ctx, epoch); rerr != nil {
		return nil, fmt.Errorf("%w (before: %w)", rerr, err)
	}
	c, err = t.connect(ctx)
	if err != nil && again && errors.Is(err, ErrPIN) && t.refusedOnce() {
		return t.connect(ctx)
	}
	return c, err
}

// othersServed says whether the module serves other tokens, by asking them: one that
// nobody uses may have gone with the module, and not know.
func (t *token) othersServed() bool {
	for other, c := range t.m.serves(t) {
		if err := other.prove(c); err != nil && t.ctx.Err() == nil {
			other.blame(c, err)
		}
	}
	return len(t.m.serves(t)) > 0
}

// blame ends a connection for an error that is its own. A single slow call is not, nor
// is a key that is no longer in the token: others are.
func (t *token) blame(c *connection, err error) {
	fault := faultOf(err)
	switch {
	case fault == FaultKey:
		return
	case fault == FaultTimeout:
		if !errors.Is(err, errHanging) && !(errors.Is(err, errTimeout) && c.slow.Add(1) >= timeouts) {
			return
		}
	}
	t.failed(c, fault, err)
}

// failed ends a connection for all who use it and begins the search for the next.
func (t *token) failed(c *connection, fault Fault, why error) {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	if t.now != c || t.state != StateConnected || t.ctx.Err() != nil {
		t.mu.Unlock()
		return
	}
	t.now, t.state, t.settled, t.fault, t.why = nil, StateReturning, make(chan struct{}), fault, why
	t.searches.Add(1)
	t.m.serve(t, nil)
	t.mu.Unlock()
	t.tell()
	c.dead.Store(true)
	go c.end()
	go t.search()
}

// search tries to find the token until it is there or the manager is closed: the
// first try at once, for a session that was lost is soon replaced; then with the
// breaker open. It is back when a key, if one is known, makes a signature that
// verifies.
func (t *token) search() {
	defer t.searches.Done()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		c, err := t.reach(t.ctx, false)
		if err == nil {
			if err = t.prove(c); err != nil {
				go c.end()
			}
		}
		t.telling.Lock()
		t.mu.Lock()
		was := t.state
		if err == nil {
			t.now, t.state, t.why = c, StateConnected, nil
			t.m.serve(t, c)
		} else {
			t.state, t.fault, t.why = StateOpen, faultOf(err), err
		}
		if was == StateReturning {
			close(t.settled)
		}
		t.mu.Unlock()
		if err == nil {
			t.returned.Add(1)
		}
		if err == nil || was == StateReturning {
			t.tell()
		}
		t.telling.Unlock()
		if err == nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-t.ctx.Done():
			return
		}
	}
}

// prove has a known key sign something of no use, and verifies it. Keys that are no
// longer in the token are passed over, if there is another.
func (t *token) prove(c *connection) error {
	t.mu.Lock()
	known := slices.Collect(maps.Values(t.keys))
	if t.probe != nil { // which proved itself last
		known = append([]*key{t.probe}, known...)
	}
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.ctx, callTime)
	defer cancel()
	if len(known) == 0 {
		return c.with(ctx, func(p *pkcs11.Ctx, s pkcs11.SessionHandle) error {
			_, err := p.GetSessionInfo(s)
			return err
		})
	}
	var err error
	for _, k := range known {
		if err = k.prove(ctx, c); faultOf(err) != FaultKey {
			if err == nil {
				t.mu.Lock()
				t.probe = k
				t.mu.Unlock()
			}
			return err
		}
	}
	return err
}

// tell is called with telling held.
func (t *token) tell() {
	if t.changed != nil {
		t.changed(t.status())
	}
}

func (t *token) status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Status{
		Module: t.m.path, Token: t.label, State: t.state, Fault: t.fault,
		InFlight: t.lanes.inFlight(), Stuck: int(t.m.stuck.Load()), Keys: len(t.keys),
		Returned: t.returned.Load(), Lies: t.lies.Load(), WrongPINs: t.wrongPINs.Load(),
	}
}

func (t *token) allowed(file fingerprint) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pin.allow(file)
}

func (t *token) lock() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pin.locked = true
}

func (t *token) refusedOnce() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pin.wrong == 1 && !t.pin.locked
}

// knownRight says whether this PIN opened the token before.
func (t *token) knownRight(file fingerprint) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.right == file
}

// mayLogIn says whether no login is under way; one that was left behind with its
// instance may hang for ever, and is of no consequence if the PIN is known to be
// right.
func (t *token) mayLogIn(i *instance, file fingerprint) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trying != nil && (t.trying == i || t.right != file) {
		return false
	}
	t.trying = i
	return true
}

// judge counts what the token said to a PIN.
func (t *token) judge(err error, i *instance, file fingerprint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trying == i {
		t.trying = nil
	}
	switch {
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)): // which says nothing of the PIN
		i.good.Store(true)
	case err == nil:
		t.pin.accepted()
		t.right = file
		i.good.Store(true)
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LOCKED)):
		t.pin.locked = true
		t.wrongPINs.Add(1)
	case faultOf(err) == FaultPIN:
		t.pin.refused(file)
		t.wrongPINs.Add(1)
	}
}

// signature is one signature by one connection, r and s side by side. Nothing of a
// call that came late is ever seen again. ctx is bounded.
func (t *token) signature(ctx context.Context, c *connection, handle pkcs11.ObjectHandle, digest []byte) ([]byte, error) {
	if t.m.stuck.Load() >= maxStuck {
		return nil, errHanging
	}
	var (
		raw  []byte
		s    pkcs11.SessionHandle
		i    *instance
		mine = append([]byte(nil), digest...) // the caller's may be another's by the time C reads it
	)
	err := t.lanes.do(ctx, &job{
		of: c,
		begin: func() (err error) {
			if err = ctx.Err(); err != nil {
				return err
			}
			if s, err = c.take(ctx); err != nil {
				return err
			}
			if i, err = c.m.enter(c.epoch); err != nil {
				c.giveBack(s)
			}
			return err
		},
		end: func(called bool) {
			c.m.leave(i)
			if !called {
				c.giveBack(s)
			}
		},
		call: func() error {
			err := i.p.SignInit(s, ecdsaMechanism, handle)
			if err == nil {
				raw, err = i.p.Sign(s, mine)
			}
			c.put(s, err == nil)
			return err
		},
		hangs: func(n int64) {
			c.m.stuck.Add(n)
			i.stuck.Add(n)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return raw, nil
}

var ecdsaMechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}

var _ keys.Manager = (*manager)(nil)
