//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
)

// A key that is removed from the token is the loss of that key alone, also when it is
// the one that the search has prove a connection.
func TestKeyRemoved(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	lost, stays := create(t, m, w.uri(theLiar.module, "ds-1")), create(t, m, w.uri(theLiar.module, "ds-2"))
	if lost.t.probe != lost {
		t.Fatal("another key proves connections")
	}
	c, err := lost.t.connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.i.p.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY} {
		found, err := search(c.i.p, s, class, "ds-1", "")
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		if err := c.i.p.DestroyObject(s, found[0]); err != nil {
			t.Fatal(err)
		}
	}
	digest := sha256.Sum256([]byte("x"))
	within(t, backIn, "the key that was removed is not refused", func() bool {
		_, err := lost.Sign(rand.Reader, digest[:], crypto.SHA256)
		return errors.Is(err, ErrKey)
	})
	returned := lost.t.status().Returned
	for range 20 {
		if sig, err := lost.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrKey) || sig != nil {
			t.Errorf("%x, %v", sig, err)
		}
		if sig, err := stays.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || !verifies(stays, digest[:], sig) {
			t.Error(err)
		}
	}
	if s := lost.t.status(); s.State != StateConnected || s.Returned != returned {
		t.Errorf("%+v: before, it returned %d times", s, returned)
	}
}

// What the caller does, what is of one key and what was never tried leaves the
// connection as it is.
func TestBlame(t *testing.T) {
	w := newWorld(t)
	first := open(t)
	create(t, first, w.uri(theLiar.module, "ds-1"))
	create(t, first, w.uri(theLiar.module, "ds-2"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	m := open(t)
	signer, err := m.Signer(t.Context(), w.uri(theLiar.module, "ds-1"))
	if err != nil {
		t.Fatal(err)
	}
	k := signer.(*key)
	c, err := k.t.connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("caller_gives_up", func(t *testing.T) {
		theLiar.tell(hang, -1)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := m.Signer(ctx, w.uri(theLiar.module, "ds-2")); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		theLiar.tell(honest, 0)
		within(t, backIn, "calls still hang", func() bool { return k.t.m.stuck.Load() == 0 })
		if s := k.t.status(); s.State != StateConnected || s.Returned != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("session_not_used", func(t *testing.T) {
		idle := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.idle)
		}
		before := idle()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			err := c.with(ctx, func(*pkcs11.Ctx, pkcs11.SessionHandle) error { t.Error("called"); return nil })
			if _, serr := k.t.signature(ctx, c, 0, make([]byte, 32)); !errors.Is(err, context.Canceled) || !errors.Is(serr, context.Canceled) {
				t.Error(err, serr)
			}
		}
		if n := idle(); n != before || n == 0 {
			t.Errorf("%d idle sessions, %d before", n, before)
		}
	})
	t.Run("hanging_instance_is_not_probed", func(t *testing.T) {
		for _, tt := range []struct {
			good  bool
			stuck int64
		}{{true, maxParallel + maxProbes}, {false, maxProbes}} {
			c.i.good.Store(tt.good)
			c.i.stuck.Add(tt.stuck)
			_, err := k.t.connect(t.Context())
			c.i.stuck.Add(-1)
			_, cerr := k.t.connect(t.Context())
			c.i.stuck.Add(1 - tt.stuck)
			if !errors.Is(err, errHanging) || cerr != nil {
				t.Errorf("good %t: %v, with one less %v", tt.good, err, cerr)
			}
		}
		c.i.good.Store(true)
	})
	t.Run("closing_hangs", func(t *testing.T) {
		theLiar.tell(hangClose, 1)
		other := &connection{m: c.m, i: c.i, epoch: c.epoch, slot: c.slot, reads: make(chan struct{}, 1)}
		s, err := other.open(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		other.giveBack(s)
		other.end()
		if n := c.i.stuck.Load(); n != 1 {
			t.Errorf("%d calls count as stuck", n)
		}
		theLiar.tell(honest, 0)
		within(t, backIn, "calls still hang", func() bool { return c.i.stuck.Load() == 0 })
	})
	k.t.blame(c, fmt.Errorf("signing: %w", ErrKey))
	k.t.blame(c, errCrowded)
	k.t.blame(c, errTimeout)
	if s := k.t.status(); s.State != StateConnected {
		t.Errorf("%+v", s)
	}
	k.t.blame(c, fmt.Errorf("signing: %w", errHanging))
	if c.dead.Load() == false {
		t.Error("a module whose calls hang is still used")
	}
	within(t, backIn, "the token did not come back", func() bool { return k.t.status().State == StateConnected })
}
