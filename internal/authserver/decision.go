package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

// Pending is a pushed request that waits for a person.
type Pending struct {
	ClientID       string
	ClientName     string // as the wallet provider wrote it; "" when it did not
	RedirectURI    string
	IssuerState    string   // of an offer, or of whoever injected it: not to be trusted
	Configurations []string // credential configuration ids wanted, sorted
	Locales        []string // ui_locales
	Expires        time.Time
}

// Decision is what a person approved, after logging in.
type Decision struct {
	Person    string
	Documents map[string]string // configuration id -> document number: all that was asked for, or less
	ACR       string            // level of assurance of the login
	LoggedIn  time.Time
}

// errRequestURI is one answer for unknown, expired, used and those of another
// client. It is for a page, never for a redirect: whoever sent the browser here
// is not known.
var errRequestURI = problem.New(problem.InvalidRequest, "this request has expired, or was answered before: please start again in your wallet")

// Pending reads a request at the authorization endpoint. It uses nothing up:
// browsers fetch pages ahead and again (FAPI 2.0 section 5.3.2.2).
func (s *Server) Pending(ctx context.Context, clientID, requestURI string) (*Pending, error) {
	rec, err := s.request(ctx, clientID, requestURI)
	if err != nil {
		return nil, err
	}
	return &Pending{
		ClientID: rec.ClientID, ClientName: rec.ClientName, RedirectURI: rec.RedirectURI, IssuerState: rec.IssuerState,
		Configurations: rec.Configurations, Locales: rec.Locales, Expires: rec.Expires,
	}, nil
}

func (s *Server) request(ctx context.Context, clientID, requestURI string) (RequestRecord, error) {
	if s.cfg.PushEndpoint == "" || len(requestURI) > maxRequestURI || !strings.HasPrefix(requestURI, requestURIPrefix) {
		return RequestRecord{}, errRequestURI
	}
	rec, err := s.p.Store.Request(ctx, secretDigest(requestURI))
	switch {
	case errors.Is(err, ErrGrantNotFound):
		return RequestRecord{}, errRequestURI
	case err != nil:
		return RequestRecord{}, unavailable(err)
	case rec.ClientID != clientID || rec.Used || !s.p.Clock.Now().Before(rec.Expires) || !s.mayUse(rec.ClientID, rec.Wallet):
		return RequestRecord{}, errRequestURI
	}
	return rec, nil
}

// Approve uses a request up and gives where to send the browser, with a code
// for what was approved (RFC 6749 section 4.1.2, RFC 9207). Of any number of
// calls for one request one succeeds.
func (s *Server) Approve(ctx context.Context, clientID, requestURI string, d Decision) (redirect string, err error) {
	rec, err := s.request(ctx, clientID, requestURI)
	if err != nil {
		return "", err
	}
	if err := checkDecision(rec, d); err != nil {
		return "", err
	}
	raw, err := randomBytes(s.p.Rand, 32)
	if err != nil {
		return "", unavailable(err)
	}
	code, now := jose.EncodeBase64URL(raw), s.p.Clock.Now()
	c := CodeRecord{
		Hash: secretDigest(code), ClientID: rec.ClientID, Wallet: rec.Wallet, RedirectURI: rec.RedirectURI, Challenge: rec.Challenge,
		Detailed: rec.Detailed, Thumbprint: rec.Thumbprint, Subject: d.Person, Documents: maps.Clone(d.Documents),
		ACR: d.ACR, LoggedIn: d.LoggedIn, Created: now, Expires: now.Add(s.cfg.CodeLifetime),
	}
	for _, scope := range rec.Scopes {
		if s.covers(d.Documents, scope) {
			c.Scopes = append(c.Scopes, scope)
		}
	}
	detail := map[string]string{
		"session": grantID(c.Hash), "configuration": strings.Join(slices.Sorted(maps.Keys(d.Documents)), " "), "assurance": d.ACR,
	}
	if rec.IssuerState != "" { // of an offer: that is on record under the same digest
		offer := sha256.Sum256([]byte(rec.IssuerState))
		detail["digest"] = hex.EncodeToString(offer[:])
	}
	if err := s.endRequest(ctx, rec, &c, audit.Event{
		Action: "authorization.approve", Person: d.Person, Actor: clientName(rec.ClientID), Outcome: audit.Done, Detail: detail,
	}); err != nil {
		return "", err
	}
	return oauth.RedirectTo(rec.RedirectURI, oauth.Parameter{Name: "code", Value: code},
		oauth.Parameter{Name: "state", Value: rec.State}, oauth.Parameter{Name: "iss", Value: s.cfg.Issuer}), nil
}

// checkDecision refuses what the page must not have sent: a mistake of ours.
func checkDecision(rec RequestRecord, d Decision) error {
	if d.Person == "" || len(d.Documents) == 0 || len(d.ACR) > maxACR {
		return problem.New(problem.Internal, "a decision without a person or without documents")
	}
	for id, number := range d.Documents {
		if number == "" || !slices.Contains(rec.Configurations, id) {
			return problem.New(problem.Internal, "a decision about what was not asked for")
		}
	}
	return nil
}

// denials are the codes of RFC 6749 section 4.1.2.1 and of OpenID Connect Core
// section 3.1.2.6 that an authorization page can mean.
var denials = []string{"access_denied", "server_error", "temporarily_unavailable", "invalid_scope", "unauthorized_client", "login_required", "interaction_required"}

// Deny uses a request up and gives where to send the browser, with an error
// code: access_denied when the person said no.
func (s *Server) Deny(ctx context.Context, clientID, requestURI, errorCode string) (redirect string, err error) {
	if !slices.Contains(denials, errorCode) {
		return "", problem.New(problem.Internal, "a denial with another code")
	}
	rec, err := s.request(ctx, clientID, requestURI)
	if err != nil {
		return "", err
	}
	if err := s.endRequest(ctx, rec, nil, audit.Event{
		Action: "authorization.deny", Subject: "request:" + hex.EncodeToString(rec.Hash[:16]), Actor: clientName(rec.ClientID), Outcome: audit.Denied,
		Detail: map[string]string{"reason": errorCode, "configuration": strings.Join(rec.Configurations, " ")},
	}); err != nil {
		return "", err
	}
	return oauth.RedirectTo(rec.RedirectURI, oauth.Parameter{Name: "error", Value: errorCode},
		oauth.Parameter{Name: "state", Value: rec.State}, oauth.Parameter{Name: "iss", Value: s.cfg.Issuer}), nil
}

// endRequest is the one step that uses a request up and says so in the record.
func (s *Server) endRequest(ctx context.Context, rec RequestRecord, code *CodeRecord, did audit.Event) error {
	err := s.p.Store.EndRequest(ctx, rec.Hash, s.p.Clock.Now(), code, s.event(did))
	switch {
	case errors.Is(err, ErrGrantNotFound), errors.Is(err, ErrGrantUsed), errors.Is(err, ErrGrantExpired):
		return errRequestURI
	case err != nil:
		return unavailable(err)
	}
	return nil
}
