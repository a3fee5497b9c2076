package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// redeem exchanges the code for the ID token (OpenID Connect Core 1.0, section
// 3.1.3.1). The access token is of no use to us and is let go.
func (p *Upstream) redeem(ctx context.Context, d *discovered, code, verifier string) (string, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.cfg.RedirectURL}, "code_verifier": {verifier},
	}
	switch {
	case p.cfg.Key != nil:
		assertion, err := p.assertion()
		if err != nil {
			return "", problem.Wrap(problem.Unavailable, err, "the login cannot be reached now")
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	case p.cfg.Secret == "":
		form.Set("client_id", p.cfg.ClientID)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", problem.Wrap(problem.Unavailable, err, "the login cannot be reached now")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if p.cfg.Secret != "" { // RFC 6749, section 2.3.1: both parts are encoded first
		r.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(p.cfg.Secret))
	}
	status, body, err := p.request(ctx, r)
	if err != nil {
		return "", problem.Wrap(problem.Unavailable, fmt.Errorf("token request: %w", err), "the login cannot be reached now")
	}
	if status != http.StatusOK {
		return "", tokenRefusal(status, body)
	}
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := jose.DecodeJSONLimit(body, &answer, maxAnswer); err != nil || answer.IDToken == "" || len(answer.IDToken) > maxToken {
		return "", problem.Wrap(problem.AuthenticationFailed, errors.New("token response: no ID token"), "the login could not be verified")
	}
	return answer.IDToken, nil
}

// tokenRefusal: a code that is not good is the browser's matter, a client that
// is not good ours, everything else the provider's.
func tokenRefusal(status int, body []byte) error {
	var refused struct {
		Error string `json:"error"`
	}
	_ = jose.DecodeJSONLimit(body, &refused, maxAnswer) // without a code it is the provider's matter
	switch refused.Error {
	case "invalid_grant":
		return problem.New(problem.AuthenticationFailed, "the login was used before or took too long")
	case "invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type", "invalid_scope":
		return problem.Wrap(problem.Unavailable, fmt.Errorf("token request: the provider says %s", refused.Error), "the login cannot be reached now")
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("token request: status %d", status), "the login cannot be reached now")
}

// assertion proves who we are (RFC 7523, section 2.2): for this issuer, once,
// within a minute.
func (p *Upstream) assertion() (string, error) {
	jti, err := randomText(p.cfg.Rand)
	if err != nil {
		return "", err
	}
	now := p.cfg.Clock.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": p.cfg.ClientID, "sub": p.cfg.ClientID, "aud": p.cfg.Issuer, "jti": jti, "iat": now.Unix(), "exp": now.Add(skew).Unix(),
	})
	if err != nil {
		return "", err
	}
	header := map[string]any{"typ": "JWT"}
	if p.cfg.KeyID != "" {
		header["kid"] = p.cfg.KeyID
	}
	return jose.Sign(p.cfg.Key, header, payload, p.cfg.Rand)
}
