package pkitest

import (
	"encoding/asn1"
	"testing"

	"vidimus/internal/pki"
)

func TestWorldValidates(t *testing.T) {
	w := NewWorld(t)
	for _, tt := range []struct {
		name    string
		leaf    Entity
		anchor  Entity
		purpose asn1.ObjectIdentifier
	}{
		{"mDL signer", w.DocumentSignerMDL, w.IACA, pki.OIDMdlDS},
		{"PID signer", w.DocumentSignerPID, w.IACA, pki.OIDPIDSigner},
		{"status signer", w.StatusSigner, w.IACA, pki.OIDStatusSigner},
		{"reader", w.Reader, w.ReaderCA, pki.OIDReaderAuth},
		{"access", w.Access, w.AccessCA, pki.OIDAccess},
		{"bundle signer", w.BundleSigner, w.OperationsCA, pki.OIDBundleSigner},
		{"receipt signer", w.ReceiptSigner, w.OperationsCA, pki.OIDReceiptSigner},
		{"registry source", w.RegistrySource, w.OperationsCA, pki.OIDRegistrySource},
	} {
		p, err := pki.Validate(tt.leaf.Chain, []*pki.Certificate{tt.anchor.Cert}, pki.PathOptions{
			Now: w.Now, Purposes: []asn1.ObjectIdentifier{tt.purpose}, RequireEKU: true, CheckCountry: true,
		})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !p.Anchor.Equal(tt.anchor.Cert) || len(p.Chain) != 2 || !tt.leaf.Key.PublicKey.Equal(p.Leaf.PublicKey()) {
			t.Errorf("%s: path %v", tt.name, p.Chain)
		}
		if got := w.CRLs.Of(p, w.Now, 0, false); got.State != pki.NotRevoked {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if got := w.MustRevoke(t, tt.anchor, tt.leaf).Of(p, w.Now, 0, false); got.State != pki.Revoked {
			t.Errorf("%s, revoked: %+v", tt.name, got)
		}
	}
	if !w.Clock.Now().Equal(Now) {
		t.Error("the clock does not stand at Now")
	}
}
