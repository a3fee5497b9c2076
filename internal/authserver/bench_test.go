package authserver_test

import (
	"context"
	"testing"

	"vidimus/internal/authserver"
)

// The authorization server's part of a whole flow: PAR with attestation and
// DPoP, approval, token, one access. Seven signatures are verified (attestation
// and proof of possession twice, DPoP three times); the wallet's own signing is
// not counted. The chain of the attestation is the caller's.
func BenchmarkCodeFlow(b *testing.B) {
	w, p := codeWorld(b, nil)
	ctx := context.Background()
	in := w.instance(p)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		push := authserver.PushRequest{Form: in.pushForm(), DPoP: in.proof(parURL), Client: in.client()}
		b.StartTimer()
		pushed, err := w.server.Push(ctx, push)
		if err != nil {
			b.Fatal(err)
		}
		code := w.approve(pushed.RequestURI, mdl()).Get("code")
		b.StopTimer()
		form := values(b, []string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier}, nil)
		token := authserver.TokenRequest{Form: form, DPoP: in.proof(tokenURL), Client: in.client()}
		b.StartTimer()
		resp, err := w.server.Token(ctx, token)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		r := authserver.ResourceRequest{
			Method: "POST", URL: credentialURL, Authorization: "DPoP " + resp.AccessToken, DPoP: in.wallet.proof("POST", credentialURL, resp.AccessToken),
		}
		b.StartTimer()
		if _, err := w.server.Authenticate(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
}
