package wallet

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vidimus/internal/oid4vci"
)

// Collect asks issuers for what they promised for later (OpenID4VCI 1.0, section
// 9): for all of it, or for what ids names. wait is how long it keeps asking, at
// the pace of each issuer; 0 asks once what may be asked now. It gives the
// batches that came; ErrWaiting when something still waits.
func (w *Wallet) Collect(ctx context.Context, ids []string, wait time.Duration) ([]Batch, error) {
	grants, err := w.cfg.Store.allGrants()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, g := range grants {
		for _, p := range g.Waiting {
			known[p.ID] = true
		}
	}
	for _, id := range ids {
		if !known[id] {
			return nil, fmt.Errorf("%w: nothing waits as %.80q", ErrNotFound, id)
		}
	}
	deadline := w.cfg.Clock.Now().Add(wait)
	var batches []Batch
	var errs []error
	for _, g := range grants {
		if !slices.ContainsFunc(g.Waiting, func(p pending) bool { return len(ids) == 0 || slices.Contains(ids, p.ID) }) {
			continue
		}
		e, err := w.resume(ctx, g)
		if err == nil {
			var late []Batch
			late, err = e.collect(ctx, ids, deadline)
			batches = append(batches, late...)
			err = together(err, e.tidy())
		}
		errs = append(errs, err)
	}
	return batches, together(errs...)
}

// resume goes on with a grant that was kept: the metadata are read anew, the
// keys are those of then.
func (w *Wallet) resume(ctx context.Context, g *grant) (*exchange, error) {
	cfg := w.cfg
	cfg.ClientID = g.ClientID
	if g.Instance != "" && cfg.Provider == nil {
		return nil, fmt.Errorf("what %s gave is bound to an attested wallet: %w", g.Issuer, ErrProvider)
	}
	same := &Wallet{cfg}
	issuer, err := same.issuerMetadata(ctx, g.Issuer)
	if err != nil {
		return nil, err
	}
	if g.Server != g.Issuer && !slices.Contains(issuer.AuthorizationServers, g.Server) {
		return nil, fmt.Errorf("the issuer's metadata do not list the authorization server %.200q any more, which holds this grant", g.Server)
	}
	server, err := same.serverDocument(ctx, issuer, g.Server)
	if err != nil {
		return nil, err
	}
	dpop := &prover{clock: cfg.Clock, rand: cfg.Rand}
	if dpop.key, err = parseKey([]byte(g.DPoP)); err != nil {
		return nil, fmt.Errorf("grant %s: %w", g.ID, err)
	}
	e := &exchange{Wallet: same, dpop: dpop, issuer: issuer, server: server, grant: g, encrypt: g.Encrypt}
	if g.Access != "" && (g.Until.IsZero() || cfg.Clock.Now().Add(tokenMargin).Before(g.Until)) {
		e.token = &oid4vci.TokenResponse{AccessToken: g.Access, TokenType: "DPoP"}
	}
	if g.Instance == "" {
		return e, nil // a wallet that nobody vouched for then: the token is bound to that
	}
	instance, err := parseKey([]byte(g.Instance))
	if err != nil {
		return nil, fmt.Errorf("grant %s: %w", g.ID, err)
	}
	return e, e.attest(ctx, instance)
}

// renew exchanges the refresh token for an access token (RFC 6749, section 6).
// What the server gives in its place is kept before it is used.
func (e *exchange) renew(ctx context.Context) error {
	g := e.grant
	if g.Refresh == "" {
		return fmt.Errorf("%w: the access token has run out, and the issuer gave none to refresh it with", ErrNoRefresh)
	}
	err := e.redeem(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}})
	var refusal *Refusal
	if errors.As(err, &refusal) {
		refusal.Endpoint = "refresh"
		if refusal.Status == http.StatusBadRequest && refusal.Code == "invalid_grant" {
			// For good: nothing that waits under it can come any more.
			g.Refresh, g.Waiting = "", nil
			return together(fmt.Errorf("%w: %w", ErrNoRefresh, refusal), e.cfg.Store.putGrant(g))
		}
	}
	if err != nil {
		return err
	}
	e.say("the access token is refreshed, bound to the same key")
	return e.cfg.Store.putGrant(g)
}

// collect asks for what waits, each at its time, until the deadline.
func (e *exchange) collect(ctx context.Context, ids []string, deadline time.Time) ([]Batch, error) {
	var batches []Batch
	var errs []error
	for {
		next := -1
		for i, p := range e.grant.Waiting {
			if (len(ids) == 0 || slices.Contains(ids, p.ID)) && (next < 0 || p.Next.Before(e.grant.Waiting[next].Next)) {
				next = i
			}
		}
		if next < 0 {
			return batches, together(errs...)
		}
		p := e.grant.Waiting[next]
		left := p.Next.Sub(e.cfg.Clock.Now())
		if p.Next.After(deadline) && left > 0 {
			return batches, together(append(errs, e.stillWaiting())...)
		}
		if left > 0 {
			e.say("%s: waiting %s until the issuer may be asked again", p.ID, left.Round(time.Second))
			if err := e.cfg.Sleep(ctx, left); err != nil {
				return batches, together(append(errs, err, e.stillWaiting())...)
			}
		}
		b, came, err := e.ask(ctx, p)
		switch {
		case came:
			batches = append(batches, b)
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", p.ID, err))
			if slices.ContainsFunc(e.grant.Waiting, func(q pending) bool { return q.ID == p.ID }) {
				// It may come yet: who cannot be asked now is not asked at once again.
				return batches, together(append(errs, e.stillWaiting())...)
			}
		}
	}
}

// stillWaiting is the error that names what was not collected; nil when that is
// nothing.
func (e *exchange) stillWaiting() error {
	var list []string
	for _, p := range e.grant.Waiting {
		list = append(list, fmt.Sprintf("%s (not to be asked before %s)", p.ID, p.Next.UTC().Format(time.RFC3339)))
	}
	if list == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrWaiting, strings.Join(list, ", "))
}

// final are the refusals of the deferred endpoint after which nothing comes any
// more (section 9.3).
var final = []string{"credential_request_denied", "invalid_transaction_id"}

// ask asks once for one request. Without a batch and without an error it is to
// wait on; what is refused for good is dropped.
func (e *exchange) ask(ctx context.Context, p pending) (Batch, bool, error) {
	keys := make([]*ecdsa.PrivateKey, len(p.Keys))
	for i, text := range p.Keys {
		var err error
		if keys[i], err = parseKey([]byte(text)); err != nil {
			return Batch{}, false, err
		}
	}
	if _, ok := e.issuer.Configurations[p.Configuration]; !ok || e.issuer.DeferredCredentialEndpoint == "" {
		return Batch{}, false, fmt.Errorf("the issuer's metadata do not have the configuration %.64q any more, or no deferred_credential_endpoint", p.Configuration)
	}
	response, err := e.deferred(ctx, p.Transaction)
	var refusal *Refusal
	if errors.As(err, &refusal) && slices.Contains(final, refusal.Code) {
		return Batch{}, false, together(err, e.drop(p.ID))
	}
	if err != nil {
		return Batch{}, false, err
	}
	if response.TransactionID != "" {
		i := slices.IndexFunc(e.grant.Waiting, func(q pending) bool { return q.ID == p.ID })
		e.grant.Waiting[i].Transaction = response.TransactionID
		e.grant.Waiting[i].Next = e.cfg.Clock.Now().Add(interval(response)).UTC()
		e.say("%s: not yet, to be asked again in %s", p.ID, interval(response))
		return Batch{}, false, e.cfg.Store.putGrant(e.grant)
	}
	b, err := e.keep(ctx, p.Configuration, p.Identifier, keys, p.Replaces, response)
	// The answer comes once: whatever became of it, nothing waits any more.
	if dropped := e.drop(p.ID); dropped != nil {
		e.say("warning: %s is still listed as waiting: %v", p.ID, dropped)
	}
	return b, err == nil, err
}

// deferred sends one deferred request (section 9.1), and once more with another
// access token when the first had run out.
func (e *exchange) deferred(ctx context.Context, transaction string) (*oid4vci.CredentialResponse, error) {
	for again := false; ; again = true {
		if e.token == nil {
			if err := e.renew(ctx); err != nil {
				return nil, err
			}
		}
		v, err := e.envelope()
		if err != nil {
			return nil, err
		}
		kind, body, err := e.sealDeferred(oid4vci.DeferredRequest{TransactionID: transaction}, v)
		if err != nil {
			return nil, err
		}
		a, err := e.post(ctx, resourceServer, e.issuer.DeferredCredentialEndpoint, kind, body, maxIssued)
		if err != nil {
			return nil, fmt.Errorf("asking again: %w", err)
		}
		switch a.status {
		case http.StatusOK, http.StatusAccepted:
			return v.response(a)
		}
		refusal := a.refusal("deferred credential")
		if !again && a.status == http.StatusUnauthorized && refusal.Code == "invalid_token" && e.grant.Refresh != "" {
			e.token = nil
			continue
		}
		return nil, refusal
	}
}

// drop forgets a request.
func (e *exchange) drop(id string) error {
	e.grant.Waiting = slices.DeleteFunc(e.grant.Waiting, func(p pending) bool { return p.ID == id })
	return e.cfg.Store.putGrant(e.grant)
}

// tidy deletes a grant by which nothing is held or awaited.
func (e *exchange) tidy() error { return e.cfg.Store.tidy(e.grant.ID) }
