package authserver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"vidimus/internal/audit"
	"vidimus/internal/faults"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// errRefresh is one answer for unknown, expired and revoked refresh tokens and
// for those of another client or another wallet unit.
var errRefresh = problem.New(problem.InvalidGrant, "the refresh token is not valid")

// refreshToken gives another access token for a refresh token (RFC 6749
// section 6), which stays the same: the response has none (FAPI 2.0 section
// 5.3.2.1). An attested wallet may use another DPoP key, every other client
// only the one that the token is bound to (RFC 9449 section 5).
func (s *Server) refreshToken(ctx context.Context, r TokenRequest, c client) (*oid4vci.TokenResponse, error) {
	token := r.Form.Get("refresh_token")
	if token == "" {
		return nil, problem.New(problem.InvalidRequest, "no refresh_token")
	}
	if len(token) > maxRefresh {
		return nil, errRefresh
	}
	if err := s.checkResources(r.Form); err != nil {
		return nil, err
	}
	rec, err := s.p.Store.RefreshToken(ctx, secretDigest(token))
	switch {
	case errors.Is(err, ErrTokenNotFound):
		return nil, errRefresh
	case err != nil:
		return nil, unavailable(err)
	}
	thumbprint, once, err := s.bind(r, c)
	if err != nil {
		return nil, err
	}
	if rec.ClientID != c.id || rec.Attested != (c.Instance != "") || rec.Key != c.key(thumbprint) {
		return nil, s.refuse(ctx, c.id, rec.Subject, rec.Grant, "other client", errRefresh)
	}
	wanted, err := s.again(r.Form.Get("scope"), r.Form.Get("authorization_details"), rec)
	if err != nil {
		return nil, err
	}
	wanted, waiting, err := s.stillEligible(ctx, rec, wanted)
	if err != nil {
		return nil, s.denyRefresh(ctx, rec, c, err)
	}
	g, err := s.give(source{grant: rec.Grant, subject: rec.Subject, granted: rec.Granted, acr: rec.ACR, want: wanted}, c, thumbprint)
	if err != nil {
		return nil, err
	}
	g.Token.Refreshed, g.Token.Refresh, g.response.RefreshToken = true, rec.Hash, ""
	given, err := s.p.Store.Refresh(ctx, rec.Hash, s.p.Clock.Now(), once, g.Token, waiting, s.issued)
	if errors.Is(err, ErrReplay) {
		return nil, c.replayed(err)
	}
	if reason, refused := refusalReason(err); refused {
		return nil, s.refuse(ctx, c.id, rec.Subject, rec.Grant, reason, errRefresh)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	w := want{documents: given.Documents, identifiers: given.Identifiers}
	g.response.Scope, g.response.AuthorizationDetails = s.scopeOf(rec.Scopes, w.documents), w.details()
	faults.Point("authserver.redeemed")
	return g.response, nil
}

// again narrows what a refresh token is good for; credential identifiers stay
// what they were.
func (s *Server) again(scope, details string, rec RefreshRecord) (want, error) {
	w := want{documents: rec.Documents, identifiers: rec.Identifiers}
	if len(scope) > maxScope {
		return want{}, problem.New(problem.InvalidScope, "scope is longer than %d bytes", maxScope)
	}
	var ids []string
	for one := range strings.FieldsSeq(scope) {
		if !s.covers(rec.Documents, one) {
			return want{}, problem.New(problem.InvalidScope, "the refresh token does not cover this scope")
		}
		for id := range rec.Documents {
			if s.cfg.Configurations[id].Scope == one {
				ids = append(ids, id)
			}
		}
	}
	if details != "" {
		parsed, err := oid4vci.ParseAuthorizationDetails([]byte(details))
		if err != nil {
			return want{}, err
		}
		for _, d := range parsed {
			if rec.Documents[d.CredentialConfigurationID] == "" {
				return want{}, problem.New(problem.InvalidAuthorizationDetails, "the refresh token does not cover this credential configuration")
			}
			ids = append(ids, d.CredentialConfigurationID)
		}
	}
	if ids == nil {
		return w, nil
	}
	w.keep(func(id string) bool { return slices.Contains(ids, id) })
	return w, nil
}

// keep leaves out configurations.
func (w *want) keep(stays func(id string) bool) {
	w.documents, w.identifiers = maps.Clone(w.documents), maps.Clone(w.identifiers)
	maps.DeleteFunc(w.documents, func(id, _ string) bool { return !stays(id) })
	maps.DeleteFunc(w.identifiers, func(_, id string) bool { return !stays(id) })
}

// stillEligible leaves out what can never be had again, and names the documents
// that can be had later. InvalidGrant when nothing is left.
func (s *Server) stillEligible(ctx context.Context, rec RefreshRecord, w want) (left want, waiting []string, err error) {
	over := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(w.documents)) {
		number := w.documents[id]
		err := s.p.Subjects.Eligible(ctx, rec.Subject, map[string]string{id: number})
		switch {
		case err == nil:
		case errors.Is(err, ErrNotNow):
			waiting = append(waiting, number)
		case problem.KindOf(err) == problem.CredentialRequestDenied, problem.KindOf(err) == problem.NotFound:
			over[id] = true
		default:
			return want{}, nil, unavailable(err)
		}
	}
	w.keep(func(id string) bool { return !over[id] })
	if len(w.documents) == 0 {
		return want{}, nil, errRefresh
	}
	return w, waiting, nil
}

// denyRefresh ends a refresh token of which nothing is left.
func (s *Server) denyRefresh(ctx context.Context, rec RefreshRecord, c client, denial error) error {
	if problem.KindOf(denial) != problem.InvalidGrant {
		return denial
	}
	_, _, err := s.stillEligible(ctx, rec, want{documents: rec.Documents}) // not only of what was asked for now
	switch {
	case err == nil:
		return s.refuse(ctx, c.id, rec.Subject, rec.Grant, "not eligible", denial)
	case problem.KindOf(err) != problem.InvalidGrant:
		return err
	}
	if err := s.p.Store.RevokeIssued(ctx, rec.Grant, rec.Hash, s.p.Clock.Now()); err != nil {
		return unavailable(err)
	}
	return s.refuse(ctx, c.id, rec.Subject, rec.Grant, "final", denial)
}

// End ends the grant behind an access token, of which one document cannot be
// had any more, unless another one still can: that token, every other one of the
// grant, and its refresh token are good for nothing from now on. The credential
// endpoint calls it when a refusal is final. A repeat changes nothing.
// InvalidToken says that it is only this token that is too old: its refresh
// token gives one that is not.
func (s *Server) End(ctx context.Context, a *Access, document, reason string) error {
	if a.grant == (Digest{}) { // of a token from before grants were noted: it ends by itself
		return nil
	}
	switch left, err := s.left(ctx, a, document); {
	case err != nil:
		return err
	case left:
		return nil
	}
	if err := s.p.Store.RevokeIssued(ctx, a.grant, a.refresh, s.p.Clock.Now()); err != nil {
		return unavailable(err)
	}
	return s.record(ctx, audit.Event{
		Action: "token.revoke", Person: a.Person, Actor: clientName(a.ClientID), Outcome: audit.Done,
		Detail: map[string]string{"session": grantID(a.grant), "reason": reason},
	})
}

// left says whether a grant is good for something beside a document that was
// refused for good.
func (s *Server) left(ctx context.Context, a *Access, document string) (bool, error) {
	rec, err := s.p.Store.RefreshToken(ctx, a.refresh)
	switch {
	case errors.Is(err, ErrTokenNotFound):
		rec = RefreshRecord{Subject: a.Person, Documents: a.Documents}
	case err != nil:
		return false, unavailable(err)
	}
	w, _, err := s.stillEligible(ctx, rec, want{documents: rec.Documents})
	if err != nil {
		if problem.KindOf(err) == problem.InvalidGrant {
			err = nil
		}
		return false, err
	}
	for _, number := range w.documents {
		if number == document && rec.Waited[number].After(a.Granted) {
			return false, errToken
		}
	}
	maps.DeleteFunc(w.documents, func(_, number string) bool { return number == document })
	return len(w.documents) > 0, nil
}
