package wallet

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

// grant is what the wallet keeps of an offer that it took up, to collect what
// comes later and to refresh its copies: tokens, and the keys that these are
// bound to. It is a secret as the keys of the copies are.
type grant struct {
	ID       string    `json:"id"`
	Issuer   string    `json:"issuer"`
	Server   string    `json:"server"` // authorization server
	ClientID string    `json:"client_id,omitempty"`
	DPoP     string    `json:"dpop"`               // PKCS#8 in PEM
	Instance string    `json:"instance,omitempty"` // likewise, where a provider vouched for the wallet
	Access   string    `json:"access_token,omitempty"`
	Until    time.Time `json:"access_until,omitzero"` // zero: not known
	Refresh  string    `json:"refresh_token,omitempty"`
	Encrypt  bool      `json:"encrypt,omitempty"`
	Waiting  []pending `json:"waiting,omitempty"`
}

// pending is a request that the issuer answers later.
type pending struct {
	Waiting
	Transaction string   `json:"transaction_id"`
	Identifier  string   `json:"identifier,omitempty"`
	Keys        []string `json:"keys"` // PKCS#8 in PEM, in the order of the proofs
}

// Waiting is what was asked for and did not come yet.
type Waiting struct {
	ID            string    `json:"id"` // names it in this wallet
	Issuer        string    `json:"issuer"`
	Configuration string    `json:"configuration"`
	Type          string    `json:"type"`               // doctype or vct
	Since         time.Time `json:"since"`              // when it was asked for
	Next          time.Time `json:"next"`               // the issuer is not to be asked before
	Replaces      string    `json:"replaces,omitempty"` // the batch in whose place it comes
}

// begin makes the grant of an exchange. Nothing is written yet.
func (e *exchange) begin() error {
	id, err := newID("grant", e.cfg.Rand)
	if err != nil {
		return err
	}
	g := &grant{ID: id, Issuer: e.issuer.CredentialIssuer, Server: e.server.Issuer, ClientID: e.cfg.ClientID, Encrypt: e.encrypt}
	if g.DPoP, err = keyText(e.dpop.key); err != nil {
		return err
	}
	if e.instance != nil {
		if g.Instance, err = keyText(e.instance.key); err != nil {
			return err
		}
	}
	e.grant = g
	return nil
}

// remember takes over what a token response says. A refresh token that is not
// given anew stays (RFC 6749, section 6).
func (e *exchange) remember() {
	g := e.grant
	if g == nil {
		return
	}
	g.Access, g.Until = e.token.AccessToken, time.Time{}
	if e.token.ExpiresIn > 0 {
		g.Until = e.cfg.Clock.Now().Add(time.Duration(min(e.token.ExpiresIn, int(maxInterval/time.Second))) * time.Second).UTC()
	}
	if e.token.RefreshToken != "" {
		g.Refresh = e.token.RefreshToken
	}
}

// wait keeps a request that the issuer answers later, before anything else can
// go wrong: without its keys the answer would be worth nothing.
func (e *exchange) wait(id string, r oid4vci.CredentialRequest, keys []*ecdsa.PrivateKey, replaces string, response *oid4vci.CredentialResponse) error {
	if e.issuer.DeferredCredentialEndpoint == "" {
		return errors.New("the issuer delivers later, and its metadata have no deferred_credential_endpoint to ask at")
	}
	if len(e.grant.Waiting) >= maxWaiting {
		return fmt.Errorf("%d requests of this offer wait already", maxWaiting)
	}
	p := pending{Transaction: response.TransactionID, Identifier: r.Identifier}
	now := e.cfg.Clock.Now().UTC()
	p.Waiting = Waiting{
		Issuer: e.issuer.CredentialIssuer, Configuration: id, Type: typeOf(e.issuer.Configurations[id]), Since: now, Next: now.Add(interval(response)), Replaces: replaces,
	}
	var err error
	if p.ID, err = newID("later-"+id, e.cfg.Rand); err != nil {
		return err
	}
	for _, key := range keys {
		text, err := keyText(key)
		if err != nil {
			return err
		}
		p.Keys = append(p.Keys, text)
	}
	e.grant.Waiting = append(e.grant.Waiting, p)
	if err := e.cfg.Store.putGrant(e.grant); err != nil {
		return err
	}
	e.say("%s: the issuer delivers %s later and is to be asked again in %s; the request is kept", p.ID, p.Type, interval(response))
	if replaces != "" {
		e.say("%s stays until then; if the document is withdrawn, readers refuse it meanwhile", replaces)
	}
	return fmt.Errorf("%w: %s", ErrWaiting, p.ID)
}

func interval(r *oid4vci.CredentialResponse) time.Duration {
	return time.Duration(min(r.Interval, int(maxInterval/time.Second))) * time.Second
}

func keyText(key *ecdsa.PrivateKey) (string, error) {
	pem, err := encodeKey(key)
	return string(pem), err
}

func parseGrant(id string, data []byte) (*grant, error) {
	var g grant
	if err := jose.DecodeJSONLimit(bytes.TrimSpace(data), &g, maxGrantFile); err != nil {
		return nil, err
	}
	switch {
	case g.ID != id:
		return nil, errors.New("it names another grant")
	case g.Issuer == "" || g.Server == "" || g.DPoP == "" || g.Refresh == "" && len(g.Waiting) == 0 || len(g.Waiting) > maxWaiting:
		return nil, errors.New("it is incomplete")
	}
	for _, p := range g.Waiting {
		if !validID.MatchString(p.ID) || p.Transaction == "" || p.Configuration == "" || len(p.Keys) == 0 || len(p.Keys) > MaxCopies || p.Replaces != "" && !validID.MatchString(p.Replaces) {
			return nil, errors.New("it is incomplete")
		}
	}
	return &g, nil
}
