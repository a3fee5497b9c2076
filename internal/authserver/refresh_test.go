package authserver_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

func twoDocuments() authserver.Decision {
	return authserver.Decision{Person: "P1", Documents: map[string]string{"mdl": "D1", "pid": "D2"}, ACR: "high"}
}

func TestRefresh(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	granted := w.clock.Now()
	first := in.issued(twoDocuments(), "scope", "mdl pid")
	w.clock.Advance(30 * 24 * time.Hour)
	in.key = w.wallet().key // an attested wallet may use another DPoP key
	for range 2 {           // the token does not rotate
		resp, err := in.refresh(first.RefreshToken)
		if err != nil || resp.RefreshToken != "" || resp.TokenType != "DPoP" || resp.Scope != "mdl pid" {
			t.Fatalf("%+v, %v", resp, err)
		}
		a, err := in.access(resp.AccessToken)
		if err != nil || !a.Refreshed || !a.Granted.Equal(granted) || a.ACR != "high" || len(a.Documents) != 2 || a.InstanceThumbprint == "" {
			t.Errorf("%+v, %v", a, err)
		}
	}
	narrow, err := in.refresh(first.RefreshToken, "scope", "pid")
	if err != nil || narrow.Scope != "pid" {
		t.Fatalf("%+v, %v", narrow, err)
	}
	if a, err := in.access(narrow.AccessToken); err != nil || !maps.Equal(a.Documents, map[string]string{"pid": "D2"}) {
		t.Errorf("%+v, %v", a, err)
	}
	for name, c := range map[string]struct {
		pairs []string
		kind  problem.Kind
	}{
		"none":           {[]string{"refresh_token", ""}, problem.InvalidRequest},
		"unknown":        {[]string{"refresh_token", first.AccessToken}, problem.InvalidGrant},
		"more scope":     {[]string{"scope", "mdl library"}, problem.InvalidScope},
		"unknown scope":  {[]string{"scope", "x"}, problem.InvalidScope},
		"other details":  {[]string{"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"library"}]`}, problem.InvalidAuthorizationDetails},
		"bad details":    {[]string{"authorization_details", "["}, problem.InvalidAuthorizationDetails},
		"other resource": {[]string{"resource", "https://other.example"}, problem.InvalidTarget},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.refresh(first.RefreshToken, c.pairs...)
			wantKind(t, err, c.kind)
		})
	}
	w.clock.Advance(60 * 24 * time.Hour)
	_, err = in.refresh(first.RefreshToken)
	wantKind(t, err, problem.InvalidGrant)
}

// Credential identifiers stay what they were.
func TestRefreshKeepsIdentifiers(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	const details = `[{"type":"openid_credential","credential_configuration_id":"mdl"},{"type":"openid_credential","credential_configuration_id":"pid"}]`
	first := in.issued(twoDocuments(), "scope", "", "authorization_details", details)
	if len(first.AuthorizationDetails) != 2 || first.Scope != "" {
		t.Fatalf("%+v", first)
	}
	resp, err := in.refresh(first.RefreshToken, "authorization_details", `[{"type":"openid_credential","credential_configuration_id":"mdl"}]`)
	if err != nil || len(resp.AuthorizationDetails) != 1 || resp.AuthorizationDetails[0].CredentialIdentifiers[0] != first.AuthorizationDetails[0].CredentialIdentifiers[0] {
		t.Errorf("%+v, %v", resp, err)
	}
}

// Bad input B22: who is not the wallet unit that it was given to has no use for
// it, and that is on record.
func TestRefreshIsBound(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	token := in.issued(mdl()).RefreshToken
	stranger := w.instance(p) // of the same wallet, on another phone
	_, err := stranger.refresh(token)
	wantKind(t, err, problem.InvalidGrant)
	stranger.key = in.key
	_, err = stranger.refresh(token)
	wantKind(t, err, problem.InvalidGrant)
	product := w.instance(p)
	product.id, product.attested = "https://other.example", in.attested
	_, err = product.refresh(token)
	wantKind(t, err, problem.InvalidGrant)
	if n := count(w.audit, "token.issue", audit.Denied); n != 3 {
		t.Errorf("%d denials are on record", n)
	}
	// Without its attestation it is nobody.
	form := values(t, []string{"grant_type", "refresh_token", "refresh_token", token, "client_id", walletID}, nil)
	_, err = w.server.Token(context.Background(), authserver.TokenRequest{Form: form, DPoP: in.proof(tokenURL)})
	wantKind(t, err, problem.InvalidClient)
	w.cfg.ClientAuth, w.cfg.Clients = authserver.ClientKnown, []string{walletID}
	w.restart()
	_, err = w.server.Token(context.Background(), authserver.TokenRequest{Form: form, DPoP: in.proof(tokenURL)})
	wantKind(t, err, problem.InvalidGrant)
	if _, err := in.refresh(token); err != nil {
		t.Error(err)
	}
}

// A client without attestation keeps to its DPoP key (RFC 9449 section 5).
func TestRefreshOfKnownClients(t *testing.T) {
	w := newWorld(t, nil)
	wa := w.wallet()
	resp, err := wa.redeem(w.mdl())
	if err != nil || resp.RefreshToken == "" {
		t.Fatalf("%+v, %v", resp, err)
	}
	pairs := []string{"grant_type", "refresh_token", "refresh_token", resp.RefreshToken}
	_, err = w.wallet().token(pairs...)
	wantKind(t, err, problem.InvalidGrant)
	_, err = wa.token(append(pairs, "client_id", "other")...)
	wantKind(t, err, problem.InvalidGrant)
	if again, err := wa.token(pairs...); err != nil || again.RefreshToken != "" {
		t.Errorf("%+v, %v", again, err)
	}
	if err := w.server.Revoke(context.Background(), "offer 1", "office"); err != nil {
		t.Fatal(err)
	}
	_, err = wa.token(pairs...)
	wantKind(t, err, problem.InvalidGrant)

	none := newWorld(t, func(c *authserver.Config) { c.RefreshLifetime = -1 })
	wa = none.wallet()
	if resp, err = wa.redeem(none.mdl()); err != nil || resp.RefreshToken != "" {
		t.Errorf("%+v, %v", resp, err)
	}
	_, err = wa.token(pairs...)
	wantKind(t, err, problem.UnsupportedGrantType)
}

// What stands in the way for a while, and what does for good.
func TestRefreshOfWhatIsWithdrawn(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	token := in.issued(mdl()).RefreshToken
	w.subjects.deny("P1", problem.Wrap(problem.CredentialRequestDenied, authserver.ErrNotNow, "withdrawn"))
	resp, err := in.refresh(token)
	if err != nil {
		t.Fatalf("withdrawn: %v", err)
	}
	if _, err := in.access(resp.AccessToken); err != nil {
		t.Error(err)
	}
	w.subjects.deny("P1", errors.New("nobody knows"))
	_, err = in.refresh(token)
	wantKind(t, err, problem.Unavailable)
	w.subjects.deny("P1", problem.New(problem.CredentialRequestDenied, "annulled"))
	_, err = in.refresh(token)
	wantKind(t, err, problem.InvalidGrant)
	w.subjects.deny("P1", nil)
	_, err = in.refresh(token)
	wantKind(t, err, problem.InvalidGrant) // gone for good
	_, err = in.access(resp.AccessToken)
	wantKind(t, err, problem.InvalidToken)
}

// The credential endpoint ends a grant.
func TestEnd(t *testing.T) {
	w, p := codeWorld(t, nil)
	ctx := context.Background()
	in := w.instance(p)
	resp := in.issued(mdl())
	more, err := in.refresh(resp.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	a, err := in.access(more.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	// Not for what the grant does not have: something is left.
	if err := w.server.End(ctx, a, "D9", "annulled"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.access(resp.AccessToken); err != nil {
		t.Errorf("ended for another document: %v", err)
	}
	for range 2 {
		if err := w.server.End(ctx, a, "D1", "annulled"); err != nil {
			t.Fatal(err)
		}
	}
	for _, token := range []string{resp.AccessToken, more.AccessToken} {
		_, err := in.access(token)
		wantKind(t, err, problem.InvalidToken)
	}
	_, err = in.refresh(resp.RefreshToken)
	wantKind(t, err, problem.InvalidGrant)
}

// Refreshed and ended from eight places: nothing of the grant is left.
func TestEndAgainstRefresh(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	first := in.issued(mdl())
	a, err := in.access(first.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	given := []*oid4vci.TokenResponse{first}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i == 4 {
				if err := w.server.End(context.Background(), a, "D1", "annulled"); err != nil {
					t.Error(err)
				}
				return
			}
			resp, err := in.refresh(first.RefreshToken)
			if err != nil {
				wantKind(t, err, problem.InvalidGrant)
				return
			}
			mu.Lock()
			given = append(given, resp)
			mu.Unlock()
		})
	}
	wg.Wait()
	for _, resp := range given {
		_, err := in.access(resp.AccessToken)
		wantKind(t, err, problem.InvalidToken)
	}
}

// The unit of a refresh token is named as issuance names it.
func TestRefreshNamesItsUnit(t *testing.T) {
	w, p := codeWorld(t, nil)
	var mu sync.Mutex
	var asked []string
	w.parts.Unit = func(thumbprint string) string {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, thumbprint)
		return "unit-" + thumbprint[:4]
	}
	w.restart()
	in := w.instance(p)
	resp := in.issued(mdl())
	a, err := in.access(resp.AccessToken)
	if err != nil || len(asked) != 1 || asked[0] != a.InstanceThumbprint {
		t.Errorf("asked for %v, %v", asked, err)
	}
}

// Of two documents one is annulled: the other can still be had.
func TestRefreshOfWhatIsLeft(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	token := in.issued(twoDocuments(), "scope", "mdl pid").RefreshToken
	w.subjects.deny("D1", problem.New(problem.CredentialRequestDenied, "annulled"))
	resp, err := in.refresh(token)
	if err != nil || resp.Scope != "pid" {
		t.Fatalf("%+v, %v", resp, err)
	}
	if a, err := in.access(resp.AccessToken); err != nil || !maps.Equal(a.Documents, map[string]string{"pid": "D2"}) {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = in.refresh(token, "scope", "mdl")
	wantKind(t, err, problem.InvalidGrant)
	if _, err = in.refresh(token, "scope", "pid"); err != nil {
		t.Errorf("asking for what is annulled ended the rest: %v", err)
	}
	w.subjects.deny("D2", errors.New("nobody knows"))
	_, err = in.refresh(token, "scope", "mdl")
	wantKind(t, err, problem.Unavailable)
	w.subjects.deny("D2", problem.New(problem.NotFound, "erased"))
	_, err = in.refresh(token, "scope", "mdl")
	wantKind(t, err, problem.InvalidGrant)
	w.subjects.deny("D2", nil)
	_, err = in.refresh(token)
	wantKind(t, err, problem.InvalidGrant)
}
