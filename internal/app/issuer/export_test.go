package issuer

import (
	"context"
	"log/slog"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
	"vidimus/internal/signer/socket"
	"vidimus/internal/store/bolt"
)

// Tick does what the office does at each tick of its lists.
func (a *App) Tick(ctx context.Context) error { return a.publisher.Publish(ctx) }

// Due does what the office does each second: what time alone brings about.
func (a *App) Due(ctx context.Context) error {
	_, err := a.inbox.ApplyDue(ctx)
	return err
}

// Notify makes one attempt at each notice that is due.
func (a *App) Notify(ctx context.Context) error {
	_, err := a.notices.Deliver(ctx)
	return err
}

// Store is the store of the office.
func (a *App) Store() *bolt.Store { return a.store }

// RefreshTrustedLists does what the office does every day.
func (a *App) RefreshTrustedLists(ctx context.Context) time.Duration {
	return a.providers.lists.refresh(ctx)
}

// MaxServerKeysWaiters and ServerKeys are the keys of another authorization
// server.
const MaxServerKeysWaiters = maxServerKeysWaiters

func ServerKeys(issuer, uri string, client *fetch.Client, clock clock.Clock, log *slog.Logger) func(context.Context, string) (*jose.Key, error) {
	return (&serverKeys{issuer: issuer, uri: uri, dev: true, client: client, clock: clock, log: log}).key
}

// SignerAway looks once at the signer process behind client, as the office does every
// ten seconds, and says what it knows then.
func (a *App) SignerAway(ctx context.Context, client *socket.Client) error {
	a.lookAtSigner(ctx, client)
	return a.issuing(ctx)
}

// Remedies are what a doctor says of a signer that needs another key.
func (c *Config) Remedies(name string) []string {
	return []string{c.newRemedy(name), c.nextRemedy(name)}
}
