package socket

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/keys"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// gate is a key that signs when it is let.
type gate struct {
	crypto.Signer
	mu   sync.Mutex
	shut chan struct{} // nil while it is open
	came chan struct{}
}

func (g *gate) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		g.came <- struct{}{}
		<-shut
	}
	return g.Signer.Sign(rand, digest, opts)
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
	}
	g.shut = nil
}

func gated(g **gate) func(*world) {
	return func(w *world) {
		*g = &gate{Signer: w.raw, came: make(chan struct{}, 1000)}
		w.raw = *g
	}
}

// Many requests of one connection are under way at once, of several peers too.
func TestInFlight(t *testing.T) {
	var g *gate
	w := newWorld(t, gated(&g))
	const each = 64
	clients := []*Client{w.client(Options{Timeout: time.Minute}), w.client(Options{Timeout: time.Minute})}
	opened := []*signer.Far{w.key(clients[0]), w.key(clients[1])}
	g.close()
	var wg sync.WaitGroup
	for _, k := range opened {
		for range each {
			wg.Go(func() {
				signatures, err := k.Do(t.Context(), [][]byte{w.proof()})
				if err != nil {
					t.Error(err)
					return
				}
				w.verify(w.proof(), signatures[0])
			})
		}
	}
	for range 2 * each {
		<-g.came
	}
	st, err := clients[0].Status(t.Context())
	if err != nil || st.InFlight != 2*each+1 || st.Connected != 2 {
		t.Errorf("%+v, %v", st, err)
	}
	g.open()
	wg.Wait()
	if seq := w.audit.Head().Seq; seq != 2*each+2 { // each client has the key prove itself
		t.Errorf("%d lines", seq)
	}
}

// A connection has only so many requests under way; one more is told to come again.
func TestTooManyInFlight(t *testing.T) {
	var g *gate
	w := newWorld(t, gated(&g))
	c := w.client(Options{Timeout: time.Minute})
	k := w.key(c)
	g.close()
	var wg sync.WaitGroup
	for range maxInFlight {
		wg.Go(func() {
			if _, err := k.Do(t.Context(), [][]byte{w.proof()}); err != nil {
				t.Error(err)
			}
		})
	}
	for range maxInFlight {
		<-g.came
	}
	if _, err := k.Do(t.Context(), [][]byte{w.proof()}); problem.KindOf(err) != problem.Unavailable || !strings.Contains(err.Error(), "under way") {
		t.Errorf("one more: %v", err)
	}
	g.open()
	wg.Wait()
}

// Whoever does not wait any more is not answered, and the others are.
func TestCancel(t *testing.T) {
	var g *gate
	w := newWorld(t, gated(&g))
	c := w.client(Options{Timeout: time.Minute})
	k := w.key(c)
	g.close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { _, err := k.Do(ctx, [][]byte{w.proof()}); done <- err }()
	<-g.came
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || problem.KindOf(err) != problem.Unavailable {
		t.Errorf("cancelled: %v", err)
	}
	go func() { _, err := k.Do(t.Context(), [][]byte{w.proof()}); done <- err }()
	<-g.came
	g.open()
	if err := <-done; err != nil {
		t.Errorf("after one was cancelled: %v", err)
	}
	c.mu.Lock()
	waiting := len(c.wire.waiting)
	c.mu.Unlock()
	if waiting != 0 {
		t.Errorf("%d wait", waiting)
	}
}

// A signer that does not answer is not waited for, and after a few times its connection
// is given up. The next one is tried by one request; the others do not wait as long.
func TestHung(t *testing.T) {
	var g *gate
	w := newWorld(t, gated(&g))
	c := w.client(Options{Timeout: time.Minute})
	k := newKnown("mdl", w.DocumentSignerMDL.Cert)
	w.must(c.prove(t.Context(), k))
	g.close()
	// late asks for a signature, and is told why nobody waits for it any more once it is
	// under way.
	late := func(why error, meanwhile func()) {
		t.Helper()
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { _, err := c.sign(ctx, k, [][]byte{w.proof()}); done <- err }()
		<-g.came
		meanwhile()
		cancel(why)
		if err := <-done; problem.KindOf(err) != problem.Unavailable || !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
	}
	nothing := func() {}
	wire, err := c.connected(t.Context())
	w.must(err)
	for range hung {
		if wire.dead() {
			t.Fatal("given up too soon")
		}
		late(errLate, nothing)
	}
	if !wire.dead() {
		t.Error("its connection is kept")
	}
	if _, err := c.sign(t.Context(), k, [][]byte{w.proof()}); problem.KindOf(err) != problem.Unavailable || !errors.Is(err, errHung) {
		t.Errorf("did not fail at once: %v", err)
	}
	again := func() *connection {
		t.Helper()
		c.mu.Lock()
		c.again = time.Time{}
		c.mu.Unlock()
		trial, err := c.connected(t.Context())
		w.must(err)
		if !trial.trial {
			t.Fatal("not a trial")
		}
		k.seen = trial // nothing is asked before
		return trial
	}
	trial := again()
	beside := func() {
		if _, err := c.sign(t.Context(), k, [][]byte{w.proof()}); problem.KindOf(err) != problem.Unavailable || !errors.Is(err, errHung) {
			t.Errorf("beside the one that tries: %v", err)
		}
	}
	late(context.Canceled, beside) // who tried has gone: another may try
	if trial.dead() {
		t.Error("given up though nobody waited")
	}
	late(errLate, beside)
	if !trial.dead() {
		t.Error("a connection that was tried in vain is kept")
	}
	again()
	g.open()
	for range 3 {
		if _, err := c.sign(t.Context(), k, [][]byte{w.proof()}); err != nil {
			t.Errorf("the signer is back: %v", err)
		}
	}
}

// connection is a wire, where a variable is called so.
type connection = wire

// A server that stops finishes what is under way, and a client finds the next one.
func TestRestart(t *testing.T) {
	var g *gate
	w := newWorld(t, gated(&g))
	c := w.client(Options{Timeout: time.Minute})
	k := w.key(c)
	g.close()
	answered := make(chan error, 1)
	go func() { _, err := k.Do(t.Context(), [][]byte{w.proof()}); answered <- err }()
	<-g.came
	stopped := make(chan error, 1)
	go func() { stopped <- w.stop() }()
	g.open()
	if err := <-answered; err != nil {
		t.Errorf("what was under way: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(w.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	// Nobody is there: everybody fails at once, and again until one may try.
	fails := func() {
		t.Helper()
		if _, err := k.Do(t.Context(), [][]byte{w.proof()}); problem.KindOf(err) != problem.Unavailable || errors.Is(err, signer.ErrRefused) {
			t.Errorf("nobody there: %v", err)
		}
	}
	for range 50 {
		fails()
	}
	w.start()
	back := time.Now().Add(time.Minute)
	for {
		if _, err := k.Do(t.Context(), [][]byte{w.proof()}); err == nil {
			break
		}
		if time.Now().After(back) {
			t.Fatal("the client does not find the signer again")
		}
		time.Sleep(5 * time.Millisecond)
	}
	// Started once more between two requests: the next goes to the new one.
	w.must(w.stop())
	w.start()
	for {
		if _, err := k.Do(t.Context(), [][]byte{w.proof()}); err == nil {
			break
		}
		if time.Now().After(back) {
			t.Fatal("the client does not find the signer again")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A signer that comes back with another certificate under the same name signs nothing
// for who knows the one before.
func TestOtherKeyOfTheName(t *testing.T) {
	w := newWorld(t)
	c := w.client(Options{})
	k := w.key(c)
	w.must(w.stop())
	e, err := w.Issue(otherSigner, &w.IACA)
	w.must(err)
	w.DocumentSignerMDL = *e
	w.raw = e.Key
	w.start()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		signatures, err := k.Do(t.Context(), [][]byte{w.proof()})
		if signatures != nil {
			t.Fatal("signed with another key")
		}
		if strings.Contains(err.Error(), "another certificate") {
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// Whoever listens in the place of the signer, and says what it has said, has no key.
func TestImpostor(t *testing.T) {
	w := newWorld(t)
	c := w.client(Options{})
	k := w.key(c)
	w.must(w.stop())
	w.raw = &impostor{PrivateKey: w.DocumentSignerMDL.Key}
	w.start()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		signatures, err := k.Do(t.Context(), [][]byte{w.proof()})
		if signatures != nil || problem.KindOf(err) != problem.Unavailable {
			t.Fatalf("signed: %v", err)
		}
		if errors.Is(err, keys.ErrSignature) {
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// Whoever has heard the proof of a key, and says it again, is found out: on a new
// connection by what it cannot have heard, and on one that is trusted by its signatures.
func TestReplayed(t *testing.T) {
	w := newWorld(t)
	replay := &replayer{PrivateKey: w.DocumentSignerMDL.Key}
	c := w.client(Options{})
	k := w.key(c)
	w.must(w.stop())
	w.raw = replay
	w.start() // the service proves its key once, and so is heard
	signature, err := replay.PrivateKey.Sign(rand.Reader, sum(w.proof()), crypto.SHA256)
	w.must(err)
	replay.heard.Store(&signature)
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		signatures, err := k.Do(t.Context(), [][]byte{w.proof()})
		if signatures != nil || problem.KindOf(err) != problem.Unavailable {
			t.Fatalf("signed: %v", err)
		}
		if errors.Is(err, keys.ErrSignature) {
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	replay.heard.Store(nil)
	late := newKnown("mdl", w.DocumentSignerMDL.Cert)
	w.must(c.prove(t.Context(), late))
	replay.heard.Store(&signature)
	for i := range looked + 1 {
		_, err = c.sign(t.Context(), late, [][]byte{append([]byte(keys.ProofPrefix), append(make([]byte, signer.ProofNonce), w.DocumentSignerMDL.Cert.Raw...)...)})
		if err != nil {
			break
		}
		if i == 0 {
			t.Error("the first answer was not looked at")
		}
	}
	if !errors.Is(err, keys.ErrSignature) {
		t.Errorf("signatures of nobody: %v", err)
	}
}

// replayer says what it has heard, if anything.
type replayer struct {
	*ecdsa.PrivateKey
	heard atomic.Pointer[[]byte]
}

func (r *replayer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if s := r.heard.Load(); s != nil {
		return *s, nil
	}
	return r.PrivateKey.Sign(rand, digest, opts)
}

func sum(message []byte) []byte {
	digest := sha256.Sum256(message)
	return digest[:]
}

// impostor signs once, for the service that it is in, and then something else.
type impostor struct {
	*ecdsa.PrivateKey
	signed atomic.Bool
}

func (i *impostor) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if i.signed.Swap(true) {
		digest = make([]byte, len(digest))
	}
	return i.PrivateKey.Sign(rand, digest, opts)
}

// TestPeers: who is neither among the users nor the groups is told so and gets no
// answer, and that is recorded.
func TestPeers(t *testing.T) {
	w := newWorld(t, func(w *world) { w.uids = []uint32{uint32(os.Getuid()) + 1} })
	c, err := Dial(t.Context(), w.path, Options{})
	w.must(err)
	defer c.Close()
	for range 3 {
		if _, err := c.Signer(t.Context(), "signer:key=mdl"); problem.KindOf(err) != problem.Unavailable || !strings.Contains(err.Error(), "peers.users") {
			t.Errorf("%v", err)
		}
	}
	for until := time.Now().Add(time.Minute); w.audit.Head().Seq == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("not recorded")
		}
	}
	raw := bytes.SplitN(w.audit.Bytes(), []byte("\n"), 2)[0]
	e, _, err := audit.Head{}.Follow(raw)
	if err != nil || e.Outcome != audit.Denied || e.Detail["reason"] != string(ReasonPeer) || e.Actor != fmt.Sprintf("uid %d pid %d", os.Getuid(), os.Getpid()) {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := NewServer(Config{Service: w.service()}); err == nil {
		t.Error("a server for everybody, or nobody")
	}
	// A group is enough.
	s, err := NewServer(Config{Service: w.service(), GIDs: []uint32{uint32(os.Getgid())}})
	w.must(err)
	l, err := Listen(filepath.Join(folder(t), "g"), os.Getgid())
	w.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	g, err := Dial(ctx, l.Addr().String(), Options{})
	w.must(err)
	defer g.Close()
	w.key(g)
}

// Who sends what is no frame is disconnected, and the others go on.
func TestBadPeers(t *testing.T) {
	w := newWorld(t)
	k := w.key(w.client(Options{}))
	twice := (&request{id: 1, op: opSign, key: "mdl", messages: [][]byte{w.proof()}}).append(nil)
	for name, sent := range map[string][]byte{
		"K09/digest":        append([]byte{0, 0, 0, 32}, make([]byte, 32)...),
		"K09/http":          []byte("GET / HTTP/1.1\r\n\r\n"),
		"K09/far_too_large": {0xff, 0xff, 0xff, 0xff},
		"K09/answer":        (&answer{id: 1, data: []byte("{}")}).append(nil),
		"K09/cut":           twice[:len(twice)-1],
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			w.must(c.CloseWrite())
			c.SetReadDeadline(time.Now().Add(time.Minute))
			if b, err := io.ReadAll(c); err != nil || len(b) != 0 {
				t.Errorf("answered %x, %v", b, err)
			}
			if _, err := k.Do(t.Context(), [][]byte{w.proof()}); err != nil {
				t.Errorf("another peer: %v", err)
			}
		})
	}
	// An id is that of one request at a time.
	c := &conn{running: map[uint64]context.CancelFunc{1: func() {}}}
	r, err := parseRequest(twice[4:])
	w.must(err)
	released := false
	if err := c.begin(t.Context(), r, func() { released = true }); !errors.Is(err, ErrFrame) || !released {
		t.Errorf("an id that is under way: %v", err)
	}
}

// TestListen: nobody else's socket is used, and nothing but a dead one is replaced.
func TestListen(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "s")
	l, err := Listen(path, -1)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o660 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := Listen(path, -1); err == nil || !strings.Contains(err.Error(), "answers at") {
		t.Errorf("a second one: %v", err)
	}
	l.SetUnlinkOnClose(false) // as one that was killed
	l.Close()
	l, err = Listen(path, -1)
	if err != nil {
		t.Fatalf("a dead socket is in the way: %v", err)
	}
	l.Close()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, -1); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file: %v", err)
	}
	if err := os.Symlink(file, filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(filepath.Join(dir, "l"), -1); err == nil {
		t.Error("a link was replaced")
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, -1); err == nil || !strings.Contains(err.Error(), "chmod 750") {
		t.Errorf("a folder of everybody: %v", err)
	}
	if _, err := Listen(filepath.Join(dir, "none", "s"), -1); err == nil {
		t.Error("no folder")
	}
}

// A large frame has its time once there is room for it, not while it waits for others.
func TestRoomFirst(t *testing.T) {
	w := newWorld(t)
	s, err := NewServer(Config{Service: w.service(), UIDs: w.uids})
	w.must(err)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.path + "2", Net: "unix"})
	w.must(err)
	defer l.Close()
	peer, err := net.Dial("unix", w.path+"2")
	w.must(err)
	nc, err := l.AcceptUnix()
	w.must(err)
	c, err := s.join(nc, signer.Caller{})
	w.must(err)
	done := make(chan error, 1)
	c.mu.Lock() // who sets a deadline waits here
	go func() { done <- c.serve(context.Background()) }()
	const n = smallFrame + 1
	_, err = peer.Write([]byte{0, n >> 16, n >> 8 & 0xff, n & 0xff})
	w.must(err)
	for until := time.Now().Add(time.Minute); s.bytes.taken() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Error("the time of a frame began before there was room for it")
			break
		}
	}
	c.mu.Unlock()
	peer.Close()
	<-done
	nc.Close()
	if left := s.bytes.taken(); left != 0 {
		t.Errorf("%d bytes were not given back", left)
	}
}

// Nothing of a large request waits without bounds.
func TestBudget(t *testing.T) {
	var b budget
	b.fill(10)
	b.take(8, 0)
	if b.take(5, time.Nanosecond) {
		t.Fatal("more than there is")
	}
	done := make(chan bool)
	go func() { b.take(5, 0); close(done) }()
	select {
	case <-done:
		t.Fatal("more than there is")
	case <-time.After(5 * time.Millisecond):
	}
	b.give(8)
	<-done
	b.give(5)
	if b.free != 10 {
		t.Errorf("%d", b.free)
	}
}
