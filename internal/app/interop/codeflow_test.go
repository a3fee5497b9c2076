//go:build interop

package interop

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// invitation is an offer for the authorization code flow, as a QR code on a
// poster may have it: of nobody in particular.
func (o *office) invitation(configurations ...string) string {
	o.t.Helper()
	offer, err := json.Marshal(map[string]any{
		"credential_issuer": o.cfg.PublicURL, "credential_configuration_ids": configurations, "grants": map[string]any{"authorization_code": map[string]any{}},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return "openid-credential-offer://?credential_offer=" + url.QueryEscape(string(offer))
}

// A wallet of other people's libraries pushes its request, lets the person log
// in and agree, and fetches, in every way that it knows.
func TestForeignWalletCodeFlow(t *testing.T) {
	t.Parallel()
	o := openOffice(t, func(c *issuer.Config, pki string) { c.Wallets.Attesters = []string{filepath.Join(pki, "walletca.pem")} })
	for name, args := range map[string][]string{
		"plain":                          {"--batch", "20"},
		"scope alone":                    {"--scope-flow"},
		"authorization details":          {"--authz-details", "--batch", "3"},
		"the library before":             {"--lib", "0.4.6"},
		"encrypted":                      {"--encrypt", "--encrypt-request", "--batch", "5"},
		"encrypted with the longer key":  {"--encrypt=A256GCM", "--encrypt-request"},
		"attested":                       {"--attest"},
		"attested keys":                  {"--attest", "--key-attestation", "--batch", "5"},
		"attested keys without a proof":  {"--attest", "--proof", "attestation", "--batch", "5"},
		"attested keys, both encrypted":  {"--attest", "--key-attestation", "--encrypt", "--encrypt-request"},
		"attested, the library before":   {"--attest", "--lib", "0.4.6"},
		"attested, authorization detail": {"--attest", "--authz-details"},
	} {
		t.Run(name, func(t *testing.T) {
			o.t = t
			printed := o.node("node", "wallet.mjs", append([]string{
				"--offer", o.invitation("mdl", "pid-mdoc", "pid-sd-jwt"), "--form", "person=P-1", "--trust", o.iaca(), "--status",
			}, args...)...)
			if !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
				t.Fatalf("not RESULT ok:\n%s", tail(printed))
			}
		})
	}
}

// A wallet whose provider is not trusted gets nothing, nor one whose keys are
// attested by nobody that is.
func TestForeignWalletUntrusted(t *testing.T) {
	t.Parallel()
	o := openOffice(t, func(c *issuer.Config, pki string) { c.Wallets.Attesters = []string{filepath.Join(pki, "readerca.pem")} })
	for want, args := range map[string][]string{
		"invalid_client": {"--attest"},
		"invalid_proof":  {"--proof", "attestation"},
	} {
		out, err := o.tryNode("node", "wallet.mjs", append([]string{"--offer", o.invitation("mdl"), "--form", "person=P-1"}, args...)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v\n%s", args, err, tail(out))
		}
	}
}
