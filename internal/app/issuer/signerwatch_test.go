package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// An office whose signer goes away says so by itself, and again when it is back.
func TestSignerAway(t *testing.T) {
	o := newOffice(t).serve()
	dir, err := os.MkdirTemp("", "s") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	stop := serveSigner(t, path)
	client, err := socket.Dial(t.Context(), path, socket.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := o.app.SignerAway(t.Context(), client); err != nil {
		t.Errorf("a signer that is there: %v", err)
	}
	stop()
	if err := o.app.SignerAway(t.Context(), client); problem.KindOf(err) != problem.Unavailable || !strings.Contains(err.Error(), "nothing can be signed") {
		t.Errorf("a signer that is away: %v", err)
	}
	defer serveSigner(t, path)()
	for { // the client waits a little before it tries again
		if err := o.app.SignerAway(t.Context(), client); err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the signer is not found again")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// serveSigner runs a signer of one key until stop.
func serveSigner(t *testing.T, path string) (stop func()) {
	t.Helper()
	w := pkitest.NewWorld(t)
	policy, err := signer.PolicyFor(pki.ProfileReceiptSigner, signer.Office{Issuer: pkitest.IssuerURL})
	if err != nil {
		t.Fatal(err)
	}
	var key *ecdsa.PrivateKey = w.ReceiptSigner.Key
	s, err := signer.New(signer.Config{
		Keys:  []signer.Key{{Name: "receipt", Signer: key, Chain: w.ReceiptSigner.Chain, Policy: policy}},
		Audit: new(audit.Memory), Clock: clock.NewFake(w.Now), Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := socket.NewServer(socket.Config{Service: s, UIDs: []uint32{uint32(os.Getuid())}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := socket.Listen(path, -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
