package authserver

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"

	"vidimus/internal/audit"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// TokenRequest is a request at the token endpoint.
type TokenRequest struct {
	Form          oauth.Form // the body; a repeated parameter was refused
	DPoP          string     // header, "" when absent
	Authorization string     // header; no way of authentication with it is known
}

// Token exchanges a pre-authorized code for an access token. Nothing is used
// up before everything that can be checked without the store's one step has
// been: a wallet with a bad proof or a wrong parameter may try again.
func (s *Server) Token(ctx context.Context, r TokenRequest) (*oid4vci.TokenResponse, error) {
	switch gt := r.Form.Get("grant_type"); gt {
	case "":
		return nil, problem.New(problem.InvalidRequest, "no grant_type")
	case oid4vci.GrantPreAuthorized:
	default:
		return nil, problem.New(problem.UnsupportedGrantType, "the grant type is %s", oid4vci.GrantPreAuthorized)
	}
	client, err := s.client(r)
	if err != nil {
		return nil, err
	}
	code := r.Form.Get("pre-authorized_code")
	if code == "" {
		return nil, problem.New(problem.InvalidRequest, "no pre-authorized_code")
	}
	if len(code) > maxCode {
		return nil, errGrant
	}
	for _, res := range r.Form.Resources() {
		if res != s.cfg.Issuer {
			return nil, problem.New(problem.InvalidTarget, "the resource is %s", s.cfg.Issuer)
		}
	}
	hash := secretDigest(code)
	grant, err := s.p.Store.Grant(ctx, hash)
	switch {
	case errors.Is(err, ErrGrantNotFound):
		return nil, errGrant
	case err != nil:
		return nil, unavailable(err)
	}
	mac, err := s.offeredTxCode(grant, r.Form.Get("tx_code"))
	if err != nil {
		return nil, err
	}
	wanted, err := s.wanted(r.Form, grant)
	if err != nil {
		return nil, err
	}
	thumbprint := ""
	if r.DPoP != "" || !s.cfg.AllowBearer {
		proof, err := s.verifyProof("POST", s.cfg.TokenEndpoint, r.DPoP, "")
		if err != nil {
			return nil, err
		}
		if err := s.rememberProof(ctx, proof); err != nil {
			return nil, err
		}
		thumbprint = proof.Thumbprint
	}
	if err := s.p.Subjects.Eligible(ctx, grant.Subject, wanted.documents); err != nil {
		switch problem.KindOf(err) {
		case problem.CredentialRequestDenied, problem.NotFound:
			denial := problem.Wrap(problem.InvalidGrant, err, "this cannot be issued any more")
			return nil, s.refuse(ctx, client, grant, "not eligible", denial)
		}
		return nil, unavailable(err)
	}
	return s.redeem(ctx, grant, mac, wanted, client, thumbprint)
}

// errGrant is one answer for unknown, used, expired and dead codes and for a
// wrong transaction code: a guesser learns only that this was not it.
var errGrant = problem.New(problem.InvalidGrant, "%s", grantText)

// errWrongTxCode says the same to the peer. The web layer counts it: only who
// has the code of an offer gets so far.
var errWrongTxCode = problem.Wrap(problem.InvalidGrant, ErrTxCode, "%s", grantText)

const grantText = "the pre-authorized code or the transaction code is not valid"

// client names the client, or refuses it.
func (s *Server) client(r TokenRequest) (string, error) {
	if r.Authorization != "" || r.Form.Has("client_assertion") || r.Form.Has("client_secret") {
		return "", problem.New(problem.InvalidClient, "this way of client authentication is not supported")
	}
	id := r.Form.Get("client_id")
	if len(id) > maxClientID || !s.knownClient(id) {
		return "", problem.New(problem.InvalidClient, "the client is not known here")
	}
	return id, nil
}

// offeredTxCode applies the rules of OpenID4VCI 1.0, section 6.1 and 6.3: a
// transaction code is there exactly when it was announced.
func (s *Server) offeredTxCode(grant GrantRecord, txCode string) ([]byte, error) {
	switch {
	case grant.TxCodeMAC == nil && txCode == "":
		return nil, nil
	case grant.TxCodeMAC == nil:
		return nil, problem.New(problem.InvalidRequest, "no tx_code is expected for this offer")
	case txCode == "":
		return nil, problem.New(problem.InvalidRequest, "a tx_code is needed for this offer")
	case len(txCode) > maxTxCode:
		return nil, problem.New(problem.InvalidRequest, "the tx_code is too long")
	}
	return s.secrets.txCodeMAC(grant.CodeHash, txCode), nil
}

// want is what a token request asks for out of an offer.
type want struct {
	documents   map[string]string
	identifiers map[string]string
	details     []oid4vci.AuthorizationDetail // to be echoed
	scope       string                        // to be echoed
}

// wanted narrows the offer to what the request names. Without
// authorization_details and scope the token is good for the whole offer.
func (s *Server) wanted(form oauth.Form, grant GrantRecord) (want, error) {
	w := want{documents: grant.Documents}
	if raw := form.Get("authorization_details"); raw != "" {
		return s.wantedDetails(raw, grant)
	}
	w.scope = form.Get("scope")
	if w.scope == "" {
		return w, nil
	}
	w.documents = map[string]string{}
	for scope := range strings.SplitSeq(w.scope, " ") {
		found := false
		for id, number := range grant.Documents {
			if k := s.cfg.Configurations[id]; k.Scope != "" && k.Scope == scope {
				w.documents[id], found = number, true
			}
		}
		if !found {
			return want{}, problem.New(problem.InvalidScope, "the offer does not cover this scope")
		}
	}
	return w, nil
}

// redeem is the one step that uses the code up.
func (s *Server) redeem(ctx context.Context, grant GrantRecord, mac []byte, w want, client, thumbprint string) (*oid4vci.TokenResponse, error) {
	raw, err := randomBytes(s.p.Rand, 32+12)
	if err != nil {
		return nil, unavailable(err)
	}
	token, now := jose.EncodeBase64URL(raw[:32]), s.p.Clock.Now()
	rec := TokenRecord{
		Hash: secretDigest(token), ID: hex.EncodeToString(raw[32:]), ClientID: client,
		Subject: grant.Subject, Documents: w.documents, Identifiers: w.identifiers,
		Thumbprint: thumbprint, Granted: grant.Created, Issued: now, Expires: now.Add(s.cfg.TokenLifetime),
	}
	_, err = s.p.Store.RedeemPreAuthorizedCode(ctx, grant.CodeHash, mac, now, rec)
	if reason, refused := refusalReason(err); refused {
		faults.Point("authserver.guess-counted")
		denial := errGrant
		if errors.Is(err, ErrTxCode) {
			denial = errWrongTxCode
		}
		return nil, s.refuse(ctx, client, grant, reason, denial)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	faults.Point("authserver.code-spent")
	if err := s.record(ctx, audit.Event{
		Action: "token.issue", Person: grant.Subject, Actor: clientName(client), Outcome: audit.Done, Detail: map[string]string{
			"session": grantID(grant.CodeHash), "configuration": strings.Join(slices.Sorted(maps.Keys(w.documents)), " "),
		},
	}); err != nil {
		return nil, err
	}
	faults.Point("authserver.redeemed")
	out := &oid4vci.TokenResponse{
		AccessToken: token, TokenType: "DPoP", ExpiresIn: int(s.cfg.TokenLifetime.Seconds()),
		Scope: w.scope, AuthorizationDetails: w.details,
	}
	if thumbprint == "" {
		out.TokenType = "Bearer"
	}
	return out, nil
}

// refusalReason names a refusal of the store for the audit log; false for nil
// and for an error that is none of its refusals.
func refusalReason(err error) (string, bool) {
	for _, r := range []struct {
		err    error
		reason string
	}{
		{ErrGrantNotFound, "unknown"}, {ErrGrantUsed, "used"}, {ErrGrantExpired, "expired"}, {ErrGrantDead, "dead"}, {ErrTxCode, "transaction code"},
	} {
		if errors.Is(err, r.err) {
			return r.reason, true
		}
	}
	return "", false
}

// refuse audits a denial and returns it; the denial that could not be recorded
// becomes Unavailable.
func (s *Server) refuse(ctx context.Context, client string, grant GrantRecord, reason string, denial error) error {
	if err := s.record(ctx, audit.Event{
		Action: "token.issue", Person: grant.Subject, Actor: clientName(client), Outcome: audit.Denied, Detail: map[string]string{
			"session": grantID(grant.CodeHash), "reason": reason,
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
