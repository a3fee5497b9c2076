//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"vidimus/internal/keys"
	"vidimus/internal/problem"
)

func TestCreateAndOpen(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	ctx := context.Background()
	uri := w.uri(softHSM, "ds")
	if _, err := m.Signer(ctx, uri); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "the token has no private key of this name") {
		t.Errorf("a key that is not there: %v", err)
	}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P521(), nil} {
		if _, err := m.Create(ctx, uri, curve); !errors.Is(err, ErrKey) {
			t.Errorf("%v: %v", curve, err)
		}
	}
	k := create(t, m, uri)
	if _, err := m.Create(ctx, uri, elliptic.P256()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second of the same name: %v", err)
	}
	wide, err := m.Create(ctx, w.uri(softHSM, "root")+";id=%01%02", elliptic.P384())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.Signer(ctx, w.uri(softHSM, "root")); err != nil || !wide.(*key).pub.Equal(again.Public()) {
		t.Errorf("without its id: %v", err)
	}
	if _, err := m.Signer(ctx, w.uri(softHSM, "root")+";id=%01%03"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another id: %v", err)
	}
	digest := sha256.Sum256([]byte("x"))
	for _, s := range []*key{k, wide.(*key)} {
		sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil || !verifies(s, digest[:], sig) {
			t.Errorf("%v: %v", s, err)
		}
		if _, err := s.Sign(rand.Reader, digest[:20], crypto.SHA1); !errors.Is(err, keys.ErrDigest) {
			t.Errorf("K08: signed a SHA-1 digest: %v", err)
		}
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", k, k, k), fmt.Sprintf("%+v", m.Status())} {
		if strings.Contains(text, "1234") {
			t.Errorf("it shows the PIN: %s", text)
		}
	}
	if s := m.Status(); len(s) != 1 || s[0].State != StateConnected || s[0].Keys != 3 || s[0].Stuck != 0 {
		t.Errorf("%+v", s)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrUnavailable) || problem.KindOf(err) != problem.Unavailable {
		t.Errorf("after Close: %v", err)
	}
	if _, err := m.Signer(ctx, uri); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Two ways of using one token agree: a key that crypto11 made is refused for what
// it may do besides, one that crypto11 made right is served, and ours it signs with.
func TestPeer(t *testing.T) {
	w := newWorld(t)
	config := &crypto11.Config{Path: softHSM, TokenLabel: "state", Pin: "1234"}
	peer, err := crypto11.Configure(config)
	if err != nil {
		t.Fatal(err)
	}
	public, err := crypto11.NewAttributeSetWithIDAndLabel([]byte{1}, []byte("theirs"))
	if err != nil {
		t.Fatal(err)
	}
	private := public.Copy()
	for _, a := range []crypto11.AttributeType{crypto11.CkaDecrypt, crypto11.CkaUnwrap, crypto11.CkaDerive} {
		if err := private.Set(a, false); err != nil {
			t.Fatal(err)
		}
	}
	theirs, err := peer.GenerateECDSAKeyPairWithAttributes(public, private, elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
	m := open(t)
	got, err := m.Signer(context.Background(), w.uri(softHSM, "theirs"))
	if err != nil || !got.(*key).pub.Equal(theirs.Public()) {
		t.Fatal(err)
	}
	ours := create(t, m, w.uri(softHSM, "ours"))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if peer, err = crypto11.Configure(config); err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	pair, err := peer.FindKeyPair(nil, []byte("ours"))
	if err != nil || pair == nil || !ours.pub.Equal(pair.Public()) {
		t.Fatalf("crypto11 finds %v, %v", pair, err)
	}
	digest := sha256.Sum256([]byte("x"))
	if sig, err := pair.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || !verifies(ours, digest[:], sig) {
		t.Errorf("crypto11 signs: %v", err)
	}
}

// TestManyAtOnce has sixty-four goroutines sign, over several keys; a token that
// takes them all at once gets them all at once.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	var all []*key
	for i := range 4 {
		all = append(all, create(t, m, w.uri(theLiar.module, fmt.Sprintf("ds-%d", i))))
	}
	run := func(each int) {
		var wg sync.WaitGroup
		for g := range 64 {
			wg.Go(func() {
				k := all[g%len(all)]
				for i := range each {
					digest := sha256.Sum256(fmt.Append(nil, g, i))
					sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
					for try := 0; errors.Is(err, ErrUnavailable) && try < 20; try++ { // late, on a busy machine
						sig, err = k.Sign(rand.Reader, digest[:], crypto.SHA256)
					}
					if err != nil || !verifies(k, digest[:], sig) {
						t.Errorf("signature %d of goroutine %d: %v", i, g, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	run(20)
	// Calls that take their time do not keep others out: all are in C in the end.
	// They are let go well before they are late; a busy machine gets some tries.
	for try := 0; try < 10 && theLiar.count(cellMost) < 64; try++ {
		theLiar.tell(hang, -1)
		go func() {
			for end := time.Now().Add(callTime / 2); theLiar.count(cellInside) < 64 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
			theLiar.tell(honest, 0)
		}()
		run(1)
	}
	if most := theLiar.count(cellMost); most < 64 {
		t.Errorf("%d signatures at once in the token", most)
	}
}

// A request that is given up leaves its place, and its signature is nobody's.
func TestGivenUp(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	k := create(t, m, w.uri(theLiar.module, "ds"))
	digest := sha256.Sum256([]byte("x"))
	theLiar.tell(hang, -1)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if sig, err := k.SignContext(ctx, digest[:], crypto.SHA256); !errors.Is(err, context.DeadlineExceeded) || sig != nil {
				t.Errorf("%x, %v", sig, err)
			}
		})
	}
	wg.Wait()
	if s := m.Status()[0]; s.State != StateConnected || s.InFlight != 0 {
		t.Errorf("%+v: what callers do is no fault of the token", s)
	}
	theLiar.tell(honest, 0)
	if sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || !verifies(k, digest[:], sig) {
		t.Error(err)
	}
}

// A hundred keys are open well before a second is over, which SPEED=strict asks for.
func TestHundredKeys(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	for i := range 100 {
		create(t, m, w.uri(softHSM, fmt.Sprintf("ds-%d", i)))
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t)
	start := time.Now()
	for i := range 100 {
		if _, err := m.Signer(context.Background(), w.uri(softHSM, fmt.Sprintf("ds-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(start)
	t.Logf("100 keys of one token were open after %v", took)
	if os.Getenv("SPEED") == "strict" && took > time.Second {
		t.Error("longer than a second, on a machine that is said to be quiet")
	}
}

// bare uses the module without any of our code; it must not be in use otherwise.
func bare(t testing.TB, f func(*pkcs11.Ctx, uint, pkcs11.SessionHandle)) {
	t.Helper()
	p := pkcs11.New(softHSM)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.Initialize())
	defer p.Finalize()
	slots, err := p.GetSlotList(true)
	must(err)
	s, err := p.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(err)
	must(p.Login(s, pkcs11.CKU_USER, "1234"))
	f(p, slots[0], s)
}
