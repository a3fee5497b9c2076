package idp

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Finish implements Provider (OpenID Connect Core 1.0, sections 3.1.2.5 to
// 3.1.3.7).
func (p *Upstream) Finish(ctx context.Context, query url.Values, state State) (Login, error) {
	// The state first: what follows costs requests, and the error of another
	// login is none of this browser's.
	if state.Secret == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state.Secret)) != 1 {
		return Login{}, problem.New(problem.AuthenticationFailed, "this is not the answer to the login of this browser")
	}
	d, err := p.discover(ctx)
	if err != nil {
		return Login{}, err
	}
	if iss := query.Get("iss"); iss != p.cfg.Issuer && (iss != "" || d.answersIss) { // RFC 9207
		return Login{}, problem.New(problem.AuthenticationFailed, "the answer is of another provider")
	}
	if code := query.Get("error"); code != "" {
		return Login{}, refusal(code)
	}
	code := query.Get("code")
	if code == "" || len(code) > maxCode {
		return Login{}, problem.New(problem.AuthenticationFailed, "the answer has no code")
	}
	raw, err := p.redeem(ctx, d, code, state.Verifier)
	if err != nil {
		return Login{}, err
	}
	return p.judge(ctx, d, raw, state.Nonce)
}

// refusal reads the error of a callback (RFC 6749, section 4.1.2.1; OpenID
// Connect Core 1.0, section 3.1.2.6).
func refusal(code string) error {
	switch code {
	case "access_denied":
		return problem.Wrap(problem.AccessDenied, ErrCancelled, "the login was cancelled")
	case "unmet_authentication_requirements":
		return problem.New(problem.AccessDenied, "the login did not reach the level that is needed")
	case "temporarily_unavailable", "server_error":
		return problem.New(problem.Unavailable, "the login cannot be reached now")
	}
	return problem.New(problem.AuthenticationFailed, "the provider refused the login")
}

// ErrCancelled is in the chain of the refusal of a person who did not want to
// log in.
var ErrCancelled = errors.New("login cancelled")

// tokenClaims are those that are judged here; the library judges the others.
type tokenClaims struct {
	AuthTime        *int64          `json:"auth_time"`
	IssuedAt        *int64          `json:"iat"`
	ACR             string          `json:"acr"`
	AuthorizedParty *string         `json:"azp"`
	Audience        json.RawMessage `json:"aud"`
}

// judge applies section 3.1.3.7, in its numbers.
func (p *Upstream) judge(ctx context.Context, d *discovered, raw string, nonce string) (Login, error) {
	// Steps 1 to 3 and 6 to 9: decryption (none), iss, aud, signature with an
	// algorithm of the list, exp.
	var keys error
	token, err := d.verifier.Verify(context.WithValue(ctx, keysFailed{}, &keys), raw)
	if err != nil {
		if keys != nil {
			return Login{}, problem.Wrap(problem.Unavailable, briefly(keys), "the login cannot be reached now")
		}
		// What the library says may quote claims.
		return Login{}, notGood("it does not verify")
	}
	var text json.RawMessage
	if err := token.Claims(&text); err != nil {
		return Login{}, notGood("it is malformed")
	}
	var c tokenClaims
	if err := jose.DecodeJSON(text, &c); err != nil {
		return Login{}, notGood("it is malformed")
	}
	members, err := jose.Members(text)
	if err != nil {
		return Login{}, notGood("it is malformed")
	}
	now := p.cfg.Clock.Now()
	switch {
	// Steps 4 and 5.
	case len(token.Audience) > 1 && c.AuthorizedParty == nil, c.AuthorizedParty != nil && *c.AuthorizedParty != p.cfg.ClientID:
		return Login{}, notGood("it is for another client")
	// Step 10. It came this moment.
	case c.IssuedAt == nil || *c.IssuedAt > now.Add(skew).Unix() || *c.IssuedAt < now.Add(-freshness-skew).Unix():
		return Login{}, notGood("it was issued too long ago, or ahead of time")
	// Step 11.
	case nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return Login{}, notGood("it is the answer to another login")
	// Step 12.
	case !slices.Contains(p.cfg.ACRs, c.ACR):
		return Login{}, problem.New(problem.AccessDenied, "the login did not reach the level that is needed")
	// Step 13.
	case c.AuthTime == nil || *c.AuthTime > now.Add(skew).Unix():
		return Login{}, notGood("it does not say when the person logged in")
	case *c.AuthTime < now.Add(-p.cfg.MaxAge-skew).Unix():
		return Login{}, problem.New(problem.AccessDenied, "the login is too long ago: log in anew")
	}
	login := Login{ACR: c.ACR, At: time.Unix(*c.AuthTime, 0).UTC(), Name: greeting(members[p.cfg.NameClaim])}
	login.Person, err = p.person(ctx, members[p.cfg.PersonClaim])
	return login, err
}

func notGood(why string) error {
	return problem.Wrap(problem.AuthenticationFailed, fmt.Errorf("ID token: %s", why), "the login could not be verified")
}

// person finds the person number.
func (p *Upstream) person(ctx context.Context, claim json.RawMessage) (string, error) {
	var value string
	if err := jose.DecodeJSON(claim, &value); claim == nil || err != nil || value == "" || len(value) > maxPerson || !plain(value) {
		return "", problem.Wrap(problem.AccessDenied, errors.New("ID token: the claim of the person is missing or no plain text"), "the login does not say who you are")
	}
	if p.cfg.People == nil {
		return value, nil
	}
	number, err := p.cfg.People.Person(ctx, p.cfg.Issuer, value)
	switch {
	case problem.KindOf(err) == problem.NotFound && err != nil:
		return "", err
	case err != nil:
		return "", problem.Wrap(problem.Unavailable, err, "try again later")
	}
	return number, nil
}

// greeting is the name claim, or "" for what is no name.
func greeting(claim json.RawMessage) string {
	var name string
	if claim == nil || jose.DecodeJSON(claim, &name) != nil || len(name) > maxName || !plain(name) {
		return ""
	}
	return strings.TrimSpace(name)
}

func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
