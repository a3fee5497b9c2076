package idp

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Begin implements Provider (OpenID Connect Core 1.0, section 3.1.2.1).
func (p *Upstream) Begin(ctx context.Context, s Start) (string, State, error) {
	if len(s.Return) > maxReturn {
		return "", State{}, problem.New(problem.InvalidRequest, "the request is too long")
	}
	d, err := p.discover(ctx)
	if err != nil {
		return "", State{}, err
	}
	state := State{Return: s.Return, Locales: s.Locales}
	for _, into := range []*string{&state.Secret, &state.Nonce, &state.Verifier} {
		if *into, err = randomText(p.cfg.Rand); err != nil {
			return "", State{}, err
		}
	}
	challenge := sha256.Sum256([]byte(state.Verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.cfg.ClientID}, "redirect_uri": {p.cfg.RedirectURL},
		"scope": {strings.Join(append([]string{"openid"}, p.cfg.Scopes...), " ")},
		"state": {state.Secret}, "nonce": {state.Nonce},
		"code_challenge": {jose.EncodeBase64URL(challenge[:])}, "code_challenge_method": {"S256"},
		"acr_values": {strings.Join(p.cfg.ACRs, " ")}, "max_age": {strconv.Itoa(int(p.cfg.MaxAge.Seconds()))},
	}
	if len(s.Locales) > 0 {
		q.Set("ui_locales", strings.Join(s.Locales, " "))
	}
	if d.takesClaims {
		claims, err := p.claims()
		if err != nil {
			return "", State{}, err
		}
		q.Set("claims", claims)
	}
	separator := "?"
	if strings.Contains(d.authURL, "?") {
		separator = "&"
	}
	return d.authURL + separator + q.Encode(), state, nil
}

// claims asks for what the token must hold (section 5.5): a provider that cannot
// give it says so instead of giving less.
func (p *Upstream) claims() (string, error) {
	type wish struct {
		Essential bool     `json:"essential"`
		Values    []string `json:"values,omitempty"`
	}
	wanted := map[string]any{
		"acr": wish{true, p.cfg.ACRs}, "auth_time": wish{Essential: true}, p.cfg.NameClaim: nil,
	}
	if p.cfg.PersonClaim != "sub" {
		wanted[p.cfg.PersonClaim] = wish{Essential: true}
	}
	text, err := json.Marshal(map[string]any{"id_token": wanted})
	return string(text), err
}
