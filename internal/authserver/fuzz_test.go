package authserver_test

import (
	"context"
	"testing"

	"vidimus/internal/authserver"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

// Whatever comes to the token endpoint is answered with a word of a protocol.
func FuzzToken(f *testing.F) {
	for _, s := range []string{
		"grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fwallet.example%2Fcb&code_verifier=" + verifier,
		"grant_type=refresh_token&refresh_token=x&scope=mdl", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code&pre-authorized_code=x&tx_code=1",
		"grant_type=", "client_id=%20&resource=a&resource=b",
	} {
		f.Add([]byte(s), "a.b.c", "a.b.c", "x")
	}
	w, _ := codeWorld(f, func(c *authserver.Config) { c.ClientAuth, c.Clients = authserver.ClientKnown, []string{walletID, " "} })
	f.Fuzz(func(t *testing.T, body []byte, attestation, pop, proof string) {
		form, err := oauth.ParseForm(body)
		if err != nil {
			return
		}
		for _, client := range []authserver.ClientProof{{}, {Attestation: []string{attestation}, PoP: []string{pop}}} {
			_, err := w.server.Token(context.Background(), authserver.TokenRequest{Form: form, DPoP: proof, Client: client})
			if k := problem.KindOf(err); err == nil || k == problem.Internal || k == problem.Unavailable {
				t.Errorf("%q: %v", body, err)
			}
		}
	})
}
