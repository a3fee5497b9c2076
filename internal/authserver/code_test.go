package authserver_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/store/bolt"
	"vidimus/internal/store/storetest"
)

// The whole flow, and what the token tells issuance.
func TestCodeFlow(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	until := start.Add(30 * 24 * time.Hour)
	in.claims = map[string]any{"client_status": map[string]any{
		"status": map[string]any{"status_list": map[string]any{"idx": 7, "uri": "https://provider.example/1"}}, "exp": until.Unix(),
	}}
	w.clock.Advance(time.Minute)
	resp := in.issued(mdl())
	if resp.TokenType != "DPoP" || resp.ExpiresIn != 300 || resp.Scope != "mdl" || len(resp.RefreshToken) != 43 || resp.AuthorizationDetails != nil {
		t.Errorf("%+v", resp)
	}
	a, err := in.access(resp.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if a.Person != "P1" || !maps.Equal(a.Documents, map[string]string{"mdl": "D1"}) || a.ClientID != walletID || a.ACR != "high" || a.Refreshed ||
		a.InstanceThumbprint == "" || a.InstanceThumbprint == a.Thumbprint || !a.AttestationsExpire.Equal(until) || !a.Granted.Equal(w.clock.Now()) ||
		len(a.Attestations) != 1 || a.Attestations[0] != (authserver.StatusRef{List: "https://provider.example/1", Index: 7, Provider: "provider"}) {
		t.Errorf("%+v", a)
	}
	if n := count(w.audit, "authorization.approve", audit.Done); n != 1 {
		t.Errorf("%d approvals are on record", n)
	}
}

func TestCodeRefusals(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	code := in.code(mdl())
	for name, c := range map[string]struct {
		pairs []string
		kind  problem.Kind
	}{
		"no code":            {[]string{"code", ""}, problem.InvalidRequest},
		"unknown code":       {[]string{"code", strings.Repeat("A", 43)}, problem.InvalidGrant},
		"long code":          {[]string{"code", strings.Repeat("A", 1000)}, problem.InvalidGrant},
		"no redirect_uri":    {[]string{"redirect_uri", ""}, problem.InvalidGrant},
		"other redirect_uri": {[]string{"redirect_uri", redirect + "/"}, problem.InvalidGrant},
		"no verifier":        {[]string{"code_verifier", ""}, problem.InvalidGrant},
		"other verifier":     {[]string{"code_verifier", anotherOne}, problem.InvalidGrant},
		"other resource":     {[]string{"resource", "https://other.example"}, problem.InvalidTarget},
		"more than approved": {[]string{"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"pid"}]`}, problem.InvalidRequest},
		"bad details":        {[]string{"authorization_details", "x"}, problem.InvalidAuthorizationDetails},
		"password":           {[]string{"grant_type", "password"}, problem.UnsupportedGrantType},
		"client credentials": {[]string{"grant_type", "client_credentials"}, problem.UnsupportedGrantType},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.exchange(code, c.pairs...)
			wantKind(t, err, c.kind)
		})
	}
	if _, err := in.exchange(code, "scope", "ignored", "resource", issuer, "client_id", walletID); err != nil {
		t.Errorf("the refusals used the code up: %v", err)
	}
}

// authorization_details in the token request alone, for less than approved.
func TestCodeNarrowedByDetails(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	both := authserver.Decision{Person: "P1", Documents: map[string]string{"mdl": "D1", "pid": "D2"}}
	code := in.code(both, "scope", "mdl pid")
	resp, err := in.exchange(code, "authorization_details", `[{"type":"openid_credential","credential_configuration_id":"pid"}]`)
	if err != nil || len(resp.AuthorizationDetails) != 1 || resp.Scope != "pid" {
		t.Fatalf("%+v, %v", resp, err)
	}
	a, err := in.access(resp.AccessToken)
	if err != nil || !maps.Equal(a.Documents, map[string]string{"pid": "D2"}) || a.Identifiers[resp.AuthorizationDetails[0].CredentialIdentifiers[0]] != "pid" {
		t.Errorf("%+v, %v", a, err)
	}
}

// One code from eight connections: one token, which the others end.
func TestCodeOnce(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	code := in.code(mdl())
	var mu sync.Mutex
	var won []*oid4vci.TokenResponse
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			resp, err := in.exchange(code)
			if err != nil {
				wantKind(t, err, problem.InvalidGrant)
				return
			}
			mu.Lock()
			won = append(won, resp)
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d tokens for one code", len(won))
	}
	_, err := in.access(won[0].AccessToken)
	wantKind(t, err, problem.InvalidToken)
	_, err = in.refresh(won[0].RefreshToken)
	wantKind(t, err, problem.InvalidGrant)
}

func TestEligibilityOfCodes(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	code := in.code(mdl())
	w.subjects.deny("P1", problem.New(problem.CredentialRequestDenied, "deceased"))
	_, err := in.exchange(code)
	wantKind(t, err, problem.InvalidGrant)
	w.subjects.deny("P1", errors.New("disk on fire"))
	_, err = in.exchange(code)
	wantKind(t, err, problem.Unavailable)
	// Withdrawn for a while: the wallet will be told to wait.
	w.subjects.deny("P1", problem.Wrap(problem.CredentialRequestDenied, authserver.ErrNotNow, "withdrawn"))
	if _, err = in.exchange(code); err != nil {
		t.Error(err)
	}
}

// The end of the process, on the store that outlives it: nothing is used twice,
// nothing that was given is lost.
func TestCodeFlowAcrossRestarts(t *testing.T) {
	w, p := codeWorld(t, nil)
	path := filepath.Join(t.TempDir(), "vidimus.db")
	opts := bolt.Options{PublicURL: issuer, Rand: rand.Reader, Pseudonyms: storetest.Pseudonyms{}}
	if err := bolt.Create(path, opts); err != nil {
		t.Fatal(err)
	}
	var store *bolt.Store
	again := func() {
		t.Helper()
		if store != nil {
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if store, err = bolt.Open(path, opts); err != nil {
			t.Fatal(err)
		}
		w.parts.Store = store
		w.restart()
	}
	again()
	t.Cleanup(func() { _ = store.Close() })
	in := w.instance(p)
	client, proof := in.client(), in.proof(parURL)
	pushed, err := w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(), DPoP: proof, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	again()
	_, err = w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(), DPoP: proof, Client: in.client()})
	wantKind(t, err, problem.InvalidDPoPProof)
	_, err = w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(), DPoP: in.proof(parURL), Client: client})
	wantKind(t, err, problem.InvalidClientAttestation)
	code := w.approve(pushed.RequestURI, mdl()).Get("code")
	again()
	_, err = w.server.Approve(context.Background(), walletID, pushed.RequestURI, mdl())
	wantKind(t, err, problem.InvalidRequest)
	resp, err := in.exchange(code)
	if err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := in.access(resp.AccessToken); err != nil {
		t.Error(err)
	}
	more, err := in.refresh(resp.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := in.exchange(code); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 0 {
		t.Error("a code was used a second time")
	}
	again()
	for _, token := range []string{resp.AccessToken, more.AccessToken} {
		_, err = in.access(token)
		wantKind(t, err, problem.InvalidToken)
	}
	_, err = in.refresh(resp.RefreshToken)
	wantKind(t, err, problem.InvalidGrant)
}
