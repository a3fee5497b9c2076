package authserver_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

func TestPush(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	in.claims = map[string]any{"wallet_name": "Wallet\u202e of \x00Luxembourg"}
	long := strings.Repeat("s", 1200)
	pushed, err := in.push("state", long, "scope", "mdl unknown pid", "issuer_state", "offer", "ui_locales", "de-LU fr x<y", "resource", issuer, "prompt", "login", "foo", "bar")
	if err != nil || pushed.ExpiresIn != 300 || !strings.HasPrefix(pushed.RequestURI, "urn:ietf:params:oauth:request_uri:") || len(pushed.RequestURI) != 34+43 {
		t.Fatalf("%+v, %v", pushed, err)
	}
	got, err := w.server.Pending(context.Background(), walletID, pushed.RequestURI)
	if err != nil || got.ClientID != walletID || got.ClientName != "Wallet of Luxembourg" || got.IssuerState != "offer" || got.RedirectURI != redirect ||
		!slices.Equal(got.Configurations, []string{"mdl", "pid"}) || !slices.Equal(got.Locales, []string{"de-LU", "fr"}) || !got.Expires.Equal(start.Add(5*time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	if q := w.approve(pushed.RequestURI, mdl()); q.Get("state") != long || q.Get("iss") != issuer || len(q.Get("code")) != 43 {
		t.Errorf("redirected with %v", q)
	}
}

func TestPushRefusals(t *testing.T) {
	w, p := codeWorld(t, func(c *authserver.Config) {
		c.Redirects = map[string][]string{"registered": {"https://registered.example/cb", "http://127.0.0.1/cb", "openid4vci://cb"}}
	})
	in, registered := w.instance(p), w.instance(p)
	registered.id = "registered"
	for name, c := range map[string]struct {
		pairs []string
		kind  problem.Kind
	}{
		"request_uri":              {[]string{"request_uri", "urn:ietf:params:oauth:request_uri:x"}, problem.InvalidRequest},
		"request object":           {[]string{"request", "a.b.c"}, problem.InvalidRequest},
		"no response_type":         {[]string{"response_type", ""}, problem.InvalidRequest},
		"token":                    {[]string{"response_type", "token"}, problem.UnsupportedResponseType},
		"code id_token":            {[]string{"response_type", "code id_token"}, problem.UnsupportedResponseType},
		"response_mode":            {[]string{"response_mode", "fragment"}, problem.InvalidRequest},
		"no client_id":             {[]string{"client_id", ""}, problem.InvalidRequest},
		"other client_id":          {[]string{"client_id", "https://other.example"}, problem.InvalidClientAttestation},
		"long client_id":           {[]string{"client_id", strings.Repeat("x", 600)}, problem.InvalidClient},
		"no redirect_uri":          {[]string{"redirect_uri", ""}, problem.InvalidRequest},
		"http redirect":            {[]string{"redirect_uri", "http://wallet.example/cb"}, problem.InvalidRequest},
		"fragment":                 {[]string{"redirect_uri", redirect + "#x"}, problem.InvalidRequest},
		"no challenge":             {[]string{"code_challenge", ""}, problem.InvalidRequest},
		"no method":                {[]string{"code_challenge_method", ""}, problem.InvalidRequest},
		"plain":                    {[]string{"code_challenge_method", "plain"}, problem.InvalidRequest},
		"short challenge":          {[]string{"code_challenge", "abc"}, problem.InvalidRequest},
		"long state":               {[]string{"state", strings.Repeat("s", 9000)}, problem.InvalidRequest},
		"long issuer_state":        {[]string{"issuer_state", strings.Repeat("s", 2000)}, problem.InvalidRequest},
		"other resource":           {[]string{"resource", "https://other.example"}, problem.InvalidTarget},
		"no scope":                 {[]string{"scope", ""}, problem.InvalidScope},
		"unknown scope":            {[]string{"scope", "x y"}, problem.InvalidScope},
		"long scope":               {[]string{"scope", strings.Repeat("mdl ", 3000)}, problem.InvalidScope},
		"details of nothing":       {[]string{"authorization_details", "[]"}, problem.InvalidAuthorizationDetails},
		"unknown configuration":    {[]string{"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"x"}]`}, problem.InvalidAuthorizationDetails},
		"other type":               {[]string{"authorization_details", `[{"type":"payment","credential_configuration_id":"mdl"}]`}, problem.InvalidAuthorizationDetails},
		"other location":           {[]string{"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"mdl","locations":["https://other.example"]}]`}, problem.InvalidAuthorizationDetails},
		"named twice":              {[]string{"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"mdl"},{"type":"openid_credential","credential_configuration_id":"mdl"}]`}, problem.InvalidAuthorizationDetails},
		"dpop_jkt of another key":  {[]string{"dpop_jkt", challenge}, problem.InvalidDPoPProof},
		"dpop_jkt of no key":       {[]string{"dpop_jkt", "x"}, problem.InvalidRequest},
		"client_secret":            {[]string{"client_secret", "x"}, problem.InvalidClient},
		"client_assertion":         {[]string{"client_assertion", "a.b.c"}, problem.InvalidClient},
		"client_assertion_type":    {[]string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, problem.InvalidClient},
		"scheme without a dot":     {[]string{"redirect_uri", "openid4vci://cb"}, problem.InvalidRequest},
		"scheme that runs":         {[]string{"redirect_uri", "javascript:alert(1)"}, problem.InvalidRequest},
		"user before another host": {[]string{"redirect_uri", "https://wallet.example@evil.example/cb"}, problem.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.push(c.pairs...)
			wantKind(t, err, c.kind)
		})
	}
	for _, uri := range []string{"https://registered.example/cb", "http://127.0.0.1:51004/cb", "openid4vci://cb"} {
		if _, err := registered.push("redirect_uri", uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	for _, uri := range []string{redirect, "https://registered.example/cb/", "https://registered.example/cb?x", "https://registered.example@evil.example/cb", "http://127.0.0.1:51004/other", "http://[::1]/cb"} {
		_, err := registered.push("redirect_uri", uri)
		wantKind(t, err, problem.InvalidRequest)
	}
	for _, uri := range []string{"http://127.0.0.1:1/cb", "http://[::1]:1/cb", "eu.europa.ec.euidi://authorization"} {
		if _, err := in.push("redirect_uri", uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	off := newWorld(t, nil)
	_, err := off.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm()})
	wantKind(t, err, problem.NotFound)
	_, err = off.server.Pending(context.Background(), walletID, "urn:ietf:params:oauth:request_uri:x")
	wantKind(t, err, problem.InvalidRequest)
}

// A client that is only known by what it says has to register where answers go.
func TestPushOfKnownClients(t *testing.T) {
	w := newWorld(t, func(c *authserver.Config) {
		c.PushEndpoint = parURL
		c.Redirects = map[string][]string{walletID: {redirect}}
	})
	ctx := context.Background()
	in := w.instance(newProvider(t))
	if _, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm()}); err != nil {
		t.Error(err)
	}
	for name, pairs := range map[string][]string{"unknown": {"client_id", "https://unknown.example"}, "none": {"client_id", ""}} {
		_, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm(pairs...)})
		if problem.KindOf(err) != problem.InvalidClient {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.server.Push(ctx, authserver.PushRequest{Form: in.pushForm("client_id", "other", "redirect_uri", "https://other.example/cb")})
	wantKind(t, err, problem.InvalidRequest)
	dev := newWorld(t, func(c *authserver.Config) {
		c.PushEndpoint, c.Dev, c.AnonymousClients = parURL, true, true
	})
	pushed, err := dev.server.Push(ctx, authserver.PushRequest{Form: in.pushForm("client_id", "interop-wallet")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dev.server.Approve(ctx, "interop-wallet", pushed.RequestURI, mdl()); err != nil {
		t.Error(err)
	}
}

// Both ways of saying what is wanted, and what the token then has.
func TestWish(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	const detail = `[{"type":"openid_credential","credential_configuration_id":"pid","locations":["` + issuer + `"],"x":1}]`
	for name, c := range map[string]struct {
		scope, details string
		want           []string
	}{
		"scope":   {"mdl", "", []string{"mdl"}},
		"details": {"", detail, []string{"pid"}},
		"both":    {"mdl pid", detail, []string{"mdl", "pid"}},
	} {
		t.Run(name, func(t *testing.T) {
			pushed, err := in.push("scope", c.scope, "authorization_details", c.details)
			if err != nil {
				t.Fatal(err)
			}
			pending, err := w.server.Pending(context.Background(), walletID, pushed.RequestURI)
			if err != nil || !slices.Equal(pending.Configurations, c.want) {
				t.Fatalf("%+v, %v", pending, err)
			}
			documents := map[string]string{}
			for _, id := range c.want {
				documents[id] = "D-" + id
			}
			resp, err := in.exchange(w.approve(pushed.RequestURI, authserver.Decision{Person: "P1", Documents: documents}).Get("code"))
			if err != nil || resp.Scope != c.scope || (c.details == "") != (resp.AuthorizationDetails == nil) {
				t.Fatalf("%+v, %v", resp, err)
			}
			a, err := in.access(resp.AccessToken)
			if err != nil || len(a.Documents) != len(c.want) || c.details != "" && len(a.Identifiers) != len(c.want) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// Bad inputs B11 and B24: one proof of either kind, from many places at once.
func TestPushProofsPassOnce(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	race := func(name string, kind problem.Kind, request func() authserver.PushRequest) {
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			r := request()
			wg.Go(func() {
				_, err := w.server.Push(context.Background(), r)
				if err == nil {
					won.Add(1)
				} else if problem.KindOf(err) != kind {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s passed %d times", name, won.Load())
		}
	}
	proof, client := in.proof(parURL), in.client()
	race("a DPoP proof", problem.InvalidDPoPProof, func() authserver.PushRequest {
		return authserver.PushRequest{Form: in.pushForm(), DPoP: proof, Client: in.client()}
	})
	race("a proof of possession", problem.InvalidClientAttestation, func() authserver.PushRequest {
		return authserver.PushRequest{Form: in.pushForm(), DPoP: in.proof(parURL), Client: client}
	})
	w.restart()
	_, err := w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(), DPoP: in.proof(parURL), Client: client})
	wantKind(t, err, problem.InvalidClientAttestation)
	// What did not pass for another reason did not use them up.
	fresh, freshClient := in.proof(parURL), in.client()
	_, err = w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm("code_challenge", ""), DPoP: fresh, Client: freshClient})
	wantKind(t, err, problem.InvalidRequest)
	if _, err := w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(), DPoP: fresh, Client: freshClient}); err != nil {
		t.Error(err)
	}
}

func FuzzPush(f *testing.F) {
	for _, s := range []string{
		"response_type=code&client_id=https%3A%2F%2Fwallet.example&redirect_uri=https%3A%2F%2Fwallet.example%2Fcb&scope=mdl&code_challenge=" + challenge + "&code_challenge_method=S256",
		"response_type=code&request_uri=x", "authorization_details=[{}]", "a=%00", "scope=%20%20mdl&ui_locales=%20de%20", "",
	} {
		f.Add([]byte(s), "")
	}
	w := newWorld(f, func(c *authserver.Config) { c.PushEndpoint, c.Dev, c.AnonymousClients = parURL, true, true })
	f.Fuzz(func(t *testing.T, body []byte, proof string) {
		form, err := oauth.ParseForm(body)
		if err != nil {
			return
		}
		pushed, err := w.server.Push(context.Background(), authserver.PushRequest{Form: form, DPoP: proof})
		if err != nil {
			if k := problem.KindOf(err); k == problem.Internal || k == problem.Unavailable {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		pending, err := w.server.Pending(context.Background(), form.Get("client_id"), pushed.RequestURI)
		if err != nil || len(pending.Configurations) == 0 {
			t.Fatalf("%q: %+v, %v", body, pending, err)
		}
		d := authserver.Decision{Person: "P1", Documents: map[string]string{pending.Configurations[0]: "D1"}}
		to, err := w.server.Approve(context.Background(), form.Get("client_id"), pushed.RequestURI, d)
		if err != nil || !strings.HasPrefix(to, form.Get("redirect_uri")) || strings.Contains(to, "#") || query(t, to).Get("iss") != issuer {
			t.Errorf("%q: %s, %v", body, to, err)
		}
	})
}
