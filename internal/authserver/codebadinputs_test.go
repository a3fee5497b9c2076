package authserver_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Bad inputs of group B that concern the authorization code flow and client
// authentication. B08 to B10, B12 to B15, B17 to B20 are those of
// TestAuthenticate here and of package oauth; B25 is TestAttestationStatus.
func TestBadInputsOfTheCodeFlow(t *testing.T) {
	ctx := context.Background()

	t.Run("B01/replayed_code", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		code := in.code(mdl())
		resp, err := in.exchange(code)
		if err != nil {
			t.Fatal(err)
		}
		more, err := in.refresh(resp.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		// Who could not redeem it does not end it either.
		_, err = in.exchange(code, "code_verifier", anotherOne)
		wantKind(t, err, problem.InvalidGrant)
		if _, err := in.access(resp.AccessToken); err != nil {
			t.Errorf("a stranger ended a token: %v", err)
		}
		_, err = in.exchange(code)
		wantKind(t, err, problem.InvalidGrant)
		for _, token := range []string{resp.AccessToken, more.AccessToken} {
			_, err = in.access(token)
			wantKind(t, err, problem.InvalidToken)
		}
		_, err = in.refresh(resp.RefreshToken)
		wantKind(t, err, problem.InvalidGrant)
	})

	t.Run("B02/other_client_or_too_late", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in, other := w.instance(p), w.instance(p)
		other.id = "https://other.example"
		code := in.code(mdl())
		_, err := other.exchange(code)
		wantKind(t, err, problem.InvalidGrant)
		_, err = in.exchange(code, "redirect_uri", "https://wallet.example/other")
		wantKind(t, err, problem.InvalidGrant)
		w.clock.Advance(60 * time.Second)
		_, err = in.exchange(code)
		wantKind(t, err, problem.InvalidGrant)
		w.clock.Advance(-time.Second)
		if _, err = in.exchange(code); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
	})

	t.Run("B03/PKCE", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		for _, pairs := range [][]string{{"code_challenge", ""}, {"code_challenge_method", "plain"}, {"code_challenge_method", ""}, {"code_challenge_method", "s256"}} {
			_, err := in.push(pairs...)
			wantKind(t, err, problem.InvalidRequest)
		}
		code := in.code(mdl())
		for _, v := range []string{"", strings.Repeat("a", 42), strings.Repeat("a", 129), anotherOne, challenge} {
			_, err := in.exchange(code, "code_verifier", v)
			wantKind(t, err, problem.InvalidGrant)
		}
	})

	t.Run("B04/request_uri", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		pushed, err := in.push()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // reading uses nothing up
			if _, err := w.server.Pending(ctx, walletID, pushed.RequestURI); err != nil {
				t.Error(err)
			}
		}
		for _, c := range [][2]string{
			{"https://other.example", pushed.RequestURI}, {"", pushed.RequestURI}, {walletID, pushed.RequestURI + "x"}, {walletID, ""}, {walletID, strings.Repeat("u", 5000)},
			{walletID, "https://evil.example/request"}, {walletID, strings.ToUpper(pushed.RequestURI)},
		} {
			_, err := w.server.Pending(ctx, c[0], c[1])
			wantKind(t, err, problem.InvalidRequest)
			_, err = w.server.Approve(ctx, c[0], c[1], mdl())
			wantKind(t, err, problem.InvalidRequest)
		}
		w.approve(pushed.RequestURI, mdl())
		_, err = w.server.Pending(ctx, walletID, pushed.RequestURI)
		wantKind(t, err, problem.InvalidRequest)
		late, err := in.push()
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(5 * time.Minute)
		_, err = w.server.Pending(ctx, walletID, late.RequestURI)
		wantKind(t, err, problem.InvalidRequest)
		_, err = w.server.Approve(ctx, walletID, late.RequestURI, mdl())
		wantKind(t, err, problem.InvalidRequest)
	})

	t.Run("B05/redirect_uri", func(t *testing.T) {
		w, p := codeWorld(t, func(c *authserver.Config) { c.Redirects = map[string][]string{walletID: {redirect}} })
		in := w.instance(p)
		for _, uri := range []string{
			redirect + "/more", redirect + "x", redirect + "?x=y", "https://wallet.example/", "https://wallet.example@evil.example/cb", "https://wallet.example.evil.example/cb",
			redirect + "#f", "com.example.app:/cb", "http://wallet.example/cb", "https://WALLET.example/cb", "https://wallet.example:443/cb",
		} {
			_, err := in.push("redirect_uri", uri)
			wantKind(t, err, problem.InvalidRequest)
		}
		if _, err := in.push(); err != nil {
			t.Error(err)
		}
	})

	t.Run("B06/iss", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		pushed, err := in.push("state", "")
		if err != nil {
			t.Fatal(err)
		}
		if q := w.approve(pushed.RequestURI, mdl()); q.Get("iss") != issuer || q.Has("state") {
			t.Errorf("%v", q)
		}
		if pushed, err = in.push(); err != nil {
			t.Fatal(err)
		}
		to, err := w.server.Deny(ctx, walletID, pushed.RequestURI, "access_denied")
		if err != nil || query(t, to).Get("iss") != issuer {
			t.Errorf("%s, %v", to, err)
		}
	})

	t.Run("B07/no_proof", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		code := in.code(mdl())
		form := values(t, []string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier}, nil)
		for _, proof := range []string{"", in.proof(tokenURL) + "," + in.proof(tokenURL), in.proof(parURL), "junk"} {
			_, err := w.server.Token(ctx, authserver.TokenRequest{Form: form, DPoP: proof, Client: in.client()})
			wantKind(t, err, problem.InvalidDPoPProof)
		}
		_, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(), DPoP: in.proof(tokenURL), Client: in.client()})
		wantKind(t, err, problem.InvalidDPoPProof)
		if _, err := in.exchange(code); err != nil {
			t.Error(err)
		}
	})

	t.Run("B21/bound_code", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		for name, push := range map[string]func(in *instance) authserver.PushRequest{
			"proof": func(in *instance) authserver.PushRequest {
				return authserver.PushRequest{Form: in.pushForm(), DPoP: in.proof(parURL)}
			},
			"dpop_jkt": func(in *instance) authserver.PushRequest {
				return authserver.PushRequest{Form: in.pushForm("dpop_jkt", in.jkt())}
			},
			"both": func(in *instance) authserver.PushRequest {
				return authserver.PushRequest{Form: in.pushForm("dpop_jkt", in.jkt()), DPoP: in.proof(parURL)}
			},
		} {
			t.Run(name, func(t *testing.T) {
				in := w.instance(p)
				r := push(in)
				r.Client = in.client()
				pushed, err := w.server.Push(ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				code, own := w.approve(pushed.RequestURI, mdl()).Get("code"), in.key
				in.key = w.wallet().key
				_, err = in.exchange(code)
				wantKind(t, err, problem.InvalidGrant)
				in.key = own
				if _, err := in.exchange(code); err != nil {
					t.Error(err)
				}
			})
		}
		// Unbound, any key will do: it is PKCE and the attestation that bind it.
		in := w.instance(p)
		pushed, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(), Client: in.client()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.exchange(w.approve(pushed.RequestURI, mdl()).Get("code")); err != nil {
			t.Error(err)
		}
	})

	t.Run("B23/attestation", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		unknown := &provider{newProvider(t).key, []byte{0x30, 0x7f}}
		for name, change := range map[string]func(in *instance) authserver.ClientProof{
			"unknown provider": func(in *instance) authserver.ClientProof { in.provider = unknown; return in.client() },
			"other signature": func(in *instance) authserver.ClientProof {
				in.provider = &provider{unknown.key, p.leaf}
				return in.client()
			},
			"expired": func(in *instance) authserver.ClientProof {
				c := in.client()
				w.clock.Advance(13 * time.Hour)
				c.PoP = in.client().PoP
				return c
			},
			"typ": func(in *instance) authserver.ClientProof { c := in.client(); c.Attestation = c.PoP; return c },
			"hs256": func(in *instance) authserver.ClientProof {
				c := in.client()
				_, rest, _ := strings.Cut(c.Attestation[0], ".")
				c.Attestation[0] = jose.EncodeBase64URL([]byte(`{"alg":"HS256","typ":"oauth-client-attestation+jwt","x5c":["MAE="]}`)) + "." + rest
				return c
			},
			"no sub":        func(in *instance) authserver.ClientProof { in.id = ""; return in.client() },
			"sub of others": func(in *instance) authserver.ClientProof { in.id = "https://other.example"; return in.client() },
			"junk": func(in *instance) authserver.ClientProof {
				return authserver.ClientProof{Attestation: []string{"x"}, PoP: []string{"y"}}
			},
		} {
			in := w.instance(p)
			form := in.pushForm()
			_, err := w.server.Push(ctx, authserver.PushRequest{Form: form, Client: change(in)})
			if problem.KindOf(err) != problem.InvalidClientAttestation {
				t.Errorf("%s: %v", name, err)
			}
		}
	})

	t.Run("B24/proof_of_possession", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		pop := func(claims map[string]any) []string {
			all := map[string]any{"aud": issuer, "jti": fmt.Sprint("p", in.pops.Add(1)), "iat": w.clock.Now().Unix()}
			for k, v := range claims {
				all[k] = v
			}
			payload, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			s, err := jose.Sign(in.attested, map[string]any{"typ": "oauth-client-attestation-pop+jwt"}, payload, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return []string{s}
		}
		other := w.instance(p)
		for name, c := range map[string]struct {
			proof authserver.ClientProof
			kind  problem.Kind
		}{
			"other key":         {authserver.ClientProof{Attestation: in.client().Attestation, PoP: other.client().PoP}, problem.InvalidClientAttestation},
			"aud of the token":  {authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(map[string]any{"aud": tokenURL})}, problem.InvalidClientAttestation},
			"two audiences":     {authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(map[string]any{"aud": []string{issuer, "https://x.example"}})}, problem.InvalidClientAttestation},
			"one in an array":   {authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(map[string]any{"aud": []string{issuer}})}, problem.InvalidClientAttestation},
			"old":               {authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(map[string]any{"iat": start.Unix() - 400})}, problem.InvalidClientAttestation},
			"of the future":     {authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(map[string]any{"iat": start.Unix() + 61})}, problem.InvalidClientAttestation},
			"iss of others":     {authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(map[string]any{"iss": "https://x.example"})}, problem.InvalidClientAttestation},
			"no PoP":            {authserver.ClientProof{Attestation: in.client().Attestation}, problem.InvalidClient},
			"no attestation":    {authserver.ClientProof{PoP: in.client().PoP}, problem.InvalidClient},
			"neither":           {authserver.ClientProof{}, problem.InvalidClient},
			"two attestations":  {authserver.ClientProof{Attestation: []string{in.attestation(), in.attestation()}, PoP: in.client().PoP}, problem.InvalidClient},
			"two PoPs":          {authserver.ClientProof{Attestation: in.client().Attestation, PoP: []string{in.pop(), in.pop()}}, problem.InvalidClient},
			"joined by a comma": {authserver.ClientProof{Attestation: in.client().Attestation, PoP: []string{in.pop() + "," + in.pop()}}, problem.InvalidClientAttestation},
			"joined by a tilde": {authserver.ClientProof{Attestation: []string{in.attestation() + "~" + in.pop()}, PoP: in.client().PoP}, problem.InvalidClientAttestation},
		} {
			_, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(), Client: c.proof})
			if problem.KindOf(err) != c.kind {
				t.Errorf("%s: %v", name, err)
			}
			_, err = w.server.Token(ctx, authserver.TokenRequest{Form: values(t, []string{"grant_type", "authorization_code", "code", "x"}, nil), Client: c.proof})
			if problem.KindOf(err) != c.kind {
				t.Errorf("%s at the token endpoint: %v", name, err)
			}
		}
		for _, claims := range []map[string]any{nil, {"iat": start.Unix() + 10}, {"iat": start.Unix() - 10}, {"iss": walletID}} {
			if _, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(), Client: authserver.ClientProof{Attestation: in.client().Attestation, PoP: pop(claims)}}); err != nil {
				t.Errorf("%v: %v", claims, err)
			}
		}
	})

	t.Run("B26/private_key_jwt", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		_, err := in.push("client_assertion", "a.b.c", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		wantKind(t, err, problem.InvalidClient)
		c := in.client()
		c.Authorization = "Basic eDp5"
		_, err = w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(), Client: c})
		wantKind(t, err, problem.InvalidClient)
	})

	t.Run("B27/many_details", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		one := `{"type":"openid_credential","credential_configuration_id":"mdl"}`
		_, err := in.push("authorization_details", "["+strings.Repeat(one+",", 500)+one+"]")
		wantKind(t, err, problem.InvalidAuthorizationDetails)
		_, err = in.push("scope", "openid")
		wantKind(t, err, problem.InvalidScope)
	})

	t.Run("B28/other_tokens", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		resp := in.issued(mdl())
		nonce := w.server.ResourceNonce()
		for _, token := range []string{resp.RefreshToken, nonce, in.attestation(), in.pop(), in.proof(credentialURL), in.code(mdl())} {
			_, err := in.access(token)
			wantKind(t, err, problem.InvalidToken)
		}
		for _, token := range []string{resp.AccessToken, in.attestation(), nonce} {
			_, err := in.refresh(token[:min(len(token), 200)])
			wantKind(t, err, problem.InvalidGrant)
			_, err = in.exchange(token[:min(len(token), 200)])
			wantKind(t, err, problem.InvalidGrant)
		}
		_, err := in.request([]string{"grant_type", oid4vci.GrantPreAuthorized, "pre-authorized_code", in.code(mdl())}, nil)
		wantKind(t, err, problem.InvalidGrant)
	})

	t.Run("B29/request_object", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		_, err := w.instance(p).push("request", "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9....")
		wantKind(t, err, problem.InvalidRequest)
	})

	t.Run("B30/types_of_claims", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		jwk, err := jose.MarshalPublicKey(in.attested.Public())
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]any{
			"exp": "1800000000", "nbf": map[string]any{}, "sub": 7, "iat": "x", "cnf": []any{}, "status": 7, "client_status": []any{}, "iss": 7,
		} {
			claims := map[string]any{"sub": walletID, "exp": start.Add(time.Hour).Unix(), "cnf": map[string]any{"jwk": json.RawMessage(jwk)}}
			claims[name] = v
			payload, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			s, err := jose.Sign(p.key, map[string]any{"typ": "oauth-client-attestation+jwt", "x5c": [][]byte{p.leaf}}, payload, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(), Client: authserver.ClientProof{Attestation: []string{s}, PoP: []string{in.pop()}}})
			if problem.KindOf(err) != problem.InvalidClientAttestation {
				t.Errorf("%s of the wrong type: %v", name, err)
			}
		}
	})

	t.Run("H06/twice", func(t *testing.T) {
		for _, body := range []string{"code=a&code=b", "request_uri=a&request_uri=", "client_id=a&client_id=a"} {
			_, err := oauth.ParseForm([]byte(body))
			wantKind(t, err, problem.InvalidRequest)
		}
	})

	t.Run("H14/what_is_recorded", func(t *testing.T) {
		w, p := codeWorld(t, nil)
		in := w.instance(p)
		in.id = "https://wallet.example/${jndi:ldap://x}\"'"
		in.claims = map[string]any{"wallet_name": "a\r\nb\x1b[31m\u202e" + strings.Repeat("c", 500)}
		pushed, err := in.push()
		if err != nil {
			t.Fatal(err)
		}
		pending, err := w.server.Pending(ctx, in.id, pushed.RequestURI)
		if err != nil || strings.ContainsAny(pending.ClientName, "\r\n\x1b\u202e") || len([]rune(pending.ClientName)) > 64 {
			t.Errorf("%+v, %v", pending, err)
		}
		if _, err := w.server.Approve(ctx, in.id, pushed.RequestURI, mdl()); err != nil {
			t.Error(err)
		}
	})
}

// No code, token, attestation or state reaches the record.
func TestCodeFlowSecretsStayOut(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	pushed, err := in.push("state", "secret-state")
	if err != nil {
		t.Fatal(err)
	}
	code := w.approve(pushed.RequestURI, mdl()).Get("code")
	resp, err := in.exchange(code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.instance(p).refresh(resp.RefreshToken); err == nil {
		t.Error("another phone refreshed")
	}
	if _, err := in.exchange(code); err == nil {
		t.Error("a code passed twice")
	}
	record := string(w.audit.Bytes())
	for _, secret := range []string{code, resp.AccessToken, resp.RefreshToken, pushed.RequestURI, strings.TrimPrefix(pushed.RequestURI, "urn:ietf:params:oauth:request_uri:"), "secret-state", challenge, verifier, `"P1"`, "D1"} {
		if strings.Contains(record, secret) {
			t.Errorf("%q is on record:\n%s", secret, record)
		}
	}
}
