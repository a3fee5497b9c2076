package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/issuance"
	"vidimus/internal/statuslist"
)

// What becomes of wallets by the status lists of their providers: wallets.status.
const (
	statusClosed = "closed" // a wallet whose list cannot be read has to wait
	statusOpen   = "open"   // it gets its copies all the same
	statusOff    = "off"    // no list is read
)

// Every wallet unit is looked at at least every 24 h (EUDI TS3): a little more
// often, since looking takes time, and soon again when a list could not be read.
const (
	sweepWalletsEvery = 23 * time.Hour
	sweepWalletsAgain = time.Hour
)

// statusSkew is how far the clock of a provider may differ from ours.
const statusSkew = time.Minute

// walletLists fetches the status lists of wallet providers.
type walletLists struct {
	client  *fetch.Client
	trusted publisher // who may publish them
	clock   clock.Clock
	log     *slog.Logger
	failed  func() // counts
}

// Fetch implements issuance.StatusFetcher.
func (w *walletLists) Fetch(ctx context.Context, uri, provider string) (issuance.FetchedList, error) {
	list, err := w.fetch(ctx, uri, provider)
	if err != nil {
		w.failed()
		w.log.Warn("the status list of a wallet provider cannot be read", "list", uri, "error", err)
	}
	return list, err
}

func (w *walletLists) fetch(ctx context.Context, uri, provider string) (issuance.FetchedList, error) {
	var none issuance.FetchedList
	body, _, err := w.client.StatusList(ctx, uri, fetch.TypeStatusListJWT, fetch.TypeStatusListCWT)
	if err != nil {
		return none, err
	}
	token, err := statuslist.ParseToken(body)
	if err != nil {
		return none, err
	}
	now := w.clock.Now()
	signer, err := w.trusted(provider, token.Chain, now)
	if err != nil {
		return none, fmt.Errorf("signer of the list: %w", err)
	}
	if err := token.Verify(signer.Key); err != nil {
		return none, err
	}
	answer := token.Evaluate(statuslist.Reference{URI: uri}, statuslist.LookupOptions{Now: now, Skew: statusSkew})
	for _, f := range answer.Findings {
		if f.Result == statuslist.Fail {
			return none, fmt.Errorf("%s: %s", f.Check, f.Detail)
		}
	}
	got := issuance.FetchedList{Issued: token.IssuedAt, Expires: token.Expires}
	if got.Expires.IsZero() || !signer.Until.IsZero() && signer.Until.Before(got.Expires) {
		got.Expires = signer.Until
	}
	// A ttl counts from when the list was fetched: providers serve one token
	// for hours.
	if got.Until = got.Expires; token.TTL > 0 && (got.Until.IsZero() || now.Add(token.TTL).Before(got.Until)) {
		got.Until = now.Add(token.TTL)
	}
	got.List, err = token.List()
	return got, err
}

// walletStatus makes the reader of these lists, nil where none is read.
func (a *App) walletStatus() issuance.StatusFetcher {
	if a.cfg.Wallets.Status == statusOff || a.providers.publishers == nil {
		return nil
	}
	a.sweeps = &walletSweeps{revoked: a.metrics.Counter("vidimus_wallet_units_revoked_total", "Wallet units that were ended since their providers revoked them, found by looking at all.")}
	a.metrics.Gauge("vidimus_wallet_units", "Wallet units with copies that were looked at last.", func() float64 { return float64(a.sweeps.units.Load()) })
	a.metrics.Gauge("vidimus_wallet_units_unknown", "Wallet units of these whose status could not be read.", func() float64 { return float64(a.sweeps.unknown.Load()) })
	a.metrics.Gauge("vidimus_wallet_sweep_age_seconds", "Since the status of all wallet units was read last; more than a day means that some provider does not answer.", func() float64 {
		if at := a.sweeps.whole.Load(); at != 0 {
			return a.opts.Clock.Now().Sub(time.Unix(at, 0)).Seconds()
		}
		return 0
	})
	return &walletLists{
		client: a.providers.client, trusted: a.providers.publishers, clock: a.opts.Clock, log: a.log,
		failed: a.metrics.Counter("vidimus_wallet_status_failures_total", "Status lists of wallet providers that could not be read."),
	}
}

// attestationStatus asks issuance before a wallet gets even a token.
func (a *App) attestationStatus(ctx context.Context, instance string, refs []authserver.StatusRef) error {
	shown := make([]issuance.StatusIndex, len(refs))
	for i, r := range refs {
		shown[i] = issuance.StatusIndex{List: r.List, Index: r.Index, Provider: r.Provider}
	}
	err := a.issuance.CheckUnit(ctx, instance, shown)
	if errors.Is(err, issuance.ErrAttestation) {
		return fmt.Errorf("%w: %w", authserver.ErrAttestationRevoked, err)
	}
	return err
}

// unitRevoker ends wallet units by the source of events, which is made after
// issuance.
type unitRevoker struct{ *App }

// RevokeWallet implements issuance.Revoker.
func (r unitRevoker) RevokeWallet(ctx context.Context, unit string) error {
	return r.own.RevokeWallet(ctx, unit)
}

// walletSweeps is what the last look at all wallet units found.
type walletSweeps struct {
	units, unknown atomic.Int64
	whole          atomic.Int64 // seconds since 1970 of the last without unknown ones; 0 before the first
	revoked        func()
}

// sweepWallets looks at all wallet units until ctx ends.
func (a *App) sweepWallets(ctx context.Context) {
	for {
		timer := time.NewTimer(a.SweepWallets(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// SweepWallets does once what the office does every day: it asks the providers
// about every wallet unit that has copies. It says when to do that again.
func (a *App) SweepWallets(ctx context.Context) time.Duration {
	found, err := a.issuance.SweepWallets(ctx)
	if ctx.Err() != nil {
		return sweepWalletsAgain
	}
	a.sweeps.units.Store(int64(found.Units))
	a.sweeps.unknown.Store(int64(found.Unknown))
	for range found.Revoked {
		a.sweeps.revoked()
	}
	if err != nil {
		a.log.Error("looking at the status of wallet units", "units", found.Units, "revoked", found.Revoked, "unknown", found.Unknown, "error", err)
		return sweepWalletsAgain
	}
	a.sweeps.whole.Store(a.opts.Clock.Now().Unix())
	a.log.Info("looked at the status of wallet units", "units", found.Units, "revoked", found.Revoked)
	return sweepWalletsEvery
}
