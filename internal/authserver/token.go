package authserver

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// The grant types beside oid4vci.GrantPreAuthorized.
const (
	GrantCode    = "authorization_code"
	GrantRefresh = "refresh_token"
)

// TokenRequest is a request at the token endpoint.
type TokenRequest struct {
	Form          oauth.Form // the body; a repeated parameter was refused
	DPoP          string     // header, "" when absent
	Authorization string     // header; no way of authentication with it is known
	Client        ClientProof
}

// Token exchanges a code or a refresh token for an access token. Nothing is
// used up before everything that can be checked without the store's one step
// has been: a wallet with a bad proof or a wrong parameter may try again.
func (s *Server) Token(ctx context.Context, r TokenRequest) (*oid4vci.TokenResponse, error) {
	if r.Client.Authorization == "" {
		r.Client.Authorization = r.Authorization
	}
	switch gt := r.Form.Get("grant_type"); {
	case gt == "":
		return nil, problem.New(problem.InvalidRequest, "no grant_type")
	case !slices.Contains(s.GrantTypes(), gt):
		return nil, problem.New(problem.UnsupportedGrantType, "the grant types are %s", strings.Join(s.GrantTypes(), ", "))
	}
	c, err := s.authenticate(ctx, r.Client, r.Form)
	if err != nil {
		return nil, err
	}
	switch r.Form.Get("grant_type") {
	case GrantCode:
		return s.codeToken(ctx, r, c)
	case GrantRefresh:
		return s.refreshToken(ctx, r, c)
	}
	return s.preAuthorizedToken(ctx, r, c)
}

// GrantTypes are those that the token endpoint takes.
func (s *Server) GrantTypes() []string {
	types := []string{oid4vci.GrantPreAuthorized}
	if s.cfg.PushEndpoint != "" {
		types = append(types, GrantCode)
	}
	if s.cfg.RefreshLifetime > 0 {
		types = append(types, GrantRefresh)
	}
	return types
}

// bind verifies the DPoP proof of a token request and gives the thumbprint
// that the token is bound to, "" for a bearer token in development, and what
// is to be remembered.
func (s *Server) bind(r TokenRequest, c client) (thumbprint string, once []Once, err error) {
	if r.DPoP == "" && s.cfg.AllowBearer {
		return "", c.once, nil
	}
	proof, err := s.verifyProof("POST", s.cfg.TokenEndpoint, r.DPoP, "", s.secrets.serverNonce)
	if err != nil {
		return "", nil, err
	}
	return proof.Thumbprint, append(slices.Clip(c.once), proofOnce(proof)), nil
}

// source is what a token is given for.
type source struct {
	grant   Digest // hash of the code
	subject string
	granted time.Time
	acr     string
	want
}

// gift is what a grant gives, and how it is told to the wallet.
type gift struct {
	Given
	response *oid4vci.TokenResponse
}

// give makes an access token, and a refresh token where it can be bound to a
// key.
func (s *Server) give(src source, c client, thumbprint string) (gift, error) {
	raw, err := randomBytes(s.p.Rand, 2*(32+12))
	if err != nil {
		return gift{}, unavailable(err)
	}
	token, refresh, now := jose.EncodeBase64URL(raw[:32]), jose.EncodeBase64URL(raw[32:64]), s.p.Clock.Now()
	g := gift{response: &oid4vci.TokenResponse{
		AccessToken: token, TokenType: "DPoP", ExpiresIn: int(s.cfg.TokenLifetime.Seconds()),
		Scope: src.scope, AuthorizationDetails: src.details(),
	}}
	g.Token = TokenRecord{
		Hash: secretDigest(token), ID: hex.EncodeToString(raw[64:76]), ClientID: c.id, Wallet: c.Wallet,
		Subject: src.subject, Documents: src.documents, Identifiers: src.identifiers, ACR: src.acr, Grant: src.grant,
		Thumbprint: thumbprint, Granted: src.granted, Issued: now, Expires: now.Add(s.cfg.TokenLifetime),
	}
	g.Issued = s.issued(g.Token)
	key := c.key(thumbprint)
	if thumbprint == "" {
		g.response.TokenType = "Bearer"
	}
	if key == "" || s.cfg.RefreshLifetime < 0 {
		return g, nil
	}
	g.response.RefreshToken = refresh
	g.Refresh = &RefreshRecord{
		Hash: secretDigest(refresh), ID: hex.EncodeToString(raw[76:]), Grant: src.grant, ClientID: c.id, Key: key, Attested: c.Instance != "",
		Subject: src.subject, Documents: src.documents, Identifiers: src.identifiers, Scopes: strings.Fields(src.scope), ACR: src.acr,
		Granted: src.granted, Issued: now, Expires: now.Add(s.cfg.RefreshLifetime),
	}
	if s.p.Unit != nil {
		g.Refresh.Unit = s.p.Unit(key)
	}
	g.Token.Refresh = g.Refresh.Hash
	return g, nil
}

// issued is what goes on record of a token.
func (s *Server) issued(t TokenRecord) audit.Event {
	return s.event(audit.Event{
		Action: "token.issue", Person: t.Subject, Actor: clientName(t.ClientID), Outcome: audit.Done, Detail: map[string]string{
			"session": grantID(t.Grant), "configuration": strings.Join(slices.Sorted(maps.Keys(t.Documents)), " "),
		},
	})
}

// refusalReason names a refusal of the store for the audit log; false for nil
// and for an error that is none of its refusals.
func refusalReason(err error) (string, bool) {
	for _, r := range []struct {
		err    error
		reason string
	}{
		{ErrGrantNotFound, "unknown"}, {ErrGrantUsed, "used"}, {ErrGrantExpired, "expired"}, {ErrGrantDead, "dead"}, {ErrGrantVoid, "void"}, {ErrTokenNotFound, "unknown"}, {ErrTxCode, "transaction code"},
	} {
		if errors.Is(err, r.err) {
			return r.reason, true
		}
	}
	return "", false
}

// refuse audits a denial and returns it; the denial that could not be recorded
// becomes Unavailable.
func (s *Server) refuse(ctx context.Context, client, subject string, grant Digest, reason string, denial error) error {
	if err := s.record(ctx, audit.Event{
		Action: "token.issue", Person: subject, Actor: clientName(client), Outcome: audit.Denied, Detail: map[string]string{
			"session": grantID(grant), "reason": reason,
		},
	}); err != nil {
		return err
	}
	return denial
}

func clientName(id string) string {
	if id == "" {
		return "anonymous"
	}
	return id
}
