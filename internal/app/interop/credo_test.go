//go:build interop

package interop

import (
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// Credo, another client with other libraries, fetches batches of everything with
// a pre-authorized code, once.
func TestCredo(t *testing.T) {
	t.Parallel()
	o := openOffice(t, func(c *issuer.Config, _ string) {
		// Credo holds the status list against the key of the credential.
		status := c.Signers["status"]
		status.Key = c.Signers["pid"].Key
		c.Signers["status"] = status
	})
	offer := o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt")
	args := []string{"--offer", offer.URI, "--tx-code", offer.TxCode, "--trust", o.iaca(), "--batch", "3"}
	printed := o.node("credo", "credo-wallet.mjs", args...)
	if !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
		t.Fatalf("not RESULT ok:\n%s", tail(printed))
	}
	for _, want := range []string{"token DPoP dpop true", "credential mdl", "credential pid-mdoc", "credential pid-sd-jwt", "mdoc org.iso.18013.5.1.mDL verify ok", "sd-jwt urn:eudi:pid:1"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, tail(printed))
		}
	}
	if strings.Contains(printed, "notification false") {
		t.Errorf("no notification_id:\n%s", tail(printed))
	}
	if out, err := o.tryNode("credo", "credo-wallet.mjs", args...); err == nil || !strings.Contains(out, "invalid_grant") {
		t.Errorf("the same offer again: %v\n%s", err, tail(out))
	}
}
