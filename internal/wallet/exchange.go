package wallet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"vidimus/internal/oid4vci"
)

// exchange is one conversation with an issuer, from the token to the
// notification.
type exchange struct {
	*Wallet
	dpop     *prover
	instance *instance // nil when nobody vouches for the wallet here
	issuer   *oid4vci.IssuerMetadata
	server   *oid4vci.ServerMetadata
	token    *oid4vci.TokenResponse
	grant    *grant // what is kept of this conversation
	encrypt  bool
}

// post sends a request with a DPoP proof, and with that of the wallet's instance
// to the authorization server. It sends it once more when the server wants its
// nonce or its challenge in it.
func (e *exchange) post(ctx context.Context, r role, endpoint, contentType string, body []byte, limit int64) (*answer, error) {
	for nonced, challenged := false, false; ; {
		header := map[string]string{"Content-Type": contentType}
		token := ""
		if e.token != nil {
			token = e.token.AccessToken
			header["Authorization"] = "DPoP " + token
		}
		var err error
		if header["DPoP"], err = e.dpop.proof(r, endpoint, token); err != nil {
			return nil, err
		}
		if r == authorizationServer {
			if err := e.authenticate(header); err != nil {
				return nil, err
			}
		}
		a, err := e.call(ctx, http.MethodPost, endpoint, header, body, limit)
		if err != nil {
			return nil, err
		}
		e.dpop.learn(r, a.header)
		switch {
		case !nonced && wantsNonce(r, a):
			nonced = true
			e.say("the server wants its nonce in the DPoP proof: once more")
			continue
		case r == authorizationServer && e.wantsChallenge(a) && !challenged:
			challenged = true
			e.say("the server wants its challenge in the proof of the instance: once more")
			continue
		}
		return a, nil
	}
}

// preAuthorized is the token request with a pre-authorized code (OpenID4VCI 1.0,
// section 6.1), nil without one. Without scope it is good for the whole offer.
func preAuthorized(grant *oid4vci.PreAuthorizedGrant, txCode string) url.Values {
	if grant == nil {
		return nil
	}
	form := url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {grant.Code}}
	if txCode != "" {
		form.Set("tx_code", txCode)
	}
	return form
}

// redeem exchanges a code for an access token (sections 6.1 and 6.2).
func (e *exchange) redeem(ctx context.Context, form url.Values) error {
	if e.cfg.ClientID != "" {
		form.Set("client_id", e.cfg.ClientID)
	}
	e.token = nil // the one of before has no place in a request for another
	a, err := e.post(ctx, authorizationServer, e.server.TokenEndpoint, typeForm, []byte(form.Encode()), maxToken)
	if err != nil {
		return fmt.Errorf("asking for a token: %w", err)
	}
	if a.status != http.StatusOK {
		return a.refusal("token")
	}
	if err := a.json(); err != nil {
		return fmt.Errorf("reading the token: %w", err)
	}
	token, err := oid4vci.ParseTokenResponse(a.body)
	if err != nil {
		return err
	}
	// A bearer token is worth money to whoever sees it; HAIP 1.0, section 4.
	if !strings.EqualFold(token.TokenType, "DPoP") {
		return errors.New("the server gave a bearer token in answer to a DPoP proof")
	}
	if strings.ContainsFunc(token.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("the access token has characters that cannot be sent")
	}
	e.token = token
	e.remember()
	return nil
}

// nonce asks for a fresh c_nonce (section 7); "" when the issuer has no nonces.
func (e *exchange) nonce(ctx context.Context) (string, error) {
	if e.issuer.NonceEndpoint == "" {
		return "", nil
	}
	a, err := e.call(ctx, http.MethodPost, e.issuer.NonceEndpoint, nil, nil, maxNonce)
	if err != nil {
		return "", fmt.Errorf("asking for a nonce: %w", err)
	}
	if a.status < 200 || a.status > 299 {
		return "", a.refusal("nonce")
	}
	if err := a.json(); err != nil {
		return "", fmt.Errorf("reading the nonce: %w", err)
	}
	e.dpop.learn(resourceServer, a.header) // section 7.2
	r, err := oid4vci.ParseNonceResponse(a.body)
	if err != nil {
		return "", err
	}
	return r.CNonce, nil
}

// request asks for one copy per key (section 8.2), and once more with a new
// nonce when the first had run out meanwhile.
func (e *exchange) request(ctx context.Context, c oid4vci.Configuration, r oid4vci.CredentialRequest, keys []*ecdsa.PrivateKey) (*oid4vci.CredentialResponse, error) {
	signers := make([]crypto.Signer, len(keys))
	for i, key := range keys {
		signers[i] = key
	}
	for again := false; ; again = true {
		nonce, err := e.nonce(ctx)
		if err != nil {
			return nil, err
		}
		if r.Proofs, err = e.proofs(c, signers, nonce); err != nil {
			return nil, err
		}
		v, err := e.envelope()
		if err != nil {
			return nil, err
		}
		kind, body, err := e.seal(r, v)
		if err != nil {
			return nil, err
		}
		a, err := e.post(ctx, resourceServer, e.issuer.CredentialEndpoint, kind, body, maxIssued)
		if err != nil {
			return nil, fmt.Errorf("asking for credentials: %w", err)
		}
		if a.status != http.StatusOK && a.status != http.StatusAccepted {
			refusal := a.refusal("credential")
			if !again && a.status == http.StatusBadRequest && refusal.Code == "invalid_nonce" {
				e.say("the nonce has run out: once more with a new one")
				continue
			}
			return nil, refusal
		}
		return v.response(a)
	}
}

// response reads what the credential and the deferred endpoint answer alike:
// credentials with 200, what to ask for later with 202 (sections 8.3 and 9.2).
func (v *envelope) response(a *answer) (*oid4vci.CredentialResponse, error) {
	content, err := v.open(a)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials: %w", err)
	}
	response, err := oid4vci.ParseCredentialResponse(content)
	if err != nil {
		return nil, err
	}
	switch later := response.TransactionID != ""; {
	case later && a.status == http.StatusOK:
		return nil, errors.New("status 200 without credentials")
	case !later && a.status == http.StatusAccepted:
		return nil, errors.New("status 202 with credentials")
	}
	return response, nil
}

// notify tells the issuer what became of a response (section 11). The outcome
// of the acceptance does not hang on it.
func (e *exchange) notify(ctx context.Context, id, event string) {
	if id == "" || e.issuer.NotificationEndpoint == "" {
		return
	}
	body, err := json.Marshal(oid4vci.Notification{ID: id, Event: event})
	if err == nil {
		var a *answer
		if a, err = e.post(ctx, resourceServer, e.issuer.NotificationEndpoint, typeJSON, body, maxErrors); err == nil && (a.status < 200 || a.status > 299) {
			err = a.refusal("notification")
		}
	}
	if err != nil {
		e.say("warning: the issuer was not told %s: %v", event, err)
		return
	}
	e.say("told the issuer: %s", event)
}
