package authserver_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/problem"
	"vidimus/internal/store/memory"
)

func TestConfigRefusals(t *testing.T) {
	parts := newWorld(t, nil).parts
	for name, c := range map[string]struct {
		change func(*authserver.Config)
		want   string
	}{
		"short secret":        {func(c *authserver.Config) { c.Secret = make([]byte, 31) }, "31 bytes"},
		"no issuer":           {func(c *authserver.Config) { c.Issuer = "" }, "issuer"},
		"no configuration":    {func(c *authserver.Config) { c.Configurations = nil }, "no credential configuration"},
		"no client":           {func(c *authserver.Config) { c.Clients = nil }, "no client"},
		"empty client":        {func(c *authserver.Config) { c.Clients = []string{""} }, "empty client"},
		"anonymous":           {func(c *authserver.Config) { c.AnonymousClients = true }, "development"},
		"bearer":              {func(c *authserver.Config) { c.AllowBearer = true }, "development"},
		"long offer":          {func(c *authserver.Config) { c.OfferLifetime = 73 * time.Hour }, "offer lifetime"},
		"long token":          {func(c *authserver.Config) { c.TokenLifetime = 2 * time.Hour }, "token lifetime"},
		"negative token":      {func(c *authserver.Config) { c.TokenLifetime = -time.Second }, "token lifetime"},
		"four digits":         {func(c *authserver.Config) { c.TxCodeLength = 4 }, "4 digits"},
		"unlimited attempts":  {func(c *authserver.Config) { c.TxCodeAttempts = 1000 }, "1000 attempts"},
		"old proofs":          {func(c *authserver.Config) { c.DPoPAge = time.Hour }, "age of proofs"},
		"type of nothing":     {func(c *authserver.Config) { c.Configurations = map[string]authserver.Configuration{"x": {}} }, "no type"},
		"several at one time": {func(c *authserver.Config) { c.Issuer = ""; c.Secret = nil }, "0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			c.change(&cfg)
			if _, err := authserver.New(cfg, parts); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
	if _, err := authserver.New(config(), authserver.Parts{}); err == nil {
		t.Error("a server without a store and an audit log")
	}
}

func TestTokenNarrowsTheOffer(t *testing.T) {
	w := newWorld(t, nil)
	wa := w.wallet()
	both := map[string]string{"mdl": "D1", "pid": "D2"}

	whole, err := wa.redeem(w.offer(both, false))
	if err != nil {
		t.Fatal(err)
	}
	if whole.TokenType != "DPoP" || whole.ExpiresIn != 300 || whole.AuthorizationDetails != nil || whole.Scope != "" {
		t.Errorf("token response %+v", whole)
	}
	access, err := wa.access(whole.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(access.Documents, both) || access.Identifiers != nil || access.Person != "P1" || access.ClientID != "https://wallet.example" || access.Thumbprint == "" {
		t.Errorf("access %+v", access)
	}

	pre := w.offer(both, false)
	scoped, err := wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "scope", "mdl")
	if err != nil {
		t.Fatal(err)
	}
	if access, err = wa.access(scoped.AccessToken); err != nil || !maps.Equal(access.Documents, map[string]string{"mdl": "D1"}) || scoped.Scope != "mdl" {
		t.Errorf("%+v, %v", access, err)
	}

	pre = w.offer(both, false)
	detailed, err := wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode,
		"authorization_details", `[{"type":"openid_credential","credential_configuration_id":"pid","x":1}]`)
	if err != nil {
		t.Fatal(err)
	}
	if len(detailed.AuthorizationDetails) != 1 || len(detailed.AuthorizationDetails[0].CredentialIdentifiers) != 1 {
		t.Fatalf("authorization_details %+v", detailed.AuthorizationDetails)
	}
	id := detailed.AuthorizationDetails[0].CredentialIdentifiers[0]
	if access, err = wa.access(detailed.AccessToken); err != nil || access.Identifiers[id] != "pid" || !maps.Equal(access.Documents, map[string]string{"pid": "D2"}) {
		t.Errorf("%+v, %v", access, err)
	}
}

func TestOfferIsIdempotent(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	g := authserver.Grant{IdempotencyKey: "k1", Person: "P1", Documents: map[string]string{"mdl": "D1"}, Actor: "office"}
	first, err := w.server.PreAuthorize(ctx, g)
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	again, err := w.server.PreAuthorize(ctx, g)
	if err != nil || again.Code != first.Code || again.TxCode != first.TxCode || !again.Expires.Equal(first.Expires) {
		t.Errorf("the repeat gave %+v, %v, want %+v", again, err, first)
	}
	other := g
	other.Documents = map[string]string{"mdl": "D2"}
	_, err = w.server.PreAuthorize(ctx, other)
	wantKind(t, err, problem.Conflict)
	if _, err := w.wallet().redeem(first); err != nil {
		t.Fatal(err)
	}
	_, err = w.server.PreAuthorize(ctx, g)
	wantKind(t, err, problem.Conflict)

	// An offer whose tries are used up is no offer: the office must learn it.
	dead := g
	dead.IdempotencyKey = "dead"
	spent, err := w.server.PreAuthorize(ctx, dead)
	if err != nil {
		t.Fatal(err)
	}
	for n := range authserver.DefaultTxCodeAttempts {
		_, err := w.wallet().token("pre-authorized_code", spent.Code, "tx_code", wrong(spent.TxCode, n))
		wantKind(t, err, problem.InvalidGrant)
	}
	_, err = w.server.PreAuthorize(ctx, dead)
	wantKind(t, err, problem.Conflict)

	next := g
	next.IdempotencyKey = "k2"
	second, err := w.server.PreAuthorize(ctx, next)
	if err != nil || second.Code == first.Code {
		t.Errorf("two keys, one code: %v", err)
	}
	for _, bad := range []authserver.Grant{
		{}, {IdempotencyKey: strings.Repeat("k", 129), Person: "P1", Documents: g.Documents}, {IdempotencyKey: "x", Documents: g.Documents},
		{IdempotencyKey: "x", Person: "P1"}, {IdempotencyKey: "x", Person: "P1", Documents: map[string]string{"mdl": ""}},
	} {
		_, err := w.server.PreAuthorize(ctx, bad)
		wantKind(t, err, problem.InvalidRequest)
	}
	_, err = w.server.PreAuthorize(ctx, authserver.Grant{IdempotencyKey: "x", Person: "P1", Documents: map[string]string{"no": "D"}})
	wantKind(t, err, problem.UnknownCredentialConfiguration)
	wantKind(t, w.server.Revoke(ctx, "never", "office"), problem.NotFound)
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	wa := w.wallet()
	resp, err := wa.redeem(w.mdl())
	if err != nil {
		t.Fatal(err)
	}
	token := resp.AccessToken
	try := func(authorization, proof string) error {
		_, err := w.server.Authenticate(ctx, authserver.ResourceRequest{Method: "POST", URL: credentialURL, Authorization: authorization, DPoP: proof})
		return err
	}
	good := wa.proof("POST", credentialURL, token)
	for name, c := range map[string]struct {
		authorization, proof string
		kind                 problem.Kind
	}{
		"nothing":           {"", good, problem.InvalidToken},
		"no token":          {"DPoP", good, problem.InvalidToken},
		"unknown token":     {"DPoP " + strings.Repeat("A", 43), good, problem.InvalidToken},
		"B19/as bearer":     {"Bearer " + token, good, problem.InvalidToken},
		"basic":             {"Basic " + token, good, problem.InvalidToken},
		"no proof":          {"DPoP " + token, "", problem.InvalidDPoPProof},
		"B18/other key":     {"DPoP " + token, w.wallet().proof("POST", credentialURL, token), problem.InvalidToken},
		"other method":      {"DPoP " + token, wa.proof("GET", credentialURL, token), problem.InvalidDPoPProof},
		"other URL":         {"DPoP " + token, wa.proof("POST", tokenURL, token), problem.InvalidDPoPProof},
		"without ath":       {"DPoP " + token, wa.proof("POST", credentialURL, ""), problem.InvalidDPoPProof},
		"ath of another":    {"DPoP " + token, wa.proof("POST", credentialURL, "x"+token), problem.InvalidDPoPProof},
		"B20/two tokens":    {"DPoP " + token + ", DPoP " + token, good, problem.InvalidToken},
		"two spaces":        {"DPoP  " + token, good, problem.InvalidToken},
		"header of 1 MiB":   {"DPoP " + strings.Repeat("a", 1<<20), good, problem.InvalidToken},
		"line in the token": {"DPoP " + token + "\r\n", good, problem.InvalidToken},
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, try(c.authorization, c.proof), c.kind) })
	}
	if err := try("dpop "+token, good); err != nil {
		t.Errorf("scheme in lower case: %v", err)
	}
	wantKind(t, try("DPoP "+token, good), problem.InvalidDPoPProof) // the same jti again

	// C17: expired, revoked, of a client that is no more.
	w.clock.Advance(5*time.Minute - time.Second)
	if _, err := wa.access(token); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	w.clock.Advance(time.Second)
	_, err = wa.access(token)
	wantKind(t, err, problem.InvalidToken)

	w.clock.Advance(time.Minute)
	if resp, err = wa.redeem(w.mdl()); err != nil {
		t.Fatal(err)
	}
	w.cfg.Clients = []string{"other"}
	w.restart()
	_, err = wa.access(resp.AccessToken)
	wantKind(t, err, problem.InvalidToken)
	w.cfg.Clients = config().Clients
	w.restart()
	if _, err = wa.access(resp.AccessToken); err != nil {
		t.Errorf("after the client came back: %v", err)
	}
	if err := w.server.Revoke(ctx, "offer 2", "office"); err != nil {
		t.Fatal(err)
	}
	_, err = wa.access(resp.AccessToken)
	wantKind(t, err, problem.InvalidToken)
}

func TestTokenProofs(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	pre, wa := w.mdl(), w.wallet()
	f := form(t, "pre-authorized_code", pre.Code, "tx_code", pre.TxCode)
	used := wa.proof("POST", tokenURL, "")
	if _, err := wa.w.server.Token(ctx, authserver.TokenRequest{Form: form(t, "pre-authorized_code", w.mdl().Code, "tx_code", "000000x"), DPoP: used}); problem.KindOf(err) != problem.InvalidGrant {
		t.Fatal(err)
	}
	old := wa.proof("POST", tokenURL, "")
	w.clock.Advance(5*time.Minute + 2*time.Second)
	for name, proof := range map[string]string{
		"absent": "", "replayed": used, "old": old, "of the credential endpoint": wa.proof("POST", credentialURL, ""), "junk": "a.b.c",
		"two": wa.proof("POST", tokenURL, "") + "," + wa.proof("POST", tokenURL, ""),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.server.Token(ctx, authserver.TokenRequest{Form: f, DPoP: proof})
			wantKind(t, err, problem.InvalidDPoPProof)
		})
	}
	if _, err := wa.redeem(pre); err != nil {
		t.Errorf("bad proofs burned the offer: %v", err)
	}
}

func TestBearerInDevelopment(t *testing.T) {
	w := newWorld(t, func(c *authserver.Config) { c.Dev, c.AllowBearer = true, true })
	ctx := context.Background()
	pre := w.mdl()
	resp, err := w.server.Token(ctx, authserver.TokenRequest{Form: form(t, "pre-authorized_code", pre.Code, "tx_code", pre.TxCode)})
	if err != nil || resp.TokenType != "Bearer" {
		t.Fatalf("%+v, %v", resp, err)
	}
	r := authserver.ResourceRequest{Method: "POST", URL: credentialURL, Authorization: "Bearer " + resp.AccessToken}
	if _, err := w.server.Authenticate(ctx, r); err != nil {
		t.Error(err)
	}
	if _, err = w.wallet().access(resp.AccessToken); problem.KindOf(err) != problem.InvalidToken {
		t.Errorf("a bearer token with a proof: %v", err)
	}
	w.cfg.Dev, w.cfg.AllowBearer = false, false
	w.restart()
	_, err = w.server.Authenticate(ctx, r)
	wantKind(t, err, problem.InvalidToken)
}

func TestTokenRequestForms(t *testing.T) {
	w := newWorld(t, nil)
	pre, wa := w.mdl(), w.wallet()
	for name, c := range map[string]struct {
		pairs []string
		kind  problem.Kind
	}{
		"no grant type":    {[]string{"grant_type", ""}, problem.InvalidRequest},
		"password":         {[]string{"grant_type", "password"}, problem.UnsupportedGrantType},
		"code":             {[]string{"grant_type", "authorization_code"}, problem.UnsupportedGrantType},
		"no code":          {nil, problem.InvalidRequest},
		"unknown code":     {[]string{"pre-authorized_code", strings.Repeat("A", 43)}, problem.InvalidGrant},
		"long code":        {[]string{"pre-authorized_code", strings.Repeat("A", 5000)}, problem.InvalidGrant},
		"other resource":   {[]string{"pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "resource", "https://other.example"}, problem.InvalidTarget},
		"client assertion": {[]string{"pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "client_assertion", "x"}, problem.InvalidClient},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wa.token(c.pairs...)
			wantKind(t, err, c.kind)
		})
	}
	if _, err := wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "resource", issuer); err != nil {
		t.Error(err)
	}
}

func TestNothingWithoutAudit(t *testing.T) {
	w := newWorld(t, nil)
	pre := w.mdl()
	w.audit.Fail = errors.New("disk full")
	_, err := w.wallet().redeem(pre)
	wantKind(t, err, problem.Unavailable)
	_, err = w.server.PreAuthorize(context.Background(), authserver.Grant{IdempotencyKey: "x", Person: "P1", Documents: map[string]string{"mdl": "D1"}, Actor: "office"})
	wantKind(t, err, problem.Unavailable)
}

// What is stored and what is on record holds no secret.
func TestSecretsStayOut(t *testing.T) {
	w := newWorld(t, nil)
	pre := w.mdl()
	resp, err := w.wallet().redeem(pre)
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, e := range w.audit.Events() {
		for _, v := range slices.Concat([]string{e.Action, e.Actor, e.Subject}, slices.Collect(maps.Values(e.Detail))) {
			lines.WriteString(v + "\n")
		}
	}
	for _, secret := range []string{pre.Code, pre.TxCode, resp.AccessToken} {
		if strings.Contains(lines.String(), secret) {
			t.Errorf("a secret is on record: %s", lines.String())
		}
	}
	if n := count(w.audit, "token.issue", audit.Done); n != 1 {
		t.Errorf("%d tokens are on record", n)
	}
}

// What a token is good for says when its grant was given, not when it was
// redeemed: a fact between the two ends it.
func TestGranted(t *testing.T) {
	w := newWorld(t, nil)
	pre := w.mdl()
	given := w.clock.Now()
	w.clock.Advance(7 * time.Minute)
	wa := w.wallet()
	resp, err := wa.redeem(pre)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	a, err := wa.access(resp.AccessToken)
	if err != nil || !a.Granted.Equal(given) || a.Thumbprint == "" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Persons are on record as Person, which becomes a pseudonym, and nowhere else.
func TestRecordNamesNobody(t *testing.T) {
	w := newWorld(t, nil)
	pre := w.mdl()
	if _, err := w.wallet().token("pre-authorized_code", pre.Code, "tx_code", wrong(pre.TxCode, 0)); err == nil {
		t.Fatal("a wrong transaction code")
	}
	if _, err := w.wallet().redeem(pre); err != nil {
		t.Fatal(err)
	}
	events := w.audit.Events()
	if len(events) != 3 { // made, denied, redeemed
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if e.Person != "P1" || e.Subject != "" {
			t.Errorf("event about %q, %q", e.Person, e.Subject)
		}
	}
	for _, number := range []string{`"P1"`, "D1"} {
		if bytes.Contains(w.audit.Bytes(), []byte(number)) {
			t.Errorf("%s is on record:\n%s", number, w.audit.Bytes())
		}
	}
}

// A proof stays used when it was swept and the clock is then set back, or when
// a request that was judged before its end is recorded after the sweep.
func TestProofStaysUsedWhenTheClockIsSetBack(t *testing.T) {
	w := newWorld(t, func(c *authserver.Config) { c.TokenLifetime = time.Hour })
	ctx := context.Background()
	wa := w.wallet()
	resp, err := wa.redeem(w.mdl())
	if err != nil {
		t.Fatal(err)
	}
	r := authserver.ResourceRequest{
		Method: "POST", URL: credentialURL, Authorization: "DPoP " + resp.AccessToken, DPoP: wa.proof("POST", credentialURL, resp.AccessToken),
	}
	if _, err := w.server.Authenticate(ctx, r); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(authserver.DefaultDPoPAge + 3*time.Second)
	if err := w.server.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(-10 * time.Second)
	_, err = w.server.Authenticate(ctx, r)
	wantKind(t, err, problem.InvalidDPoPProof)
}

func TestSweep(t *testing.T) {
	store, err := memory.New(memory.Options{PublicURL: issuer, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	w.parts.Store = store
	w.restart()
	pre := w.mdl()
	if _, err := w.wallet().redeem(pre); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(48 * time.Hour)
	if err := w.server.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n, err := store.SweepExpired(context.Background(), w.clock.Now(), 10); n != 0 || err != nil {
		t.Errorf("%d records were left, %v", n, err)
	}
}
