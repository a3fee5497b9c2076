package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// discovered is what the provider said of itself.
type discovered struct {
	until    time.Time
	authURL  string
	tokenURL string
	verifier *oidc.IDTokenVerifier
	// answersIss: every callback names the issuer (RFC 9207).
	answersIss bool
	// takesClaims: the claims parameter is understood.
	takesClaims bool
}

// discover gives the provider's metadata, fetched when what is known is old.
func (p *Upstream) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Clock.Now()
	if p.found != nil && now.Before(p.found.until) {
		return p.found, nil
	}
	if !p.failed.IsZero() && now.Before(p.failed.Add(discoveryPause)) {
		return nil, problem.New(problem.Unavailable, "the login cannot be reached now")
	}
	d, err := p.fetch(ctx)
	if err != nil {
		if ctx.Err() == nil { // a visitor who went away says nothing of the provider
			p.failed = now
		}
		return nil, problem.Wrap(problem.Unavailable, err, "the login cannot be reached now")
	}
	d.until = now.Add(discoveryLifetime)
	p.found, p.failed = d, time.Time{}
	return d, nil
}

func (p *Upstream) fetch(ctx context.Context) (*discovered, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", briefly(err))
	}
	var raw json.RawMessage
	var m struct {
		AnswersIss  bool   `json:"authorization_response_iss_parameter_supported"`
		TakesClaims bool   `json:"claims_parameter_supported"`
		KeysURL     string `json:"jwks_uri"`
	}
	if err := errors.Join(found.Claims(&raw), jose.DecodeJSONLimit(raw, &m, maxAnswer)); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	e := found.Endpoint()
	for name, u := range map[string]string{"authorization_endpoint": e.AuthURL, "token_endpoint": e.TokenURL, "jwks_uri": m.KeysURL} {
		if err := checkText(u, p.cfg.AllowLoopback); err != nil {
			return nil, fmt.Errorf("discovery: %s: %w", name, err)
		}
	}
	return &discovered{
		authURL: e.AuthURL, tokenURL: e.TokenURL, answersIss: m.AnswersIss, takesClaims: m.TakesClaims,
		verifier: oidc.NewVerifier(p.cfg.Issuer, keySet{oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.http), m.KeysURL)}, &oidc.Config{
			ClientID: p.cfg.ClientID, SupportedSigningAlgs: p.cfg.Algorithms, Now: p.cfg.Clock.Now,
		}),
	}, nil
}

// keySet tells keys that could not be fetched from a signature that is wrong: the
// library's verifier gives one error for both.
type keySet struct{ oidc.KeySet }

// keysFailed is the key of an *error in the context, which takes the former.
type keysFailed struct{}

// VerifySignature implements oidc.KeySet.
func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if into, ok := ctx.Value(keysFailed{}).(*error); ok && err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		*into = err
	}
	return payload, err
}

// briefly keeps what an error of the library says of the way and of names: the
// others quote the whole answer.
func briefly(err error) error {
	var way *url.Error
	var mismatch *oidc.IssuerMismatchError
	switch {
	case errors.As(err, &way):
		return way
	case errors.As(err, &mismatch):
		return mismatch
	}
	return errors.New("the answer is not what was asked for")
}
