package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/oid4vci"
)

// RefreshOptions is what the holder decides.
type RefreshOptions struct {
	// Batches to refresh, by id; none means all that can be.
	Batches []string
	// Copies of each; 0 means as many as there were, or what the issuer allows
	// when that is less.
	Copies int
	// Wait is as in AcceptOptions.
	Wait time.Duration
}

// Refresh fetches fresh copies, each under a fresh key, with the refresh token of
// the grant that the batches came by (RFC 6749, section 6; OpenID4VCI 1.0, section
// 13.5). A batch is removed when the one in its place is kept, and stays when it
// is refused or has to wait: ErrWaiting. ErrNoRefresh when there is no refresh
// token, or the issuer takes it no more.
func (w *Wallet) Refresh(ctx context.Context, opt RefreshOptions) ([]Batch, error) {
	groups, order, err := w.refreshable(opt.Batches)
	if err != nil {
		return nil, err
	}
	deadline := w.cfg.Clock.Now().Add(opt.Wait)
	var batches []Batch
	var errs []error
	for _, id := range order {
		fresh, err := w.refresh(ctx, id, groups[id], opt.Copies, deadline)
		batches, errs = append(batches, fresh...), append(errs, err)
	}
	return batches, together(errs...)
}

// refreshable sorts batches by their grants.
func (w *Wallet) refreshable(ids []string) (groups map[string][]Batch, order []string, err error) {
	batches, err := w.cfg.Store.List()
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		i := slices.IndexFunc(batches, func(b Batch) bool { return b.ID == id })
		switch {
		case i < 0:
			return nil, nil, fmt.Errorf("%w: %.80q", ErrNotFound, id)
		case batches[i].Grant == "":
			return nil, nil, fmt.Errorf("%w: %s came without a refresh token", ErrNoRefresh, id)
		}
	}
	groups = map[string][]Batch{}
	for _, b := range batches {
		switch {
		case len(ids) > 0 && !slices.Contains(ids, b.ID):
		case b.Grant == "":
			w.say("%s came without a refresh token: it stays as it is", b.ID)
		default:
			if groups[b.Grant] == nil {
				order = append(order, b.Grant)
			}
			groups[b.Grant] = append(groups[b.Grant], b)
		}
	}
	if len(order) == 0 {
		return nil, nil, fmt.Errorf("%w: nothing in this wallet came with a refresh token", ErrNoRefresh)
	}
	return groups, order, nil
}

// refresh is that of one grant.
func (w *Wallet) refresh(ctx context.Context, id string, held []Batch, copies int, deadline time.Time) ([]Batch, error) {
	g, err := w.cfg.Store.grantOf(id)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: the grant of %s has ended", ErrNoRefresh, held[0].ID)
	}
	if err != nil {
		return nil, err
	}
	e, err := w.resume(ctx, g)
	if err != nil {
		return nil, err
	}
	if err := e.renew(ctx); err != nil {
		return nil, err
	}
	var fresh []Batch
	var errs []error
	for _, b := range held {
		if i := slices.IndexFunc(g.Waiting, func(p pending) bool { return p.Replaces == b.ID }); i >= 0 {
			e.say("%s was asked for before and waits as %s", b.ID, g.Waiting[i].ID)
			continue
		}
		got, err := e.again(ctx, b, copies)
		switch {
		case errors.Is(err, ErrWaiting):
		case err != nil:
			e.say("%s stays as it is", b.ID)
			errs = append(errs, fmt.Errorf("%s: %w", b.ID, err))
		default:
			fresh = append(fresh, got)
		}
	}
	late, err := e.collect(ctx, nil, deadline)
	return append(fresh, late...), together(append(errs, err, e.tidy())...)
}

// again fetches one batch anew.
func (e *exchange) again(ctx context.Context, b Batch, copies int) (Batch, error) {
	c, ok := e.issuer.Configurations[b.Configuration]
	if !ok {
		return Batch{}, fmt.Errorf("configuration %.64q is not in the issuer's metadata any more", b.Configuration)
	}
	if err := fits(c, e.cfg.Provider != nil); err != nil {
		return Batch{}, fmt.Errorf("configuration %.64q: %w", b.Configuration, err)
	}
	if copies == 0 {
		copies = len(b.Copies)
		if allowed, err := e.copies(0); err == nil && copies > allowed {
			copies = allowed
		}
	}
	copies, err := e.copies(copies)
	if err != nil {
		return Batch{}, err
	}
	r := oid4vci.CredentialRequest{Identifier: b.Identifier}
	if b.Identifier == "" {
		r.ConfigurationID = b.Configuration
	}
	return e.fetch(ctx, b.Configuration, r, copies, b.ID)
}
