package authserver

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"

	"vidimus/internal/faults"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// errCode is one answer for unknown, used, expired and revoked codes and for
// those of another client.
var errCode = problem.New(problem.InvalidGrant, "the authorization code is not valid")

// codeToken exchanges an authorization code (RFC 6749 section 4.1.3, RFC 7636
// section 4.6, RFC 9449 section 10).
func (s *Server) codeToken(ctx context.Context, r TokenRequest, c client) (*oid4vci.TokenResponse, error) {
	code := r.Form.Get("code")
	if code == "" {
		return nil, problem.New(problem.InvalidRequest, "no code")
	}
	if len(code) > maxCode {
		return nil, errCode
	}
	if err := s.checkResources(r.Form); err != nil {
		return nil, err
	}
	rec, err := s.p.Store.AuthorizationCode(ctx, secretDigest(code))
	switch {
	case errors.Is(err, ErrGrantNotFound):
		return nil, errCode
	case err != nil:
		return nil, unavailable(err)
	}
	if reason, err := s.mayRedeem(rec, r.Form, c); err != nil {
		return nil, s.refuse(ctx, c.id, rec.Subject, rec.Hash, reason, err)
	}
	wanted, err := s.approved(r.Form, rec)
	if err != nil {
		return nil, err
	}
	thumbprint, once, err := s.bind(r, c)
	if err != nil {
		return nil, err
	}
	if rec.Thumbprint != "" && subtle.ConstantTimeCompare([]byte(thumbprint), []byte(rec.Thumbprint)) != 1 {
		denial := problem.New(problem.InvalidGrant, "the authorization code is bound to another key")
		return nil, s.refuse(ctx, c.id, rec.Subject, rec.Hash, "other key", denial)
	}
	if err := s.eligible(ctx, rec.Subject, wanted.documents); err != nil {
		if problem.KindOf(err) != problem.InvalidGrant {
			return nil, err
		}
		return nil, s.refuse(ctx, c.id, rec.Subject, rec.Hash, "not eligible", err)
	}
	g, err := s.give(source{grant: rec.Hash, subject: rec.Subject, granted: rec.Created, acr: rec.ACR, want: wanted}, c, thumbprint)
	if err != nil {
		return nil, err
	}
	err = s.p.Store.RedeemCode(ctx, rec.Hash, s.p.Clock.Now(), once, g.Given)
	if errors.Is(err, ErrReplay) {
		return nil, c.replayed(err)
	}
	if reason, refused := refusalReason(err); refused {
		return nil, s.refuse(ctx, c.id, rec.Subject, rec.Hash, reason, errCode)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	faults.Point("authserver.redeemed")
	return g.response, nil
}

// mayRedeem holds a request against the code: the same client and the same
// instance of it, the same redirect_uri, the verifier of its challenge. The
// reason is for the record. A used code passes: the store's step sees it and
// ends what it gave, whoever of those that may redeem it comes again.
func (s *Server) mayRedeem(rec CodeRecord, form oauth.Form, c client) (reason string, err error) {
	switch {
	case rec.ClientID != c.id || rec.Wallet.Instance != c.Instance:
		return "other client", errCode
	case !form.Has("redirect_uri"):
		return "no redirect_uri", problem.New(problem.InvalidGrant, "no redirect_uri")
	case form.Get("redirect_uri") != rec.RedirectURI:
		return "other redirect_uri", problem.New(problem.InvalidGrant, "redirect_uri is not that of the authorization request")
	}
	if err := oauth.VerifyPKCE(rec.Challenge, form.Get("code_verifier")); err != nil {
		return "code_verifier", err
	}
	return "", nil
}

// approved narrows what the person approved. Where authorization_details were
// used in either request the response has credential identifiers (OpenID4VCI
// 1.0 section 6.2). A scope has no place in this request (RFC 6749 section
// 4.1.3) and is ignored.
func (s *Server) approved(form oauth.Form, rec CodeRecord) (want, error) {
	if raw := form.Get("authorization_details"); raw != "" {
		w, err := s.wantedDetails(raw, rec.Documents)
		w.scope = s.scopeOf(rec.Scopes, w.documents)
		return w, err
	}
	w := want{documents: rec.Documents, scope: strings.Join(rec.Scopes, " ")}
	if rec.Detailed {
		return s.identified(w)
	}
	return w, nil
}

// scopeOf gives those of the scopes that mean one of these documents.
func (s *Server) scopeOf(scopes []string, documents map[string]string) string {
	var out []string
	for _, scope := range scopes {
		if s.covers(documents, scope) {
			out = append(out, scope)
		}
	}
	return strings.Join(out, " ")
}

// eligible asks whether the person may have copies of all of it, now or later;
// InvalidGrant says that something cannot be had any more, ever.
func (s *Server) eligible(ctx context.Context, person string, documents map[string]string) error {
	err := s.p.Subjects.Eligible(ctx, person, documents)
	switch {
	case err == nil, errors.Is(err, ErrNotNow):
		return nil
	case problem.KindOf(err) == problem.CredentialRequestDenied, problem.KindOf(err) == problem.NotFound:
		return problem.Wrap(problem.InvalidGrant, err, "this cannot be issued any more")
	}
	return unavailable(err)
}
