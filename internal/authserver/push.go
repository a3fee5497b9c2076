package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// requestURIPrefix is the one that RFC 9126 section 2.2 suggests.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// PushRequest is a request at the PAR endpoint.
type PushRequest struct {
	Form   oauth.Form // the body; a repeated parameter was refused
	DPoP   string     // header, "" when absent
	Client ClientProof
}

// Pushed is the answer, with status 201 (RFC 9126 section 2.2).
type Pushed struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"` // seconds, less than 600
}

// Push keeps an authorization request (RFC 9126, RFC 9396, OpenID4VCI 1.0
// section 5.1, FAPI 2.0 section 5.3.2.2). It is the only way to make one. All
// refusals are for the client to read: nobody is redirected.
func (s *Server) Push(ctx context.Context, r PushRequest) (*Pushed, error) {
	if s.cfg.PushEndpoint == "" {
		return nil, problem.New(problem.NotFound, "there is no authorization code flow here")
	}
	c, err := s.authenticate(ctx, r.Client, r.Form)
	if err != nil {
		return nil, err
	}
	if r.Form.Get("client_id") == "" && !s.cfg.AnonymousClients {
		return nil, problem.New(problem.InvalidRequest, "no client_id")
	}
	rec, err := s.pushed(c, r.Form)
	if err != nil {
		return nil, err
	}
	once := c.once
	if rec.Thumbprint, once, err = s.pushedKey(r, once); err != nil {
		return nil, err
	}
	raw, err := randomBytes(s.p.Rand, 32)
	if err != nil {
		return nil, unavailable(err)
	}
	uri := requestURIPrefix + jose.EncodeBase64URL(raw)
	rec.Hash, rec.Created = secretDigest(uri), s.p.Clock.Now()
	rec.Expires = rec.Created.Add(s.cfg.RequestLifetime)
	err = s.p.Store.PutRequest(ctx, rec, once)
	switch {
	case errors.Is(err, ErrReplay):
		return nil, c.replayed(err)
	case err != nil:
		return nil, unavailable(err)
	}
	return &Pushed{RequestURI: uri, ExpiresIn: int(s.cfg.RequestLifetime.Seconds())}, nil
}

// pushed reads the parameters.
func (s *Server) pushed(c client, form oauth.Form) (RequestRecord, error) {
	rec := RequestRecord{
		ClientID: c.id, ClientName: c.name, Wallet: c.Wallet, RedirectURI: form.Get("redirect_uri"), State: form.Get("state"),
		Challenge: form.Get("code_challenge"), IssuerState: form.Get("issuer_state"), Locales: locales(form.Get("ui_locales")),
	}
	bad := func(format string, args ...any) (RequestRecord, error) {
		return RequestRecord{}, problem.New(problem.InvalidRequest, format, args...)
	}
	switch typ := form.Get("response_type"); {
	case form.Has("request_uri"):
		return bad("a request_uri has no place in a pushed request")
	case form.Has("request"):
		return bad("request objects are not supported")
	case typ == "":
		return bad("no response_type")
	case typ != "code":
		return RequestRecord{}, problem.New(problem.UnsupportedResponseType, "the response_type is code")
	case form.Has("response_mode") && form.Get("response_mode") != "query":
		return bad("the response_mode is query")
	case len(rec.State) > maxState:
		return bad("state is longer than %d bytes", maxState)
	case len(rec.IssuerState) > maxIssuerState:
		return bad("issuer_state is longer than %d bytes", maxIssuerState)
	}
	if err := s.checkRedirect(c, rec.RedirectURI); err != nil {
		return RequestRecord{}, err
	}
	if err := oauth.CheckChallenge(rec.Challenge, form.Get("code_challenge_method")); err != nil {
		return RequestRecord{}, err
	}
	if err := s.checkResources(form); err != nil {
		return RequestRecord{}, err
	}
	if err := s.wish(&rec, form); err != nil {
		return RequestRecord{}, err
	}
	return rec, nil
}

// checkRedirect says where the answer may go. Nobody who only says a client_id
// chooses that: the code would go to whoever said it.
func (s *Server) checkRedirect(c client, uri string) error {
	registered := s.cfg.Redirects[c.id]
	if err := oauth.CheckRedirectURI(uri, len(registered) > 0); err != nil {
		return err
	}
	switch {
	case len(registered) > 0:
		if !oauth.MatchRedirectURI(uri, registered) {
			return problem.New(problem.InvalidRequest, "redirect_uri is none of those that the client registered")
		}
	case c.Instance == "" && !s.cfg.Dev:
		return problem.New(problem.InvalidRequest, "the client has registered no redirect_uri")
	}
	return nil
}

func (s *Server) checkResources(form oauth.Form) error {
	for _, res := range form.Resources() {
		if res != s.cfg.Issuer {
			return problem.New(problem.InvalidTarget, "the resource is %s", s.cfg.Issuer)
		}
	}
	return nil
}

// wish reads what the wallet wants: by authorization_details, by scope, or by
// both (OpenID4VCI 1.0 section 5.1). Scopes that nobody knows are left out.
func (s *Server) wish(rec *RequestRecord, form oauth.Form) error {
	wanted := map[string]bool{}
	if raw := form.Get("authorization_details"); raw != "" {
		details, err := oid4vci.ParseAuthorizationDetails([]byte(raw))
		if err != nil {
			return err
		}
		for _, d := range details {
			switch {
			case s.cfg.Configurations[d.CredentialConfigurationID].Type == "":
				return problem.New(problem.InvalidAuthorizationDetails, "there is no such credential configuration")
			case d.Locations != nil && !slices.Contains(d.Locations, s.cfg.Issuer):
				return problem.New(problem.InvalidAuthorizationDetails, "locations does not name %s", s.cfg.Issuer)
			case wanted[d.CredentialConfigurationID]:
				return problem.New(problem.InvalidAuthorizationDetails, "a credential configuration is named twice")
			}
			wanted[d.CredentialConfigurationID] = true
		}
		rec.Detailed = true
	}
	if len(form.Get("scope")) > maxScope {
		return problem.New(problem.InvalidScope, "scope is longer than %d bytes", maxScope)
	}
	for scope := range strings.SplitSeq(form.Get("scope"), " ") {
		known := false
		for id, k := range s.cfg.Configurations {
			if scope != "" && k.Scope == scope {
				wanted[id], known = true, true
			}
		}
		if known && !slices.Contains(rec.Scopes, scope) {
			rec.Scopes = append(rec.Scopes, scope)
		}
	}
	for id := range wanted {
		rec.Configurations = append(rec.Configurations, id)
	}
	slices.Sort(rec.Configurations)
	switch n := len(wanted); {
	case n == 0:
		return problem.New(problem.InvalidScope, "neither scope nor authorization_details names a credential of this issuer")
	case n > maxDocuments:
		return problem.New(problem.InvalidRequest, "more than %d credential configurations", maxDocuments)
	}
	return nil
}

// pushedKey names the DPoP key that the code is to be bound to: by a proof, by
// dpop_jkt, or by both alike (RFC 9449 section 10).
func (s *Server) pushedKey(r PushRequest, once []Once) (string, []Once, error) {
	named := r.Form.Get("dpop_jkt")
	if named != "" {
		if b, err := jose.DecodeBase64URL(named); err != nil || len(b) != sha256.Size {
			return "", nil, problem.New(problem.InvalidRequest, "dpop_jkt is no thumbprint")
		}
	}
	if r.DPoP == "" {
		return named, once, nil
	}
	proof, err := s.verifyProof("POST", s.cfg.PushEndpoint, r.DPoP, "", s.secrets.serverNonce)
	if err != nil {
		return "", nil, err
	}
	if named != "" && named != proof.Thumbprint {
		return "", nil, problem.New(problem.InvalidDPoPProof, "dpop_jkt is not the key of the DPoP proof")
	}
	return proof.Thumbprint, append(once, proofOnce(proof)), nil
}

// locales reads ui_locales, a wish: what is no language tag is left out.
func locales(s string) (tags []string) {
	for tag := range strings.SplitSeq(s, " ") {
		ok := tag != "" && len(tag) <= maxLocale
		for i := 0; i < len(tag); i++ {
			c := tag[i] | 0x20
			ok = ok && (c >= 'a' && c <= 'z' || tag[i] >= '0' && tag[i] <= '9' || tag[i] == '-')
		}
		if ok && len(tags) < maxLocales {
			tags = append(tags, tag)
		}
	}
	return tags
}
