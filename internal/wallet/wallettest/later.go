package wallettest

import (
	"crypto"
	"net/http"
	"time"

	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Decision is what becomes of a credential request.
type Decision int

// What Issuer.Decide may say.
const (
	Deliver Decision = iota
	Later            // 202
	Deny             // credential_request_denied
)

// Interval is how long a wallet is told to wait unless Issuer.Interval says another.
const Interval = 10 * time.Minute

// tokenLife is that of an access token.
const tokenLife = 5 * time.Minute

// deferred is a request that was not answered yet.
type deferred struct {
	id, thumbprint, configuration string
	keys                          []crypto.PublicKey
}

// deliver answers a request or makes its wallet wait, with the lock held.
func (i *Issuer) deliver(d *deferred) (any, error) {
	decision := Deliver
	if i.Decide != nil {
		decision = i.Decide(d.configuration)
	}
	switch decision {
	case Later:
		if d.id == "" {
			d.id = random()
		}
		i.later[d.id] = d
		return oid4vci.CredentialResponse{TransactionID: d.id, Interval: int(i.Interval.Seconds())}, nil
	case Deny:
		delete(i.later, d.id)
		return nil, problem.New(problem.CredentialRequestDenied, "not for this person")
	}
	delete(i.later, d.id)
	credentials, err := i.Issue(d.configuration, d.keys...)
	if err != nil {
		return nil, err
	}
	if i.Forge != nil {
		credentials = i.Forge(d.configuration, d.keys, credentials)
	}
	response := oid4vci.CredentialResponse{NotificationID: random()}
	for _, c := range credentials {
		response.Credentials = append(response.Credentials, oid4vci.Credential{Credential: c})
	}
	return response, nil
}

// deferred is the endpoint of OpenID4VCI 1.0, section 9.
func (i *Issuer) deferred(r *http.Request, body []byte) (any, error) {
	a, err := i.access(r)
	if err != nil {
		return nil, err
	}
	request, err := oid4vci.ParseDeferredRequest(body)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	d := i.later[request.TransactionID]
	if d == nil || d.thumbprint != a.thumbprint {
		return nil, problem.New(problem.InvalidTransactionID, "no such transaction")
	}
	return i.deliver(d)
}

// refresh gives another access token; the refresh token stays.
func (i *Issuer) refresh(r *http.Request, form oauth.Form) (any, error) {
	p, err := i.proof(r, "", authorizationNonce)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	a, ok := i.refreshing[form.Get("refresh_token")]
	if !ok || a.thumbprint != p.Thumbprint || i.ClientID != "" && form.Get("client_id") != i.ClientID {
		return nil, problem.New(problem.InvalidGrant, "no such refresh token")
	}
	return i.give(a), nil
}

// EndGrants ends all refresh tokens.
func (i *Issuer) EndGrants() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.refreshing)
}
