package pki_test

import (
	"errors"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

func TestValidatePinned(t *testing.T) {
	w, err := pkitest.New(pkitest.Now)
	if err != nil {
		t.Fatal(err)
	}
	pins := []*pki.Certificate{w.Reader.Cert, w.IACA.Cert}
	opt := pki.PathOptions{Now: pkitest.Now}
	p, err := pki.ValidatePinned([][]byte{w.Reader.Cert.Cert.Raw, {0x30}}, pins, opt)
	if err != nil || !p.Leaf.Equal(w.Reader.Cert) || !p.Anchor.Equal(w.Reader.Cert) || !p.NotAfter.Equal(w.Reader.Cert.NotAfter()) {
		t.Fatalf("%+v, %v", p, err)
	}
	for name, c := range map[string]struct {
		chain  [][]byte
		now    time.Time
		reason string
	}{
		"nothing":       {nil, pkitest.Now, pki.ReasonMalformed},
		"not pinned":    {[][]byte{w.Access.Cert.Cert.Raw, w.Reader.Cert.Cert.Raw}, pkitest.Now, pki.ReasonNoAnchor},
		"an authority":  {[][]byte{w.IACA.Cert.Cert.Raw}, pkitest.Now, pki.ReasonCA},
		"expired":       {[][]byte{w.Reader.Cert.Cert.Raw}, w.Reader.Cert.NotAfter().Add(time.Second), pki.ReasonExpired},
		"not yet valid": {[][]byte{w.Reader.Cert.Cert.Raw}, w.Reader.Cert.NotBefore().Add(-time.Second), pki.ReasonNotYetValid},
	} {
		opt.Now = c.now
		_, err := pki.ValidatePinned(c.chain, pins, opt)
		var refusal *pki.PathError
		if !errors.As(err, &refusal) || refusal.Reason != c.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
}
