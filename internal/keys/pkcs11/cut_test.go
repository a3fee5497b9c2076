//go:build pkcs11

package pkcs11

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/keys"
)

// backIn is how soon after the end of a fault signatures must come again (F13).
const backIn = 5 * time.Second

// requests are made without end in goroutines, and everything that comes out is looked at.
type requests struct {
	k        *key
	released atomic.Int64
	refused  atomic.Int64
	wrong    atomic.Int64 // released and does not verify
	untyped  atomic.Int64 // errors of no class
	slowest  atomic.Int64
	stop     chan struct{}
	wg       sync.WaitGroup
}

func newRequests(t testing.TB, k *key, goroutines int) *requests {
	l := &requests{k: k, stop: make(chan struct{})}
	for g := range goroutines {
		l.wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				l.sign(t, fmt.Append(nil, g, i))
			}
		})
	}
	return l
}

func (l *requests) sign(t testing.TB, message []byte) {
	digest := sha256.Sum256(message)
	start := time.Now()
	sig, err := l.k.Sign(rand.Reader, digest[:], crypto.SHA256)
	took := int64(time.Since(start))
	for old := l.slowest.Load(); took > old && !l.slowest.CompareAndSwap(old, took); old = l.slowest.Load() {
	}
	switch {
	case err == nil && verifies(l.k, digest[:], sig):
		l.released.Add(1)
	case err == nil:
		l.wrong.Add(1)
	default:
		if sig != nil {
			l.wrong.Add(1)
		}
		if !errors.Is(err, ErrUnavailable) && !errors.Is(err, keys.ErrSignature) && !errors.Is(err, ErrKey) {
			l.untyped.Add(1)
			t.Errorf("an error of no class: %v", err)
		}
		l.refused.Add(1)
		time.Sleep(time.Millisecond) // callers do not come back at once
	}
}

func (l *requests) end() {
	close(l.stop)
	l.wg.Wait()
}

// back waits for the service after the end of a fault, and says how long that was.
func (l *requests) back(t testing.TB, name string) time.Duration {
	t.Helper()
	start := time.Now()
	// All that was in the making when the fault ended is over: what comes then counts.
	before := l.released.Load()
	within(t, backIn, name+": no service 5 s after the end of the fault", func() bool {
		return l.released.Load() > before+20 && l.k.t.status().State == StateConnected
	})
	return time.Since(start)
}

// TestCuts is F13 where the module is at fault: cut after cut under load. Whatever
// the module does, no signature comes out that does not verify, and the service is
// back within 5 s of the fault's end.
func TestCuts(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	create(t, m, w.uri(theLiar.module, "other"))
	k := create(t, m, w.uri(theLiar.module, "ds"))
	l := newRequests(t, k, 16)
	ended := false
	defer func() {
		if !ended {
			theLiar.tell(honest, 0)
			l.end()
		}
	}()
	var cuts int
	var longest time.Duration
	for _, tt := range []struct {
		name   string
		mode   int64
		times  int64         // of the lie, negative for ever
		lasts  time.Duration // then the fault ends
		rounds int
		noisy  bool // requests must have been refused
	}{
		{"K02/garbage", garbage, -1, 20 * time.Millisecond, 8, true},
		{"K02/garbage_once", garbage, 1, 0, 4, true},
		{"K02/of_other_key", otherKey, -1, 20 * time.Millisecond, 8, true},
		{"K02/truncated", truncated, -1, 20 * time.Millisecond, 6, true},
		{"K02/r_is_zero", zeroR, -1, 20 * time.Millisecond, 6, true},
		{"K02/empty", empty, -1, 20 * time.Millisecond, 4, true},
		{"K02/of_other_digest", otherDigest, -1, 20 * time.Millisecond, 6, true},
		{"K01/device_error_once", deviceError, 1, 0, 10, false},
		{"K01/device_error", deviceError, -1, 50 * time.Millisecond, 6, true},
		{"K01/general_error", generalError, -1, 50 * time.Millisecond, 6, true},
		{"K01/session_invalidated", sessionInvalid, 3, 0, 10, false},
		{"K01/session_invalidated_for_good", sessionInvalid, -1, 50 * time.Millisecond, 4, true},
		{"K01/not_logged_in", notLoggedIn, 2, 0, 6, false},
		{"K01/key_handle_invalid", keyInvalid, 2, 0, 6, false},
		{"K01/token_removed", removed, -1, 100 * time.Millisecond, 8, true},
		{"K01/module_lost", lost, -1, 0, 8, false},
		{"K01/one_call_hangs", hang, 1, 100 * time.Millisecond, 3, false},
		{"K01/every_call_hangs", hang, -1, 2500 * time.Millisecond, 2, true},
		{"K01/session_hangs", hangOpen, -1, 200 * time.Millisecond, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range tt.rounds {
				refused, lies := l.refused.Load(), theLiar.count(cellLies)
				theLiar.tell(tt.mode, tt.times)
				if tt.mode != hangOpen { // which happens only when a session is opened
					within(t, backIn, "the module told no lie", func() bool { return theLiar.count(cellLies) > lies })
				}
				time.Sleep(tt.lasts)
				if tt.mode == lost { // ends when the module is begun anew
					within(t, backIn, "the module was not begun anew", func() bool { return theLiar.count(cellMode) == honest })
				}
				if tt.noisy {
					within(t, backIn, "no request was refused: the harness sees nothing", func() bool { return l.refused.Load() > refused })
				}
				if tt.times < 0 {
					theLiar.tell(honest, 0)
				}
				longest = max(longest, l.back(t, tt.name))
				cuts++
			}
		})
		if t.Failed() {
			break
		}
	}
	theLiar.tell(honest, 0)
	l.end()
	ended = true
	s := m.Status()[0]
	t.Logf("%d cuts, %d lies: %d signatures released, %d requests refused, %d wrong; back after %v at most, slowest answer %v; found again %d times",
		cuts, theLiar.count(cellLies), l.released.Load(), l.refused.Load(), l.wrong.Load(), longest.Round(time.Millisecond),
		time.Duration(l.slowest.Load()).Round(time.Millisecond), s.Returned)
	if cuts < 100 || l.wrong.Load() > 0 || s.Lies == 0 {
		t.Errorf("%d cuts, %d wrong signatures released, %d lies seen", cuts, l.wrong.Load(), s.Lies)
	}
	if theLiar.count(cellRefused) > 0 {
		t.Errorf("the right PIN was refused %d times", theLiar.count(cellRefused))
	}
}

// The control: without checked what the module lies would come out, so that the
// harness of TestCuts would see it.
func TestLiesAreSeen(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	create(t, m, w.uri(theLiar.module, "other"))
	k := create(t, m, w.uri(theLiar.module, "ds"))
	digest := sha256.Sum256([]byte("x"))
	for name, mode := range map[string]int64{"garbage": garbage, "of_other_key": otherKey, "r_is_zero": zeroR, "of_other_digest": otherDigest} {
		t.Run(name, func(t *testing.T) {
			c, err := k.t.connected(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			theLiar.tell(mode, 1)
			raw, err := k.unchecked(t.Context(), c, digest[:])
			sig := derSignature(raw, 32)
			if err != nil || len(sig) == 0 || verifies(k, digest[:], sig) {
				t.Errorf("no lie came out: %x, %v", sig, err)
			}
			theLiar.tell(mode, 1)
			if sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, keys.ErrSignature) || sig != nil {
				t.Errorf("K02: released: %x, %v", sig, err)
			}
			within(t, backIn, "the token did not come back", func() bool { return k.t.status().State == StateConnected })
		})
	}
}

// TestBreaker: while a token is away requests fail at once, and only the search
// asks the token for anything.
func TestBreaker(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	k := create(t, m, w.uri(theLiar.module, "ds"))
	digest := sha256.Sum256([]byte("x"))
	theLiar.tell(removed, -1)
	within(t, backIn, "the breaker did not open", func() bool {
		k.Sign(rand.Reader, digest[:], crypto.SHA256)
		return k.t.status().State == StateOpen
	})
	if s := k.t.status(); s.Fault != FaultDevice {
		t.Errorf("%+v", s)
	}
	signs := theLiar.count(cellSigns)
	for range 1000 {
		if sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrUnavailable) || sig != nil {
			t.Fatalf("%x, %v", sig, err)
		}
	}
	if n := theLiar.count(cellSigns) - signs; n > 0 {
		t.Errorf("%d signatures were asked for with the breaker open", n)
	}
	theLiar.tell(garbage, -1) // it is there again, but not to be trusted
	within(t, 2*backIn, "the search does not see that the token lies", func() bool { return k.t.status().Fault == FaultLie })
	if s := k.t.status(); s.State != StateOpen {
		t.Errorf("%+v: a token that lies is not back", s)
	}
	theLiar.tell(honest, 0)
	within(t, backIn, "the token did not come back", func() bool {
		sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
		return err == nil && verifies(k, digest[:], sig)
	})
}

// A call that hangs for a minute costs its caller 2 s, and nobody else anything.
func TestHang(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	k := create(t, m, w.uri(theLiar.module, "ds"))
	digest := sha256.Sum256([]byte("x"))
	theLiar.tell(hang, 1)
	start := time.Now()
	done := make(chan error)
	go func() {
		_, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
		done <- err
	}()
	within(t, backIn, "nothing hangs", func() bool { return theLiar.count(cellLies) == 1 })
	for range 100 {
		if sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || !verifies(k, digest[:], sig) {
			t.Fatal(err)
		}
	}
	if err := <-done; !errors.Is(err, ErrUnavailable) || time.Since(start) < callTime {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	if s := m.Status()[0]; s.Stuck != 1 || s.State != StateConnected {
		t.Errorf("%+v", s)
	}
}

// A module whose calls hang for good, all of them, is left behind; a copy of it serves.
func TestWedged(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	k := create(t, m, w.uri(theLiar.module, "ds"))
	l := newRequests(t, k, 16)
	defer l.end()
	for i := range 2 {
		theLiar.tell(wedged, 1)
		within(t, backIn, "no request was refused: the harness sees nothing", func() bool { return k.t.status().State != StateConnected })
		before := l.released.Load()
		within(t, 2*backIn, "no copy serves", func() bool { return l.released.Load() > before+20 })
		k.t.m.mu.Lock()
		behind := len(k.t.m.behind)
		k.t.m.mu.Unlock()
		// On a busy machine a copy may be left behind too.
		if s := k.t.status(); s.Stuck == 0 || behind < i+1 {
			t.Errorf("%+v, %d left behind", s, behind)
		}
	}
	if l.wrong.Load() > 0 {
		t.Errorf("%d wrong signatures were released", l.wrong.Load())
	}
	if n := theLiar.count(cellRefused); n > 0 {
		t.Errorf("the right PIN was refused %d times", n)
	}
}
