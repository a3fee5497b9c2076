package issuance_test

import (
	"context"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// narrow has one place and a queue of one.
func narrow(t *testing.T) *world {
	w := newWorld(t)
	w.cfg.Places, w.cfg.Queue = 1, 1
	w.restart()
	return w
}

// until waits for what another goroutine is about to do.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for range 60_000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not come about")
}

// asking asks from a goroutine of its own.
func (w *world) asking(ctx context.Context, a issuance.Access, proofs []string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := w.service.Issue(ctx, a, &oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: proofs}})
		done <- err
	}()
	return done
}

// One is worked on while the disk stands still, one waits, and the third is sent
// away at once: nothing of his is used up, and he has his copies when he comes
// again.
func TestTooManyAtOnce(t *testing.T) {
	w := narrow(t)
	w.store.mu.Lock()
	first := w.asking(t.Context(), w.access(), w.proofs(1, w.nonce()))
	until(t, func() bool { return w.store.calls.Load() == 1 })
	if err := w.service.Busy(); err != nil {
		t.Errorf("one more may wait: %v", err)
	}
	second := w.asking(t.Context(), w.access(), w.proofs(1, w.nonce()))
	until(t, func() bool { return w.service.Busy() != nil })
	wantKind(t, w.service.Busy(), problem.Unavailable)

	nonce := w.nonce()
	proofs := w.proofs(20, nonce)
	for range 100 {
		wantKind(t, <-w.asking(t.Context(), w.access(), proofs), problem.Unavailable)
	}
	if n := w.store.calls.Load(); n != 1 {
		t.Errorf("%d calls of the store: who is sent away or waits has none", n)
	}
	w.store.mu.Unlock()
	for _, done := range []<-chan error{first, second} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := <-w.asking(t.Context(), w.access(), proofs); err != nil {
		t.Errorf("again: %v", err)
	}
	if n := w.store.signed.Load(); n != 3 || w.service.Busy() != nil {
		t.Errorf("%d batches signed; busy: %v", n, w.service.Busy())
	}
}

// Who goes away while he waits makes room for another.
func TestGoneWhileWaiting(t *testing.T) {
	w := narrow(t)
	w.store.mu.Lock()
	first := w.asking(t.Context(), w.access(), w.proofs(1, w.nonce()))
	until(t, func() bool { return w.store.calls.Load() == 1 })
	ctx, leave := context.WithCancel(t.Context())
	proofs := w.proofs(1, w.nonce())
	second := w.asking(ctx, w.access(), proofs)
	until(t, func() bool { return w.service.Busy() != nil })
	leave()
	wantKind(t, <-second, problem.Unavailable)
	if err := w.service.Busy(); err != nil {
		t.Errorf("the place in the queue is not free: %v", err)
	}
	third := w.asking(t.Context(), w.access(), proofs)
	w.store.mu.Unlock()
	for _, done := range []<-chan error{first, third} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A wallet provider who does not answer keeps out its own wallets and no others.
func TestSlowProviderKeepsNobodyOut(t *testing.T) {
	w, l := watched(t)
	w.cfg.Places, w.cfg.Queue = 1, 100
	w.restart()
	l.mu.Lock() // their list does not come
	var slow []<-chan error
	for i := range uint64(5) {
		slow = append(slow, w.asking(t.Context(), w.shown(i), w.proofs(1, w.nonce())))
	}
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	defer leave()
	for range 3 {
		if err := <-w.asking(ctx, w.access(), w.proofs(1, w.nonce())); err != nil {
			t.Errorf("a wallet of another provider: %v", err)
		}
	}
	l.mu.Unlock()
	for _, done := range slow {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Whatever happens to those who come, all places are free at the end, and never
// more are taken than there are.
func TestPlaces(t *testing.T) {
	w := newWorld(t)
	w.cfg.Places, w.cfg.Queue = 2, 1000
	w.restart()
	var all []<-chan error
	for i := range 60 {
		ctx, leave := context.WithCancel(t.Context())
		a := w.access()
		a.TokenID = string(rune('a' + i%26))
		proofs := w.proofs(1, w.nonce())
		switch i % 4 {
		case 1:
			leave()
		case 2:
			proofs[0] += "x"
		case 3:
			time.AfterFunc(time.Duration(i)*time.Millisecond/10, leave)
		}
		all = append(all, w.asking(ctx, a, proofs))
		t.Cleanup(leave)
	}
	good := 0
	for i, done := range all {
		err := <-done
		if err == nil {
			good++
		}
		if i%4 == 0 && err != nil || i%4 == 2 && err == nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if free := issuance.FreePlaces(w.service); free != 2 {
		t.Errorf("%d of 2 places are free, after %d good requests", free, good)
	}
}

// Who waits for a list that hangs holds no place, and yet not everybody may.
func TestAsideIsBounded(t *testing.T) {
	w, l := watched(t)
	w.cfg.Places, w.cfg.Queue = 1, 1
	w.restart()
	l.mu.Lock()
	answers := make(chan error)
	const all = 6
	for i := range uint64(all) {
		answer := w.asking(t.Context(), w.shown(i%5), w.proofs(1, w.nonce()))
		go func() { answers <- <-answer }()
	}
	for range all - 1 {
		if err := <-answers; problem.KindOf(err) != problem.Unavailable {
			t.Errorf("while one waits for the list: %v", err)
		}
	}
	l.mu.Unlock()
	if err := <-answers; err != nil {
		t.Errorf("who waited for the list: %v", err)
	}
}
