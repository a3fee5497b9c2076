package authserver

import (
	"context"
	"errors"

	"vidimus/internal/faults"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// preAuthorizedToken exchanges a pre-authorized code (OpenID4VCI 1.0 section
// 6.1).
func (s *Server) preAuthorizedToken(ctx context.Context, r TokenRequest, c client) (*oid4vci.TokenResponse, error) {
	code := r.Form.Get("pre-authorized_code")
	if code == "" {
		return nil, problem.New(problem.InvalidRequest, "no pre-authorized_code")
	}
	if len(code) > maxCode {
		return nil, errGrant
	}
	if err := s.checkResources(r.Form); err != nil {
		return nil, err
	}
	grant, err := s.p.Store.Grant(ctx, secretDigest(code))
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
	wanted, err := s.wanted(r.Form, grant.Documents)
	if err != nil {
		return nil, err
	}
	thumbprint, once, err := s.bind(r, c)
	if err != nil {
		return nil, err
	}
	if err := s.eligible(ctx, grant.Subject, wanted.documents); err != nil {
		if problem.KindOf(err) != problem.InvalidGrant {
			return nil, err
		}
		return nil, s.refuse(ctx, c.id, grant.Subject, grant.CodeHash, "not eligible", err)
	}
	g, err := s.give(source{grant: grant.CodeHash, subject: grant.Subject, granted: grant.Created, want: wanted}, c, thumbprint)
	if err != nil {
		return nil, err
	}
	return s.redeem(ctx, grant, mac, g, once, c)
}

// errGrant is one answer for unknown, used, expired and dead codes and for a
// wrong transaction code: a guesser learns only that this was not it.
var errGrant = problem.New(problem.InvalidGrant, "%s", grantText)

// errWrongTxCode says the same to the peer. The web layer counts it: only who
// has the code of an offer gets so far.
var errWrongTxCode = problem.Wrap(problem.InvalidGrant, ErrTxCode, "%s", grantText)

const grantText = "the pre-authorized code or the transaction code is not valid"

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

// redeem is the one step that uses the code up.
func (s *Server) redeem(ctx context.Context, grant GrantRecord, mac []byte, g gift, once []Once, c client) (*oid4vci.TokenResponse, error) {
	_, err := s.p.Store.RedeemPreAuthorizedCode(ctx, grant.CodeHash, mac, s.p.Clock.Now(), once, g.Given)
	if errors.Is(err, ErrReplay) {
		return nil, c.replayed(err)
	}
	if reason, refused := refusalReason(err); refused {
		faults.Point("authserver.guess-counted")
		denial := errGrant
		if errors.Is(err, ErrTxCode) {
			denial = errWrongTxCode
		}
		return nil, s.refuse(ctx, c.id, grant.Subject, grant.CodeHash, reason, denial)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	faults.Point("authserver.redeemed")
	return g.response, nil
}
