package authserver_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

func TestClientConfigRefusals(t *testing.T) {
	parts, p := newWorld(t, nil).parts, newProvider(t)
	for name, c := range map[string]struct {
		change func(*authserver.Config)
		want   string
	}{
		"attestation without attesters": {func(c *authserver.Config) { c.ClientAuth = authserver.ClientAttestation }, "no attester"},
		"anonymous with attestation":    {func(c *authserver.Config) { c.Attesters, c.Dev, c.AnonymousClients = p.chain, true, true }, "anonymous"},
		"another way":                   {func(c *authserver.Config) { c.ClientAuth = "private_key_jwt" }, "client authentication"},
		"bad redirect":                  {func(c *authserver.Config) { c.Redirects = map[string][]string{"x": {"http://x.example/"}} }, "redirect_uri"},
		"long request":                  {func(c *authserver.Config) { c.RequestLifetime = 10 * time.Minute }, "pushed requests"},
		"long code":                     {func(c *authserver.Config) { c.CodeLifetime = 61 * time.Second }, "codes"},
		"long refresh":                  {func(c *authserver.Config) { c.RefreshLifetime = 400 * 24 * time.Hour }, "refresh"},
		"negative age":                  {func(c *authserver.Config) { c.AttestationAge = -1 }, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			c.change(&cfg)
			if _, err := authserver.New(cfg, parts); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}

// Attestations of drafts -07 (with iss) and -08 to -10 (without) pass.
func TestAttestationDrafts(t *testing.T) {
	w, p := codeWorld(t, nil)
	for name, claims := range map[string]map[string]any{"-10": nil, "-07": {"iss": "https://provider.example", "nbf": start.Unix()}, "EUDI": {"wallet_version": "1"}} {
		in := w.instance(p)
		in.claims = claims
		if _, err := in.push(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An attestation is taken where it is not demanded, and then it must pass.
func TestAttestationOfKnownClients(t *testing.T) {
	w, p := codeWorld(t, func(c *authserver.Config) { c.ClientAuth, c.Clients = authserver.ClientKnown, []string{"known"} })
	in := w.instance(p)
	if _, err := in.push(); err != nil {
		t.Error(err)
	}
	in.provider = newProvider(t)
	in.provider.leaf = []byte{0x30, 0x02}
	_, err := in.push()
	wantKind(t, err, problem.InvalidClientAttestation)
	// Nobody's attestation is looked at where there are no attesters.
	bare := newWorld(t, nil)
	pre := bare.mdl()
	wa := bare.wallet()
	_, err = bare.server.Token(context.Background(), authserver.TokenRequest{
		Form: form(t, "pre-authorized_code", pre.Code, "tx_code", pre.TxCode), DPoP: wa.proof("POST", tokenURL, ""), Client: authserver.ClientProof{Attestation: []string{"x"}},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAttestationChallenge(t *testing.T) {
	w, p := codeWorld(t, func(c *authserver.Config) { c.AttestationChallenges = true })
	in := w.instance(p)
	fetch := func() string {
		c, err := w.server.Challenge(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	_, err := in.push()
	wantKind(t, err, problem.UseAttestationChallenge)
	if !errors.Is(err, oauth.ErrAttestationChallenge) {
		t.Errorf("the refusal does not say what it is: %v", err)
	}
	for _, foreign := range []string{"x", w.server.ServerNonce(), w.server.ResourceNonce()} {
		in.challenge = foreign
		_, err = in.push()
		wantKind(t, err, problem.UseAttestationChallenge)
	}
	in.challenge = fetch()
	if _, err = in.push(); err != nil {
		t.Error(err)
	}
	w.clock.Advance(5 * time.Minute)
	w.restart()
	if _, err = in.push(); err != nil {
		t.Errorf("the challenge before: %v", err)
	}
	w.clock.Advance(5 * time.Minute)
	_, err = in.push()
	wantKind(t, err, problem.UseAttestationChallenge)
	in.challenge = fetch()
	if _, err = in.push(); err != nil {
		t.Error(err)
	}
}

func TestAttestationAge(t *testing.T) {
	w, p := codeWorld(t, func(c *authserver.Config) { c.AttestationAge, c.AttestationLifetime = time.Hour, 13*time.Hour })
	in := w.instance(p)
	if _, err := in.push(); err != nil {
		t.Fatal(err)
	}
	old := in.client()
	w.clock.Advance(2 * time.Hour)
	old.PoP = in.client().PoP
	_, err := w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(), Client: old})
	wantKind(t, err, problem.UseFreshAttestation)
	in.claims = map[string]any{"client_status": map[string]any{"exp": w.clock.Now().Unix()}}
	_, err = in.push()
	wantKind(t, err, problem.UseFreshAttestation)
	in.claims = map[string]any{"status": "x"}
	_, err = in.push()
	wantKind(t, err, problem.InvalidClientAttestation)
	w.cfg.AttestationLifetime = 11 * time.Hour
	w.restart()
	in.claims = nil
	_, err = in.push()
	wantKind(t, err, problem.InvalidClientAttestation)
}

// Trust has an end, and may be unknown.
func TestAttesters(t *testing.T) {
	w, p := codeWorld(t, nil)
	in := w.instance(p)
	for name, c := range map[string]struct {
		until time.Time
		err   error
		kind  problem.Kind
	}{
		"over":    {until: start, kind: problem.InvalidClientAttestation},
		"unknown": {err: problem.New(problem.Unavailable, "the list cannot be fetched"), kind: problem.Unavailable},
	} {
		w.cfg.Attesters = func([][]byte, time.Time) (authserver.Attester, error) {
			return authserver.Attester{Key: p.key.Public(), Until: c.until}, c.err
		}
		w.restart()
		_, err := in.push()
		if problem.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Bad input B25.
func TestAttestationStatus(t *testing.T) {
	w, p := codeWorld(t, nil)
	var says error
	var asked []authserver.StatusRef
	var instance string
	w.parts.AttestationStatus = func(_ context.Context, of string, refs []authserver.StatusRef) error {
		instance, asked = of, refs
		return says
	}
	w.restart()
	in := w.instance(p)
	if _, err := in.push(); err != nil || asked != nil {
		t.Errorf("an attestation without status: %v, asked for %v", err, asked)
	}
	in.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 7, "uri": "https://provider.example/1"}}}
	resp := in.issued(mdl())
	if !slices.Equal(asked, []authserver.StatusRef{{List: "https://provider.example/1", Index: 7, Provider: "provider"}}) || instance != in.unit() {
		t.Errorf("asked for %v of %s", asked, instance)
	}
	for err, kind := range map[error]problem.Kind{authserver.ErrAttestationRevoked: problem.InvalidClient, errors.New("unreachable"): problem.Unavailable} {
		says = err
		_, got := in.push()
		wantKind(t, got, kind)
		_, got = in.refresh(resp.RefreshToken)
		wantKind(t, got, kind)
	}
}

// The attestation of another unit does not redeem the code, though the wallet
// is the same.
func TestCodeIsBoundToTheUnit(t *testing.T) {
	w, p := codeWorld(t, nil)
	in, stranger := w.instance(p), w.instance(p)
	code := in.code(mdl())
	stranger.key = in.key
	_, err := stranger.exchange(code)
	wantKind(t, err, problem.InvalidGrant)
	if _, err := in.exchange(code); err != nil {
		t.Error(err)
	}
}

func TestMetadata(t *testing.T) {
	w, _ := codeWorld(t, func(c *authserver.Config) { c.AttestationChallenges = true })
	m := w.server.Metadata(authserver.Endpoints{Authorization: issuer + "/authorize", Challenge: issuer + "/challenge"})
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	if !m.RequirePushedAuthorizationRequests || m.PushedAuthorizationRequestEndpoint != parURL || m.ChallengeEndpoint != issuer+"/challenge" || !m.AuthorizationResponseIss ||
		!slices.Equal(m.TokenEndpointAuthMethods, []string{"attest_jwt_client_auth"}) || !slices.Equal(m.CodeChallengeMethodsSupported, []string{"S256"}) ||
		!slices.Equal(m.ScopesSupported, []string{"library", "mdl", "pid"}) || m.PreAuthorizedAnonymousAccess || !slices.Contains(m.GrantTypesSupported, "refresh_token") ||
		!slices.Equal(m.ClientAttestationAlgorithms, []string{"ES256", "ES384", "ES512"}) || !slices.Equal(m.ResponseTypesSupported, []string{"code"}) {
		t.Errorf("%+v", m)
	}
	bare := newWorld(t, nil).server.Metadata(authserver.Endpoints{Authorization: issuer + "/authorize", Challenge: issuer + "/challenge"})
	if bare.AuthorizationEndpoint != "" || bare.ChallengeEndpoint != "" || bare.PushedAuthorizationRequestEndpoint != "" || len(bare.GrantTypesSupported) != 2 ||
		!slices.Equal(bare.TokenEndpointAuthMethods, []string{"none"}) {
		t.Errorf("%+v", bare)
	}
}
