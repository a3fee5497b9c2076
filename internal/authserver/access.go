package authserver

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

// Access is what a valid access token is good for.
type Access struct {
	TokenID     string            // names the token in logs and records; not the token
	Person      string            // person number
	Documents   map[string]string // credential configuration id -> document number
	Identifiers map[string]string // credential identifier -> configuration id; nil when the wallet asked for none
	ClientID    string            // "" for an anonymous client
	Thumbprint  string            // of the DPoP key, base64url; "" for a bearer token
	Granted     time.Time         // when the grant behind the token was given
	Expires     time.Time

	// InstanceThumbprint is that of the attested key, which names the wallet
	// unit; "" for a client without attestation: then Thumbprint does.
	InstanceThumbprint string
	Attestations       []StatusRef // entries of the attestation
	AttestationsExpire time.Time   // until when the provider keeps them up; zero when it did not say
	ACR                string      // assurance of the login behind the grant; "" for an offer
	Refreshed          bool        // given for a refresh token
	Grant              string      // names the grant behind this token and every refreshed one; "" for a token of before

	grant, refresh Digest
}

// ResourceRequest is the part of a request that speaks of access.
type ResourceRequest struct {
	Method        string
	URL           string // of the endpoint as configured, never from the Host header
	Authorization string // header, "" when absent
	DPoP          string // header, "" when absent
}

// Authenticate checks an access token and the proof of its key, in the order
// of RFC 9449, section 7: the token first, since it costs one look-up, the
// signature last. Refusals are of kind InvalidToken, InvalidDPoPProof or
// UseDPoPNonce.
func (s *Server) Authenticate(ctx context.Context, r ResourceRequest) (*Access, error) {
	scheme, token, err := oauth.ParseAuthorization(r.Authorization)
	if err != nil {
		return nil, err
	}
	t, err := s.p.Store.Token(ctx, secretDigest(token))
	switch {
	case errors.Is(err, ErrTokenNotFound):
		return nil, errToken
	case err != nil:
		return nil, unavailable(err)
	}
	now := s.p.Clock.Now()
	// The client is asked for at every use: one that was taken off the list
	// has no more tokens.
	if !now.Before(t.Expires) || !s.mayUse(t.ClientID, t.Wallet) {
		return nil, errToken
	}
	if t.Thumbprint == "" {
		// The server may have left development since the token was given.
		if scheme != "Bearer" || !s.cfg.AllowBearer {
			return nil, errToken
		}
		return accessOf(t), nil
	}
	// A bound token presented as a bearer is refused: RFC 9449, section 7.2.
	if scheme != "DPoP" {
		return nil, problem.New(problem.InvalidToken, "the token is bound to a key: use the DPoP scheme")
	}
	proof, err := s.verifyProof(r.Method, r.URL, r.DPoP, token, s.secrets.resourceNonce)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(proof.Thumbprint), []byte(t.Thumbprint)) != 1 {
		return nil, problem.New(problem.InvalidToken, "the token is bound to another key")
	}
	if err := s.rememberProof(ctx, proof); err != nil {
		return nil, err
	}
	return accessOf(t), nil
}

// errToken is one answer for unknown, revoked and expired: who asks learns
// nothing of tokens that are not his.
var errToken = problem.New(problem.InvalidToken, "the access token is not valid")

func accessOf(t TokenRecord) *Access {
	a := &Access{
		TokenID: t.ID, Person: t.Subject, Documents: t.Documents, Identifiers: t.Identifiers,
		ClientID: t.ClientID, Thumbprint: t.Thumbprint, Granted: t.Granted, Expires: t.Expires,
		InstanceThumbprint: t.Wallet.Instance, Attestations: t.Wallet.Statuses, AttestationsExpire: t.Wallet.StatusUntil,
		ACR: t.ACR, Refreshed: t.Refreshed, grant: t.Grant, refresh: t.Refresh,
	}
	if t.Grant != (Digest{}) {
		a.Grant = grantID(t.Grant)
	}
	return a
}

// verifyProof verifies a DPoP proof; token is "" at the PAR and token endpoints.
func (s *Server) verifyProof(method, url, header, token string, nonces windows) (*oauth.DPoPProof, error) {
	if header == "" {
		return nil, problem.New(problem.InvalidDPoPProof, "a DPoP proof is needed")
	}
	return oauth.VerifyDPoP(header, oauth.DPoPRequest{
		Method: method, URL: url, AccessToken: token, Now: s.p.Clock.Now(), MaxAge: s.cfg.DPoPAge, Nonce: s.proofNonce(nonces),
		Algorithms: DPoPAlgorithms(),
	})
}

// DPoPAlgorithms are those of proofs: the server metadata names them.
func DPoPAlgorithms() []string { return []string{"ES256"} }

// proofOnce is what is remembered of a proof.
func proofOnce(proof *oauth.DPoPProof) Once {
	return Once{Value: proof.ReplayKey(), Expires: proof.Expires.Add(onceMargin)}
}

// rememberProof lets a proof pass once.
func (s *Server) rememberProof(ctx context.Context, proof *oauth.DPoPProof) error {
	o := proofOnce(proof)
	err := s.p.Store.SeenJTI(ctx, o.Value, o.Expires)
	faults.Point("authserver.proof-remembered")
	switch {
	case errors.Is(err, ErrReplay):
		return problem.New(problem.InvalidDPoPProof, "the DPoP proof was used before")
	case err != nil:
		return unavailable(err)
	}
	return nil
}
