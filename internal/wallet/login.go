package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
)

// Browser is how the holder logs in at an issuer.
type Browser interface {
	// Redirect is the redirect_uri: where the browser is sent when all is said.
	Redirect() string
	// Open shows the page at an address and gives the address below Redirect
	// that the browser was sent back to, with its query.
	Open(ctx context.Context, address string) (string, error)
}

// authorize gets an authorization code by way of the holder's browser (OpenID4VCI
// 1.0, section 5; FAPI 2.0, section 5.3.3; HAIP 1.0, section 4): the request is
// pushed, the browser carries its name alone, and the answer must be one to this
// request from this server. It gives the token request.
func (e *exchange) authorize(ctx context.Context, grant *oid4vci.AuthorizationCodeGrant, ids []string) (url.Values, error) {
	verifier, challenge, err := oauth.NewPKCE(e.cfg.Rand)
	if err != nil {
		return nil, err
	}
	state, err := e.fresh()
	if err != nil {
		return nil, err
	}
	redirect := e.cfg.Browser.Redirect()
	form := url.Values{
		"response_type": {"code"}, "client_id": {e.cfg.ClientID}, "redirect_uri": {redirect}, "state": {state},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	if grant != nil && grant.IssuerState != "" {
		form.Set("issuer_state", grant.IssuerState)
	}
	if err := e.want(form, ids); err != nil {
		return nil, err
	}
	name, err := e.push(ctx, form)
	if err != nil {
		return nil, err
	}
	page, err := url.Parse(e.server.AuthorizationEndpoint)
	if err != nil {
		return nil, fmt.Errorf("authorization_endpoint: %w", err)
	}
	query := page.Query()
	query.Set("client_id", e.cfg.ClientID)
	query.Set("request_uri", name)
	page.RawQuery = query.Encode()
	e.say("the request is pushed, now the holder logs in at %s", e.server.Issuer)
	back, err := e.cfg.Browser.Open(ctx, page.String())
	if err != nil {
		return nil, fmt.Errorf("logging in: %w", err)
	}
	code, err := e.answered(back, redirect, state)
	if err != nil {
		return nil, err
	}
	e.say("logged in, the holder agreed")
	return url.Values{"grant_type": {oid4vci.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier}}, nil
}

// want says in a request what it is for: by scopes, or where a configuration has
// none by authorization details (section 5.1).
func (e *exchange) want(form url.Values, ids []string) error {
	var scopes []string
	var details []oid4vci.AuthorizationDetail
	for _, id := range ids {
		if scope := e.issuer.Configurations[id].Scope; scope != "" {
			scopes = append(scopes, scope)
		}
		d := oid4vci.AuthorizationDetail{Type: oid4vci.TypeCredential, CredentialConfigurationID: id}
		if len(e.issuer.AuthorizationServers) > 0 {
			d.Locations = []string{e.issuer.CredentialIssuer} // section 5.1.1
		}
		details = append(details, d)
	}
	if len(scopes) == len(ids) {
		form.Set("scope", strings.Join(scopes, " "))
		return nil
	}
	text, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("making authorization_details: %w", err)
	}
	form.Set("authorization_details", string(text))
	return nil
}

// push sends the request where no browser can change it and gives its name (RFC
// 9126). The DPoP proof binds the code to the key too (RFC 9449, section 10.1).
func (e *exchange) push(ctx context.Context, form url.Values) (string, error) {
	a, err := e.post(ctx, authorizationServer, e.server.PushedAuthorizationRequestEndpoint, typeForm, []byte(form.Encode()), maxToken)
	if err != nil {
		return "", fmt.Errorf("pushing the request: %w", err)
	}
	if a.status != http.StatusCreated {
		return "", a.refusal("pushed authorization request")
	}
	if err := a.json(); err != nil {
		return "", fmt.Errorf("reading what became of the request: %w", err)
	}
	var w struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int    `json:"expires_in"`
	}
	if err := jose.DecodeJSONLimit(a.body, &w, maxToken); err != nil {
		return "", fmt.Errorf("reading what became of the request: %w", err)
	}
	if w.RequestURI == "" || w.ExpiresIn <= 0 {
		return "", errors.New("reading what became of the request: no request_uri, or none that lasts")
	}
	return w.RequestURI, nil
}

// answered takes the code out of an answer that is one to our request: at our
// address, with our state, from this server (RFC 9207) and with no member twice.
func (e *exchange) answered(back, redirect, state string) (string, error) {
	rest, ok := strings.CutPrefix(back, redirect+"?")
	if !ok {
		return "", errors.New("the browser came back somewhere else")
	}
	query, err := url.ParseQuery(rest)
	if err != nil {
		return "", errors.New("the answer of the authorization server cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return "", fmt.Errorf("the answer of the authorization server has %.40q more than once", name)
		}
	}
	switch {
	case query.Get("state") != state:
		return "", errors.New("the answer of the authorization server is to another request: state")
	case query.Get("iss") != e.server.Issuer && (e.server.AuthorizationResponseIss || query.Has("iss")):
		return "", errors.New("the answer is of another authorization server: iss")
	case query.Has("error"):
		return "", &Refusal{Endpoint: "authorization", Code: query.Get("error"), Description: query.Get("error_description")}
	case query.Get("code") == "":
		return "", errors.New("the answer of the authorization server has no code")
	}
	return query.Get("code"), nil
}
