package issuer

import (
	"context"
	"slices"
	"strings"

	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/document"
	"vidimus/internal/fetch"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// AuthorizationServer is one of somebody else, in the place of our own.
type AuthorizationServer struct {
	Issuer      string   `yaml:"issuer"`
	JWKSURI     string   `yaml:"jwks_uri"`
	Roots       string   `yaml:"roots"`
	PersonClaim string   `yaml:"person_claim"`
	Algorithms  []string `yaml:"algorithms"`
	ACR         []string `yaml:"acr"`
}

// external says whether wallets get their tokens elsewhere.
func (c *Config) external() bool { return c.AuthorizationServer.Issuer != "" }

// invites says whether an offer may send a wallet to a login: ours, or that of
// the other server.
func (c *Config) invites() bool { return c.hasLogin() || c.external() }

// authorizationServer checks its keys.
func (k *checker) authorizationServer() {
	s := k.c.AuthorizationServer
	if !k.c.external() {
		if s.JWKSURI != "" || s.Roots != "" || len(s.Algorithms) > 0 {
			k.bad("authorization_server.issuer", "missing: the issuer identifier of the other server")
		}
		return
	}
	if _, err := oid4vci.WellKnown(s.Issuer, oid4vci.WellKnownServer, k.c.Dev); err != nil || !strings.HasPrefix(s.Issuer, "https://") && !k.devURL(s.Issuer) {
		k.bad("authorization_server.issuer", "an https address without query is wanted, got %q", s.Issuer)
	}
	if s.Issuer == k.c.PublicURL {
		k.bad("authorization_server.issuer", "it is ours: leave it empty for the built-in server")
	}
	if s.JWKSURI != "" && !strings.HasPrefix(s.JWKSURI, "https://") && !k.devURL(s.JWKSURI) {
		k.bad("authorization_server.jwks_uri", "an https address is wanted, got %q", s.JWKSURI)
	}
	if s.PersonClaim == "" {
		k.bad("authorization_server.person_claim", "missing: the claim that is the person number")
	}
	if len(s.ACR) == 0 && !k.c.Dev {
		k.bad("authorization_server.acr", "missing: the levels of login (acr) that are enough for a credential")
	}
	for _, alg := range s.Algorithms {
		if !slices.Contains(jose.Algorithms(), alg) {
			k.bad("authorization_server.algorithms", "one of %s, got %q", strings.Join(jose.Algorithms(), ", "), alg)
		}
	}
}

// externalServer takes the tokens of that server.
func (a *App) externalServer(secret []byte, cat *catalog.Catalog) (*authserver.External, error) {
	s := a.cfg.AuthorizationServer
	roots, err := a.cfg.webRoots("authorization_server.roots", s.Roots)
	if err != nil {
		return nil, err
	}
	keys := &serverKeys{
		issuer: s.Issuer, uri: s.JWKSURI, dev: a.cfg.Dev, clock: a.opts.Clock, log: a.log,
		client: fetch.New(fetch.Options{AllowInsecureLoopback: a.cfg.Dev, Roots: roots, UserAgent: "vidimus"}),
	}
	return authserver.NewExternal(authserver.ExternalConfig{
		Issuer: s.Issuer, Audience: a.cfg.PublicURL, Keys: keys.key, Algorithms: s.Algorithms, ACR: s.ACR, PersonClaim: s.PersonClaim,
		Configurations: grantable(cat), Documents: a.documentsOf, DPoPNonces: a.cfg.Wallets.DPoPNonces, Secret: secret,
	}, authserver.Parts{Store: a.store, Clock: a.opts.Clock})
}

// documentsOf chooses a document of a person for each configuration: one that a
// copy can be made of now, else one that there is, so that its wallet learns
// whether to wait. Whom no registry knows has none.
func (a *App) documentsOf(ctx context.Context, person string, configurations []string) (map[string]string, error) {
	s, err := a.records.Subject(ctx, person)
	switch {
	case problem.KindOf(err) == problem.NotFound:
		return map[string]string{}, nil
	case err != nil:
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	out := map[string]string{}
	for _, id := range configurations {
		c, known := a.records.catalog.Configuration(id)
		if !known {
			continue
		}
		if d := a.newest(s, c.DocumentType); d != nil {
			out[id] = d.Number
		}
	}
	return out, nil
}

// newest is the document of a type that was issued last, of those that can be
// issued if there are any.
func (a *App) newest(s document.Subject, typ string) *document.Document {
	now := a.opts.Clock.Now()
	var best *document.Document
	var good bool
	for i := range s.Documents {
		d := &s.Documents[i]
		if d.Type != typ {
			continue
		}
		can := a.effects.Issuable(s, d.Number, now) == nil
		if best == nil || can && !good || can == good && d.IssueDate > best.IssueDate {
			best, good = d, can
		}
	}
	return best
}

// grants makes offers with a code of ours, which another server cannot redeem.
func (a *App) grants() issuerhttp.Grants {
	if a.tokens == nil {
		return noGrants{a.cfg.AuthorizationServer.Issuer}
	}
	return a.tokens
}

type noGrants struct{ server string }

// PreAuthorize implements issuerhttp.Grants.
func (n noGrants) PreAuthorize(context.Context, authserver.Grant) (*authserver.PreAuthorized, error) {
	return nil, n.refusal()
}

// Revoke implements issuerhttp.Grants.
func (n noGrants) Revoke(context.Context, string, string) error { return n.refusal() }

func (n noGrants) refusal() error {
	return problem.New(problem.InvalidRequest, "wallets get their tokens from %s: make an offer that sends them to the login there", n.server)
}

// externalNonces are the nonces of DPoP proofs at our endpoints alone.
type externalNonces struct{ *authserver.External }

// ServerNonce implements issuerhttp.Nonces.
func (externalNonces) ServerNonce() string { return "" }

// tokenServer puts who gives or takes tokens on the public listener.
func (a *App) tokenServer(cfg *issuerhttp.PublicConfig) {
	if a.external != nil {
		cfg.External = a.external
		return
	}
	cfg.Tokens = a.tokens
}
