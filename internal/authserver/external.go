package authserver

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// ExternalConfig describes an authorization server of somebody else, whose
// access tokens are taken instead of our own: JWTs (RFC 9068), bound to a DPoP
// key (RFC 9449 section 6.1).
type ExternalConfig struct {
	Issuer   string // iss of its tokens
	Audience string // that must be in aud: our issuer identifier
	// Keys gives the verification key of that server with this kid, nil when it
	// has none. An error means that nobody knows.
	Keys       func(ctx context.Context, kid string) (*jose.Key, error)
	Algorithms []string // nil is ES256

	Configurations map[string]Configuration // by credential configuration id

	// ACR are the levels of login that are enough (RFC 9068 section 2.2.1); nil
	// is any.
	ACR []string

	// PersonClaim names the claim that holds the number of the person; "" is sub.
	PersonClaim string
	// Documents chooses which documents of a person the configurations are made
	// of, by configuration id; those without one are left out.
	Documents func(ctx context.Context, person string, configurations []string) (map[string]string, error)

	DPoPAge    time.Duration // default 5 min, at most 10 min
	DPoPNonces bool
	Secret     []byte // at least 32 bytes: the nonces hang on it
}

// External tells resource endpoints what a token of another server is good
// for. Safe for concurrent use.
type External struct {
	cfg    ExternalConfig
	server *Server // what our own tokens and theirs have in common
}

// NewExternal checks the configuration. Of the parts it wants Store and Clock.
func NewExternal(cfg ExternalConfig, parts Parts) (*External, error) {
	defaultTo(&cfg.DPoPAge, DefaultDPoPAge)
	defaultTo(&cfg.PersonClaim, "sub")
	switch {
	case cfg.Issuer == "" || cfg.Audience == "" || cfg.Keys == nil || cfg.Documents == nil || len(cfg.Configurations) == 0:
		return nil, errors.New("authserver: issuer, audience, keys, documents and configurations of the other server are required")
	case parts.Store == nil || parts.Clock == nil:
		return nil, errors.New("authserver: store and clock are required")
	case cfg.DPoPAge < time.Second || cfg.DPoPAge > maxDPoPAge:
		return nil, errors.New("authserver: age of proofs is out of bounds")
	case len(cfg.Secret) < minSecret:
		return nil, errors.New("authserver: the secret is too short")
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = []string{"ES256"}
	}
	s, err := newSecrets(cfg.Secret)
	if err != nil {
		return nil, err
	}
	cfg.Secret = nil
	return &External{cfg: cfg, server: &Server{cfg: Config{DPoPAge: cfg.DPoPAge, DPoPNonces: cfg.DPoPNonces}, secrets: s, p: parts}}, nil
}

// ResourceNonce is the DPoP nonce of the endpoints that take an access token.
func (e *External) ResourceNonce() string { return e.server.ResourceNonce() }

type accessClaims struct {
	Iss string          `json:"iss"`
	Sub string          `json:"sub"`
	Aud json.RawMessage `json:"aud"`
	Exp *int64          `json:"exp"`
	Nbf *int64          `json:"nbf"`
	Iat *int64          `json:"iat"`
	// When the person logged in, also of a refreshed token: what a registry
	// voided since must stay void.
	AuthTime *int64 `json:"auth_time"`
	JTI      string `json:"jti"`
	ID       string `json:"client_id"`
	ACR      string `json:"acr"`
	Cnf      struct {
		JKT string `json:"jkt"`
	} `json:"cnf"`
	Scope   string          `json:"scope"`
	Details json.RawMessage `json:"authorization_details"`
}

// Authenticate checks an access token and the proof of its key, as that of
// Server does. A token that is bound to no key is refused.
func (e *External) Authenticate(ctx context.Context, r ResourceRequest) (*Access, error) {
	scheme, token, err := oauth.ParseAuthorization(r.Authorization)
	if err != nil {
		return nil, err
	}
	if scheme != "DPoP" {
		return nil, problem.New(problem.InvalidToken, "the token is bound to a key: use the DPoP scheme")
	}
	c, person, err := e.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	proof, err := e.server.verifyProof(r.Method, r.URL, r.DPoP, token, e.server.secrets.resourceNonce)
	if err != nil {
		return nil, err
	}
	if c.Cnf.JKT == "" || subtle.ConstantTimeCompare([]byte(proof.Thumbprint), []byte(c.Cnf.JKT)) != 1 {
		return nil, problem.New(problem.InvalidToken, "the token is bound to another key")
	}
	a := &Access{
		TokenID: grantID(secretDigest(token)), Person: person, ClientID: c.ID, Thumbprint: c.Cnf.JKT,
		Granted: time.Unix(0, 0).UTC(), Expires: time.Unix(*c.Exp, 0).UTC(), ACR: c.ACR,
	}
	// A token that was refreshed has a new iat and is worth no more than the
	// login was. One that does not say when that was is older than whatever
	// ended grants; one of a server whose clock is ahead is not younger than now.
	if c.AuthTime != nil {
		a.Granted = time.Unix(max(min(*c.AuthTime, *c.Iat, e.server.p.Clock.Now().Unix()), 0), 0).UTC()
	}
	wanted, err := e.wanted(c, a)
	if err != nil {
		return nil, err
	}
	if a.Documents, err = e.cfg.Documents(ctx, person, wanted); err != nil {
		return nil, err
	}
	if err := e.server.rememberProof(ctx, proof); err != nil {
		return nil, err
	}
	return a, nil
}

// verify applies RFC 9068 section 4.
func (e *External) verify(ctx context.Context, token string) (accessClaims, string, error) {
	var c accessClaims
	s, err := jose.Parse(token)
	// A token of another purpose from the same issuer is not one for access.
	if err != nil || s.Header.Type != "at+jwt" && s.Header.Type != "application/at+jwt" {
		return c, "", errToken
	}
	key, err := e.cfg.Keys(ctx, s.Header.KeyID)
	switch {
	case err != nil:
		return c, "", unavailable(err)
	case key == nil || s.VerifyKey(key, e.cfg.Algorithms...) != nil || jose.DecodeJSON(s.Payload, &c) != nil:
		return c, "", errToken
	}
	now := e.server.p.Clock.Now()
	var person string
	members, err := jose.Members(s.Payload)
	switch {
	case err != nil || jose.DecodeJSON(members[e.cfg.PersonClaim], &person) != nil || person == "":
	case c.Iss != e.cfg.Issuer || !hasAudience(c.Aud, e.cfg.Audience):
	case c.Exp == nil || c.Iat == nil || c.Sub == "" || c.JTI == "" || c.ID == "" || len(c.ID) > maxClientID || len(c.ACR) > maxACR:
	case *c.Iat < 0 || *c.Iat > now.Add(oauth.DefaultMaxSkew).Unix() || oauth.CheckValidity(c.Exp, c.Nbf, now, 0) != nil:
	case *c.Exp > now.Add(24*time.Hour).Unix():
	case len(e.cfg.ACR) > 0 && !slices.Contains(e.cfg.ACR, c.ACR):
		return c, "", problem.New(problem.InvalidToken, "the login behind the token is not of a level that is enough")
	default:
		return c, person, nil
	}
	return c, "", errToken
}

// hasAudience reads aud, a string or an array of strings.
func hasAudience(raw json.RawMessage, own string) bool {
	var one string
	if jose.DecodeJSON(raw, &one) == nil {
		return one == own
	}
	var many []string
	return jose.DecodeJSON(raw, &many) == nil && slices.Contains(many, own)
}

// wanted reads what the token is for, and with what identifiers.
func (e *External) wanted(c accessClaims, a *Access) (ids []string, err error) {
	if c.Details != nil {
		var details []oid4vci.AuthorizationDetail
		if jose.DecodeJSON(c.Details, &details) != nil || len(details) > maxDocuments {
			return nil, errToken
		}
		a.Identifiers = map[string]string{}
		for _, d := range details {
			if d.Type != oid4vci.TypeCredential || e.cfg.Configurations[d.CredentialConfigurationID].Type == "" {
				continue
			}
			ids = append(ids, d.CredentialConfigurationID)
			for _, identifier := range d.CredentialIdentifiers {
				a.Identifiers[identifier] = d.CredentialConfigurationID
			}
		}
		if len(a.Identifiers) == 0 {
			a.Identifiers = nil
		}
	}
	for scope := range strings.FieldsSeq(c.Scope) {
		for id, k := range e.cfg.Configurations {
			if k.Scope == scope {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil, problem.New(problem.InsufficientScope, "the access token is for no credential of this issuer")
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
