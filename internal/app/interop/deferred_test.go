//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
)

// A foreign wallet waits for the word of an officer, asks again as often as it is
// told, and gets what it asked for, encrypted as it asked; or is refused for good.
func TestForeignWalletDeferred(t *testing.T) {
	t.Parallel()
	o := openOffice(t, withLibrary(t, library), func(c *issuer.Config, _ string) { c.Wallets.AskAgain = time.Second })
	o.pushCard()
	desk, err := issuer.OpenDesk(&o.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		decision string
		args     []string
		want     string
	}{
		"approved":            {issuerhttp.DecisionApprove, []string{"--batch", "3", "--status"}, "RESULT ok"},
		"approved, encrypted": {issuerhttp.DecisionApprove, []string{"--batch", "3", "--encrypt", "--encrypt-request"}, "RESULT ok"},
		"refused":             {issuerhttp.DecisionRefuse, nil, "credential_request_denied"},
	} {
		t.Run(name, func(t *testing.T) {
			o.t = t
			offer, err := desk.Offer(t.Context(), issuer.OfferWish{Configurations: []string{"library-sd-jwt"}, Person: "P-1", WithoutTxCode: true, Key: name})
			if err != nil {
				t.Fatal(err)
			}
			type outcome struct {
				printed string
				err     error
			}
			done := make(chan outcome, 1)
			go func() {
				printed, err := o.tryNode("node", "wallet.mjs", append([]string{"--offer", offer.URI, "--trust", o.iaca(), "--max-polls", "1000"}, c.args...)...)
				done <- outcome{printed, err}
			}()
			var got outcome
			for decided := false; !decided; {
				select {
				case got = <-done:
					t.Fatalf("it does not wait: %v\n%s", got.err, tail(got.printed))
				case <-time.After(50 * time.Millisecond): // another process asks: there is nothing else to wait on
				}
				waiting, err := desk.Awaiting(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, w := range waiting {
					if err := desk.Decide(t.Context(), w.ID, c.decision); err != nil {
						t.Fatal(err)
					}
					decided = true
				}
			}
			if got = <-done; !strings.Contains(got.printed, c.want) || strings.Contains(got.printed, "RESULT ok") != (got.err == nil) {
				t.Errorf("%v\n%s", got.err, tail(got.printed))
			}
			if c.decision == issuerhttp.DecisionApprove && (!strings.Contains(got.printed, `"status": "deferred"`) || !strings.Contains(got.printed, `"done": true`)) {
				t.Errorf("not deferred:\n%s", tail(got.printed))
			}
		})
	}
}
