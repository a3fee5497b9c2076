package authserver_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const otherServer = "https://login.example"

// externalWorld takes tokens of another server, whose key has the kid "k1".
func externalWorld(t *testing.T) (w *world, wa *wallet, e *authserver.External, sign func(header, claims map[string]any) string) {
	t.Helper()
	w = newWorld(t, nil)
	wa = w.wallet()
	own := w.wallet().key
	jwk, err := jose.MarshalPublicKey(own.Public())
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.ParsePublicKey(jwk)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint, err := jose.Thumbprint(wa.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	e, err = authserver.NewExternal(authserver.ExternalConfig{
		Issuer: otherServer, Audience: issuer, Configurations: config().Configurations, Secret: config().Secret,
		Keys: func(_ context.Context, kid string) (*jose.Key, error) {
			switch kid {
			case "k1":
				return key, nil
			case "down":
				return nil, errors.New("cannot be fetched")
			}
			return nil, nil
		},
		Documents: func(_ context.Context, person string, ids []string) (map[string]string, error) {
			documents := map[string]string{}
			for _, id := range ids {
				documents[id] = person + "-" + id
			}
			return documents, nil
		},
		ACR: []string{"substantial", "high"},
	}, w.parts)
	if err != nil {
		t.Fatal(err)
	}
	return w, wa, e, func(header, claims map[string]any) string {
		t.Helper()
		h := map[string]any{"typ": "at+jwt", "kid": "k1"}
		maps.Copy(h, header)
		c := map[string]any{
			"iss": otherServer, "sub": "P1", "aud": issuer, "exp": start.Unix() + 300, "iat": start.Unix(), "jti": "j", "client_id": "wallet",
			"scope": "mdl unknown", "acr": "high", "cnf": map[string]any{"jkt": jose.EncodeBase64URL(thumbprint)},
		}
		for name, v := range claims {
			if v == nil {
				delete(c, name)
			} else {
				c[name] = v
			}
		}
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := jose.Sign(own, h, payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestExternal(t *testing.T) {
	w, wa, e, sign := externalWorld(t)
	ask := func(token string) (*authserver.Access, error) {
		return e.Authenticate(context.Background(), authserver.ResourceRequest{
			Method: "POST", URL: credentialURL, Authorization: "DPoP " + token, DPoP: wa.proof("POST", credentialURL, token),
		})
	}
	type m = map[string]any
	// Who does not say when the login was counts as older than any event.
	if a, err := ask(sign(nil, m{"jti": "undated"})); err != nil || a.Granted.Unix() != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := ask(sign(nil, m{"jti": "ahead", "iat": start.Unix() + 4, "auth_time": start.Unix() + 4})); err != nil || a.Granted.After(start) {
		t.Errorf("of a clock that is ahead: %+v, %v", a, err)
	}
	for _, acr := range []any{"low", nil} {
		if _, err := ask(sign(nil, m{"jti": "acr", "acr": acr})); problem.KindOf(err) != problem.InvalidToken {
			t.Errorf("acr %v: %v", acr, err)
		}
	}
	a, err := ask(sign(nil, m{"aud": []string{"https://x.example", issuer}, "auth_time": start.Unix() - 3600}))
	if err != nil || a.Person != "P1" || !maps.Equal(a.Documents, map[string]string{"mdl": "P1-mdl"}) || a.ClientID != "wallet" || a.ACR != "high" ||
		!a.Granted.Equal(start.Add(-time.Hour)) || !a.Expires.Equal(start.Add(5*time.Minute)) || a.Thumbprint == "" || a.TokenID == "" || a.Identifiers != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	details := []m{{"type": "openid_credential", "credential_configuration_id": "pid", "credential_identifiers": []string{"x1"}}, {"type": "payment"}}
	if a, err = ask(sign(nil, m{"scope": nil, "authorization_details": details})); err != nil || a.Identifiers["x1"] != "pid" || a.Documents["pid"] != "P1-pid" {
		t.Errorf("%+v, %v", a, err)
	}
	for name, c := range map[string]struct {
		header, claims m
		kind           problem.Kind
	}{
		"typ of an ID token": {m{"typ": "JWT"}, nil, problem.InvalidToken},
		"a status list":      {m{"typ": "statuslist+jwt"}, nil, problem.InvalidToken},
		"unknown key":        {m{"kid": "k2"}, nil, problem.InvalidToken},
		"keys unknown":       {m{"kid": "down"}, nil, problem.Unavailable},
		"other issuer":       {nil, m{"iss": "https://evil.example"}, problem.InvalidToken},
		"other audience":     {nil, m{"aud": "https://other.example"}, problem.InvalidToken},
		"audience a number":  {nil, m{"aud": 7}, problem.InvalidToken},
		"no exp":             {nil, m{"exp": nil}, problem.InvalidToken},
		"exp a string":       {nil, m{"exp": "1800000000"}, problem.InvalidToken},
		"expired":            {nil, m{"exp": start.Unix()}, problem.InvalidToken},
		"for ever":           {nil, m{"exp": start.Unix() + 1e9}, problem.InvalidToken},
		"of the future":      {nil, m{"iat": start.Unix() + 100}, problem.InvalidToken},
		"not yet":            {nil, m{"nbf": start.Unix() + 100}, problem.InvalidToken},
		"nobody":             {nil, m{"sub": nil}, problem.InvalidToken},
		"person a number":    {nil, m{"sub": 7}, problem.InvalidToken},
		"no client":          {nil, m{"client_id": nil}, problem.InvalidToken},
		"no jti":             {nil, m{"jti": nil}, problem.InvalidToken},
		"unbound":            {nil, m{"cnf": nil}, problem.InvalidToken},
		"bound to another":   {nil, m{"cnf": m{"jkt": challenge}}, problem.InvalidToken},
		"for nothing here":   {nil, m{"scope": "openid"}, problem.InsufficientScope},
		"junk for details":   {nil, m{"authorization_details": "x"}, problem.InvalidToken},
	} {
		if _, err := ask(sign(c.header, c.claims)); problem.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	token := sign(nil, nil)
	r := authserver.ResourceRequest{Method: "POST", URL: credentialURL, Authorization: "Bearer " + token, DPoP: wa.proof("POST", credentialURL, token)}
	_, err = e.Authenticate(context.Background(), r)
	wantKind(t, err, problem.InvalidToken)
	r.Authorization = "DPoP " + token
	if _, err := e.Authenticate(context.Background(), r); err != nil {
		t.Error(err)
	}
	_, err = e.Authenticate(context.Background(), r)
	wantKind(t, err, problem.InvalidDPoPProof)
	_, err = w.server.Authenticate(context.Background(), r) // none of ours
	wantKind(t, err, problem.InvalidToken)
	if e.ResourceNonce() != w.server.ResourceNonce() {
		t.Error("the nonces hang on more than the secret")
	}
}

func TestExternalConfigRefusals(t *testing.T) {
	if _, err := authserver.NewExternal(authserver.ExternalConfig{}, newWorld(t, nil).parts); err == nil {
		t.Error("nothing is configured")
	}
}
