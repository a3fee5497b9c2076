package issuer_test

import (
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// Outside --dev, with wallet providers and a login: no client id is named, the
// metadata say what is demanded, and who shows no attestation gets nothing.
func TestAttestedProduction(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir(), "providers")
	o := newOffice(t, func(c *issuer.Config) {
		*c = production(t, *c)
		c.Clients = nil
		c.Wallets.Attesters, c.Wallets.Challenges, c.Wallets.DPoPNonces = []string{c.Path("certs/providers.pem")}, true, true
		c.Login = issuer.Login{Issuer: "https://login.example", ClientID: "vidimus", ACR: []string{"high"}, PersonClaim: "sub"}
	})
	write(t, o.cfg.Path("certs/providers.pem"), "CERTIFICATE", ca.cert.Raw)
	o.serve()
	base := "http://" + o.app.Addresses().Public
	_, _, body := o.get(base + "/.well-known/oauth-authorization-server")
	for _, want := range []string{`["attest_jwt_client_auth"]`, `"challenge_endpoint"`, `"require_pushed_authorization_requests":true`} {
		if !strings.Contains(body, want) {
			t.Errorf("the metadata lack %s: %s", want, body)
		}
	}
	if status, _, body := o.post(base+"/par", "application/x-www-form-urlencoded", "client_id=x&response_type=code"); status != 401 && status != 400 || !strings.Contains(body, "invalid_client") {
		t.Errorf("without an attestation: %d %s", status, body)
	}
}
