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
	of := func(provider string, certs ...*pki.Certificate) (out []authserver.Anchor) {
		for _, c := range certs {
			out = append(out, authserver.Anchor{Certificate: c, Provider: provider})
		}
		return out
	}
	anchors, down := append(of("other", w.OperationsCA.Cert), of("access", w.AccessCA.Cert)...), error(nil)
	trust := authserver.TrustAttesters(func(time.Time) ([]authserver.Anchor, error) { return anchors, down })
	got, err := trust(w.Access.Chain, w.Now)
	if public, ok := got.Key.(*ecdsa.PublicKey); err != nil || !ok || !public.Equal(w.Access.Key.Public()) || !got.Until.Equal(w.Access.Cert.NotAfter()) || got.Provider != "access" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := trust(w.ReceiptSigner.Chain, w.Now); err != nil || got.Provider != "other" {
		t.Errorf("below the other anchor: of %q, %v", got.Provider, err)
	}
	anchors = of("access", w.AccessCA.Cert)
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
		if got, err := trust(c.chain, c.now); err == nil || got.Key != nil {
			t.Errorf("%s is trusted", name)
		}
	}
	// The attester itself on the list, for nothing below it.
	anchors = of("listed", w.Access.Cert)
	if got, err = trust(w.Access.Chain[:1], w.Now); err != nil || !got.Until.Equal(w.Access.Cert.NotAfter()) || got.Provider != "listed" {
		t.Errorf("itself on the list: %+v, %v", got, err)
	}
	if _, err := trust(w.Access.Chain[:1], w.Access.Cert.NotAfter().Add(time.Second)); err == nil {
		t.Error("trusted after its end")
	}
	anchors = nil
	if _, err := trust(w.Access.Chain, w.Now); err == nil {
		t.Error("trusted after the anchor was taken away")
	}
	down = errors.New("the list cannot be fetched")
	_, err = trust(w.Access.Chain, w.Now)
	wantKind(t, err, problem.Unavailable)

	// In the server.
	anchors, down = of("access", w.AccessCA.Cert), nil
	world, _ := codeWorld(t, func(c *authserver.Config) { c.Attesters = trust })
	in := world.instance(&provider{w.Access.Key, w.Access.Chain[0]})
	if _, err := in.push(); err != nil {
		t.Error(err)
	}
	anchors = of("other", w.OperationsCA.Cert)
	_, err = in.push()
	wantKind(t, err, problem.InvalidClientAttestation)
}
