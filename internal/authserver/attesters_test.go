package authserver_test

import (
	"crypto/ecdsa"
	"errors"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
)

// Trust by anchors, which may change while the server runs.
func TestTrustAttesters(t *testing.T) {
	w := pkitest.NewWorld(t)
	anchors, down := []*pki.Certificate{w.AccessCA.Cert}, error(nil)
	trust := authserver.TrustAttesters(func(time.Time) ([]*pki.Certificate, error) { return anchors, down })
	key, until, err := trust(w.Access.Chain, w.Now)
	if public, ok := key.(*ecdsa.PublicKey); err != nil || !ok || !public.Equal(w.Access.Key.Public()) || !until.Equal(w.Access.Cert.NotAfter()) {
		t.Fatalf("%v until %v, %v", key, until, err)
	}
	for name, c := range map[string]struct {
		chain [][]byte
		now   time.Time
	}{
		"of another anchor": {w.ReceiptSigner.Chain, w.Now},
		"expired":           {w.Access.Chain, w.Access.Cert.NotAfter().Add(time.Second)},
		"an authority":      {[][]byte{w.AccessCA.Cert.Cert.Raw}, w.Now},
		"nothing":           {nil, w.Now},
		"junk":              {[][]byte{{0x30}}, w.Now},
		"no link":           {[][]byte{w.ReceiptSigner.Cert.Cert.Raw, w.Access.Cert.Cert.Raw}, w.Now}, // a trusted one appended
	} {
		if key, _, err := trust(c.chain, c.now); err == nil || key != nil {
			t.Errorf("%s is trusted", name)
		}
	}
	// The attester itself on the list, for nothing below it.
	anchors = []*pki.Certificate{w.Access.Cert}
	if _, until, err = trust(w.Access.Chain[:1], w.Now); err != nil || !until.Equal(w.Access.Cert.NotAfter()) {
		t.Errorf("itself on the list: until %v, %v", until, err)
	}
	if _, _, err := trust(w.Access.Chain[:1], w.Access.Cert.NotAfter().Add(time.Second)); err == nil {
		t.Error("trusted after its end")
	}
	anchors = nil
	if _, _, err := trust(w.Access.Chain, w.Now); err == nil {
		t.Error("trusted after the anchor was taken away")
	}
	down = errors.New("the list cannot be fetched")
	_, _, err = trust(w.Access.Chain, w.Now)
	wantKind(t, err, problem.Unavailable)

	// In the server.
	anchors, down = []*pki.Certificate{w.AccessCA.Cert}, nil
	world, _ := codeWorld(t, func(c *authserver.Config) { c.Attesters = trust })
	in := world.instance(&provider{w.Access.Key, w.Access.Chain[0]})
	if _, err := in.push(); err != nil {
		t.Error(err)
	}
	anchors = []*pki.Certificate{w.OperationsCA.Cert}
	_, err = in.push()
	wantKind(t, err, problem.InvalidClientAttestation)
}
