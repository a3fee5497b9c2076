package pkitest

import (
	"encoding/asn1"
	"errors"
	"slices"
	"testing"

	"vidimus/internal/pki"
)

// The chains are what their names say.
func TestChains(t *testing.T) {
	w := NewWorld(t)
	for _, c := range Chains(t, w.Now, w.IACA, pki.OIDMdlDS) {
		_, err := pki.Validate(c.DER, w.Anchors, pki.PathOptions{Now: w.Now, Purposes: []asn1.ObjectIdentifier{pki.OIDMdlDS}, RequireEKU: true})
		var refused *pki.PathError
		if (err == nil) != (len(c.Reasons) == 0) || err != nil && (!errors.As(err, &refused) || !slices.Contains(c.Reasons, refused.Reason)) {
			t.Errorf("%s: %v, want %v", c.Name, err, c.Reasons)
		}
	}
}
