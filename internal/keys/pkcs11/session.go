//go:build pkcs11

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// connection is a token between two faults: the epoch of its module, the slot it
// was found in, and sessions that are logged in. A session is used by one call at
// a time.
type connection struct {
	m     *module
	i     *instance
	epoch uint64
	slot  uint
	last  bool // one wrong PIN more, and the token is locked
	dead  atomic.Bool
	slow  atomic.Int32 // calls in a row that did not return in time

	reads chan struct{} // holds one: whoever has it may look at known
	known index

	mu   sync.Mutex
	idle []pkcs11.SessionHandle
	keep pkcs11.SessionHandle // stays open: with the last session goes the login
	has  bool
}

// take gives an idle session or opens one.
func (c *connection) take(ctx context.Context) (pkcs11.SessionHandle, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		s := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		return s, nil
	}
	c.mu.Unlock()
	return c.open(ctx, 0)
}

func (c *connection) open(ctx context.Context, flags uint) (pkcs11.SessionHandle, error) {
	var s pkcs11.SessionHandle
	err := c.m.call(ctx, c.epoch, func(p *pkcs11.Ctx) (err error) {
		s, err = p.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|flags)
		return err
	}, func(err error) {
		if err == nil {
			c.i.p.CloseSession(s)
		}
	})
	if err != nil {
		return 0, fmt.Errorf("opening a session: %w", err)
	}
	return s, nil
}

// giveBack takes back a session that was not used, outside of a call.
func (c *connection) giveBack(s pkcs11.SessionHandle) {
	c.mu.Lock()
	c.idle = append(c.idle, s)
	c.mu.Unlock()
	if c.dead.Load() { // end may have missed this one
		go c.end()
	}
}

// use does something in a session that is taken back in any case.
func (c *connection) use(s pkcs11.SessionHandle, call func(func(*pkcs11.Ctx) error) error, f func(*pkcs11.Ctx) error) error {
	began := false
	err := call(func(p *pkcs11.Ctx) error {
		began = true
		err := f(p)
		c.put(s, err == nil)
		return err
	})
	if !errors.Is(err, errTimeout) && !began { // else it is in C, and taken back there
		c.giveBack(s)
	}
	return err
}

// put takes a session back; inside of a call.
func (c *connection) put(s pkcs11.SessionHandle, usable bool) {
	if usable && !c.dead.Load() {
		c.mu.Lock()
		c.idle = append(c.idle, s)
		c.mu.Unlock()
		if !c.dead.Load() {
			return
		}
		c.mu.Lock() // end came between: it may have missed this one
		defer c.mu.Unlock()
		for i, other := range c.idle {
			if other == s {
				c.idle = append(c.idle[:i], c.idle[i+1:]...)
				c.i.p.CloseSession(s)
				return
			}
		}
		return
	}
	c.i.p.CloseSession(s)
}

// with does something in a session, in one bounded call.
func (c *connection) with(ctx context.Context, f func(*pkcs11.Ctx, pkcs11.SessionHandle) error) error {
	s, err := c.take(ctx)
	if err != nil {
		return err
	}
	return c.use(s, func(in func(*pkcs11.Ctx) error) error { return c.m.call(ctx, c.epoch, in, nil) },
		func(p *pkcs11.Ctx) error { return f(p, s) })
}

// end closes the sessions that nobody uses; the others are closed where they are
// used. It may hang, as everything in C, and counts as such; what it cannot close is
// gone with the epoch.
func (c *connection) end() {
	c.dead.Store(true)
	_ = c.m.call(context.Background(), c.epoch, func(p *pkcs11.Ctx) error {
		c.mu.Lock()
		idle := c.idle
		c.idle = nil
		if c.has {
			idle, c.has = append(idle, c.keep), false
		}
		c.mu.Unlock()
		for _, s := range idle {
			p.CloseSession(s)
		}
		return nil
	}, nil)
}

// connect finds the token in the module's present epoch and logs in.
func (t *token) connect(ctx context.Context) (*connection, error) {
	epoch, i, err := t.m.present()
	if err != nil {
		return nil, err
	}
	if n := i.stuck.Load(); n >= maxParallel+maxProbes || n >= maxProbes && !i.good.Load() {
		return nil, errHanging // each try more would cost a thread more
	}
	c := &connection{m: t.m, i: i, epoch: epoch, reads: make(chan struct{}, 1)}
	if err := t.find(ctx, c); err != nil {
		return nil, err
	}
	s, err := c.open(ctx, 0)
	if err != nil {
		return nil, err
	}
	c.keep, c.has = s, true
	if err := t.login(ctx, c, s); err != nil {
		if !errors.Is(err, errTimeout) { // else the session is in use, and closed after that
			go c.end()
		}
		return nil, err
	}
	return c, nil
}

// find looks for the slot whose token has the label; two are refused.
func (t *token) find(ctx context.Context, c *connection) error {
	var slots []uint
	var locked, last bool
	err := c.m.call(ctx, c.epoch, func(p *pkcs11.Ctx) error {
		all, err := p.GetSlotList(true)
		if err != nil {
			return err
		}
		for _, slot := range all {
			info, err := p.GetTokenInfo(slot)
			if err != nil {
				continue // another token of the module may be out of order
			}
			if strings.TrimRight(info.Label, " \x00") == t.label && info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
				slots = append(slots, slot)
				locked = info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0
				last = info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0
			}
		}
		return nil
	}, nil)
	switch {
	case err != nil:
		return fmt.Errorf("looking for the token: %w", err)
	case len(slots) == 0:
		return fmt.Errorf("no token is labelled %q: see `pkcs11-tool --module %s --list-slots`: %w", t.label, c.m.path, pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT))
	case len(slots) > 1:
		return fmt.Errorf("%d tokens are labelled %q: give each its own label", len(slots), t.label)
	case locked:
		t.lock()
		return t.allowed(0)
	}
	c.slot, c.last = slots[0], last
	return nil
}

// login uses the PIN, within the rule of attempts. What a token answers late
// counts too, and until it does no other attempt is made with a PIN that may be wrong.
func (t *token) login(ctx context.Context, c *connection, s pkcs11.SessionHandle) error {
	pin, file, err := readPIN(t.pinSource)
	if err != nil {
		return err
	}
	if err := t.allowed(file); err != nil {
		clear(pin)
		return err
	}
	if c.last && !t.knownRight(file) {
		clear(pin)
		return fmt.Errorf("%w: the token has one try left, which is not for a program: log in by hand, with `pkcs11-tool --module %s --login --list-objects`", ErrPIN, c.m.path)
	}
	if !t.mayLogIn(c.i, file) {
		clear(pin)
		return fmt.Errorf("logging in: %w", errPending)
	}
	done := func(err error) { t.judge(err, c.i, file) }
	err = c.m.call(ctx, c.epoch, func(p *pkcs11.Ctx) error {
		defer clear(pin)
		return p.Login(s, pkcs11.CKU_USER, string(pin))
	}, func(err error) {
		done(err)
		c.i.p.CloseSession(s)
	})
	if !errors.Is(err, errTimeout) {
		clear(pin) // it may not have begun
	}
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("logging in: %w", err) // done is called when it returns
	}
	done(err)
	if err == nil || errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return nil
	}
	if faultOf(err) == FaultPIN {
		return fmt.Errorf("logging in: %w: %w", ErrPIN, err)
	}
	return fmt.Errorf("logging in: %w", err)
}
