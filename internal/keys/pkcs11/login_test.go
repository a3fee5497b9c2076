//go:build pkcs11

package pkcs11

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"testing"
	"time"
)

// TestPIN is K01 as far as the PIN goes; the module counts the tries.
func TestPIN(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	uri := w.uri(theLiar.module, "ds")
	create(t, m, uri)
	m.Close()
	digest := sha256.Sum256([]byte("x"))
	refused := func(t *testing.T, m *manager, want int64) {
		t.Helper()
		for range 5 {
			if _, err := m.Signer(t.Context(), uri); !errors.Is(err, ErrPIN) {
				t.Errorf("opened: %v", err)
			}
		}
		if n := theLiar.count(cellLogins); n != want {
			t.Errorf("the PIN was tried %d times, expected %d", n, want)
		}
	}
	t.Run("K01/pin_wrong_once_by_mistake", func(t *testing.T) {
		m := open(t)
		theLiar.tell(pinWrong, 1)
		if _, err := m.Signer(t.Context(), uri); err != nil {
			t.Error(err)
		}
		if n := theLiar.count(cellLogins); n != 2 {
			t.Errorf("%d logins", n)
		}
	})
	t.Run("K01/pin_wrong", func(t *testing.T) {
		m := open(t)
		w.write(t, "pin", "4321\n")
		refused(t, m, 2)
		w.write(t, "pin", "5432\n") // another wrong one gets its two
		refused(t, m, 4)
		w.write(t, "pin", "1234\n")
		if _, err := m.Signer(t.Context(), uri); err != nil {
			t.Error(err)
		}
	})
	t.Run("K01/pin_locked", func(t *testing.T) {
		m := open(t)
		theLiar.tell(pinLocked, 1)
		refused(t, m, 1)
		w.write(t, "pin", "1234") // not even with a new file
		refused(t, m, 1)
	})
	t.Run("K01/pin_one_try_left", func(t *testing.T) {
		m := open(t)
		theLiar.tell(lastTry, -1)
		refused(t, m, 0)
		theLiar.tell(honest, 0)
		if _, err := m.Signer(t.Context(), uri); err != nil {
			t.Error(err)
		}
	})
	t.Run("K01/pin_file_for_all", func(t *testing.T) {
		m := open(t)
		if err := os.Chmod(w.pin, 0o644); err != nil {
			t.Fatal(err)
		}
		refused(t, m, 0)
		if err := os.Chmod(w.pin, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	// The token loses the login while the PIN in the file is an old one.
	t.Run("K01/pin_changed_meanwhile", func(t *testing.T) {
		m := open(t)
		s, err := m.Signer(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		k := s.(*key)
		logins := theLiar.count(cellLogins)
		w.write(t, "pin", "4321\n")
		theLiar.tell(lost, -1)
		within(t, backIn, "the breaker did not open", func() bool {
			k.Sign(rand.Reader, digest[:], crypto.SHA256)
			return k.t.status().State == StateOpen
		})
		within(t, 2*backIn, "the PIN was not tried twice", func() bool { return theLiar.count(cellLogins)-logins >= 2 })
		time.Sleep(3 * lastPause / 2) // a try more of the search
		if n := theLiar.count(cellLogins) - logins; n != 2 {
			t.Errorf("the PIN was tried %d times, expected 2", n)
		}
		if s := k.t.status(); s.Fault != FaultPIN || s.WrongPINs != 2 {
			t.Errorf("%+v", s)
		}
		w.write(t, "pin", "1234\n")
		within(t, backIn, "the right PIN was not seen", func() bool {
			sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
			return err == nil && verifies(k, digest[:], sig)
		})
	})
	// By mistake, with a load: it is back by itself.
	t.Run("K01/pin_wrong_once_under_load", func(t *testing.T) {
		m := open(t)
		s, err := m.Signer(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		l := newRequests(t, s.(*key), 8)
		defer l.end()
		for range 5 {
			theLiar.tell(lost, -1)
			within(t, backIn, "the module was not begun anew", func() bool { return theLiar.count(cellMode) == honest })
			l.back(t, "lost")
		}
		refusedBefore := theLiar.count(cellRefused)
		c := l.k.t
		c.mu.Lock()
		now := c.now
		c.mu.Unlock()
		theLiar.tell(pinWrong, 1)
		c.m.mu.Lock()
		epoch := c.m.epoch
		c.m.mu.Unlock()
		if err := c.m.renew(t.Context(), epoch); err != nil {
			t.Fatal(err)
		}
		within(t, backIn, "the login was not tried", func() bool { return theLiar.count(cellRefused) == refusedBefore+1 })
		l.back(t, "a wrong PIN by mistake")
		if now == nil || theLiar.count(cellRefused) != refusedBefore+1 || l.wrong.Load() > 0 {
			t.Errorf("%d refusals, %d wrong", theLiar.count(cellRefused)-refusedBefore, l.wrong.Load())
		}
	})
}
