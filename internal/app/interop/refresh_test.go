//go:build interop

package interop

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/app/wallet"
)

// Our own wallet as HAIP 1.0 has it refreshes what it holds: attested as the
// instance that the refresh token is bound to, under another DPoP nonce and
// challenge. Unattested it does not even ask.
func TestWalletHAIPRefreshes(t *testing.T) {
	o, provider := haipOffice(t)
	offer := o.offer("P-1", "mdl", "pid-sd-jwt")
	c := wallet.Connection{Dir: filepath.Join(t.TempDir(), "wallet"), ProviderDir: provider, InsecureLoopback: true}
	kept, v, err := accept(t, wallet.AcceptConfig{Connection: c, Offer: offer.URI, TxCode: offer.TxCode, Copies: 3, Encrypt: true})
	if err != nil || strings.Count(kept, "\t3 copies\t") != 2 {
		t.Fatalf("%v %s\n%s", err, kept, v.said.String())
	}
	var fresh, said bytes.Buffer
	if err := wallet.Refresh(t.Context(), wallet.RefreshConfig{Connection: c}, &fresh, &said); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if strings.Count(fresh.String(), "\t3 copies\t") != 2 || strings.Count(said.String(), "is in their place") != 2 || !strings.Contains(said.String(), "attested by the wallet provider") {
		t.Errorf("%s%s", fresh.String(), said.String())
	}
	c.ProviderDir = ""
	fresh.Reset()
	if err := wallet.Refresh(t.Context(), wallet.RefreshConfig{Connection: c}, &fresh, &said); err == nil || !strings.Contains(err.Error(), "accept was given with --provider") || fresh.Len() > 0 {
		t.Errorf("unattested: %v %s", err, fresh.String())
	}
}
