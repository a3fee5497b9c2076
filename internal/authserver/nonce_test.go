package authserver_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

// Bad input B16: absent, stale, of the other name space, forged.
func TestDPoPNonces(t *testing.T) {
	w, p := codeWorld(t, func(c *authserver.Config) { c.DPoPNonces = true })
	ctx := context.Background()
	in := w.instance(p)
	if w.server.ServerNonce() == w.server.ResourceNonce() {
		t.Fatal("one name space")
	}
	in.nonce = w.server.ServerNonce()
	resp := in.issued(mdl())
	refused := func(nonce string) {
		t.Helper()
		in.nonce = nonce
		_, err := in.push()
		wantKind(t, err, problem.UseDPoPNonce)
		_, err = in.refresh(resp.RefreshToken)
		wantKind(t, err, problem.UseDPoPNonce)
	}
	good := w.server.ServerNonce()
	for _, nonce := range []string{"", "x", w.server.ResourceNonce(), good[:31] + "A", "A" + good[1:], good + "AAAA"} {
		if nonce != good {
			refused(nonce)
		}
	}
	other := newWorld(t, func(c *authserver.Config) { c.Secret = []byte("another secret of thirty-two bytes or so") })
	refused(other.server.ServerNonce())
	in.nonce = good
	w.clock.Advance(2 * time.Minute)
	w.restart()
	if fresh := w.server.ServerNonce(); fresh == good {
		t.Error("a nonce does not change")
	}
	if _, err := in.refresh(resp.RefreshToken); err != nil {
		t.Errorf("the nonce before, after a restart: %v", err)
	}
	w.clock.Advance(2 * time.Minute)
	refused(good)

	// At the resource.
	in.nonce = w.server.ServerNonce()
	more, err := in.refresh(resp.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	access := func(nonce string) error {
		n++
		proof, err := oauth.SignDPoP(in.key, "POST", credentialURL, more.AccessToken, nonce, "rs-"+string(rune('a'+n)), w.clock.Now(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.server.Authenticate(ctx, authserver.ResourceRequest{Method: "POST", URL: credentialURL, Authorization: "DPoP " + more.AccessToken, DPoP: proof})
		return err
	}
	for _, nonce := range []string{"", w.server.ServerNonce(), "x"} {
		wantKind(t, access(nonce), problem.UseDPoPNonce)
	}
	if err := access(w.server.ResourceNonce()); err != nil {
		t.Error(err)
	}
	// The clock of another node may be ahead.
	w.clock.Advance(2 * time.Minute)
	ahead := w.server.ResourceNonce()
	w.clock.Advance(-2 * time.Minute)
	if err := access(ahead); err != nil {
		t.Error(err)
	}
}

// Where no nonce is demanded, one is no harm.
func TestDPoPNonceNotDemanded(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	in.nonce = "of somebody"
	in.issued(mdl())
}
