package mdoc

import (
	"errors"
	"testing"

	"vidimus/internal/pki/pkitest"
)

// A chain is parsed once for all templates that share it, and another one is
// not taken for it.
func TestChains(t *testing.T) {
	w := pkitest.NewWorld(t)
	var c Chains
	chain := w.DocumentSignerMDL.Chain
	first, err := c.signer(chain, false)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.signer([][]byte{append([]byte(nil), chain[0]...)}, false); err != nil || again != first {
		t.Errorf("the same chain is parsed again, %v", err)
	}
	if digest, err := c.signer(chain, true); err != nil || digest == first {
		t.Errorf("headers without the digest of the certificate, %v", err)
	}
	other := w.DocumentSignerPID.Chain
	if s, err := c.signer(other, false); err != nil || s == first || s.leaf.Fingerprint == first.leaf.Fingerprint {
		t.Errorf("another chain is taken for the first, %v", err)
	}
	for _, bad := range [][][]byte{nil, {{}}, {w.IACA.Cert.Raw}, make([][]byte, MaxChain+1)} {
		if _, err := c.signer(bad, false); !errors.Is(err, ErrRule) {
			t.Errorf("%d certificates: %v", len(bad), err)
		}
	}
}
