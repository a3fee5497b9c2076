package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"vidimus/api/registryclient"
	"vidimus/internal/consolehttp"
	"vidimus/internal/document"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/store/bolt"
)

// walletsName is the office itself as a source of events about wallet units:
// what holders say of their own, and what wallet providers say of theirs.
func (c *Config) walletsName() string { return c.PublicURL + "/wallets" }

// walletsSource is that source as the inbox sees it.
func walletsSource(c *Config, generations []*identity) (registry.Source, error) {
	keys, err := publicKeys(generations)
	if err != nil {
		return registry.Source{}, err
	}
	return registry.Source{
		Name: c.walletsName(), Keys: keys,
		Events: []string{document.NameWalletLost, document.NameWalletUnitRevoked},
	}, nil
}

// ownSource says events in the name of the office, signed like any other and
// through the same inbox: they are counted, audited and receipted alike.
type ownSource struct {
	client *registryclient.Client
	inbox  consolehttp.Inbox
	store  *bolt.Store

	saying sync.Mutex // the numbers of a source follow each other
}

func (a *App) ownSource(id *identity) (*ownSource, error) {
	kid, err := keyThumbprint(id.key)
	if err != nil {
		return nil, err
	}
	return &ownSource{
		client: &registryclient.Client{Source: a.cfg.walletsName(), Audience: a.cfg.PublicURL, Signer: id.key, KeyID: kid, Now: a.opts.Clock.Now, Rand: a.opts.Rand},
		inbox:  consolehttp.Inbox{Events: a.inbox, Store: a.store}, store: a.store,
	}, nil
}

// say has its effect once for each key, however often it is called.
func (o *ownSource) say(ctx context.Context, key string, e registryclient.Event) error {
	digest := sha256.Sum256([]byte(key))
	e.JTI = hex.EncodeToString(digest[:16])
	o.saying.Lock()
	defer o.saying.Unlock()
	switch done, err := o.inbox.Accepted(ctx, o.client.Source, e.JTI); {
	case err != nil:
		return problem.Wrap(problem.Unavailable, err, "try again later")
	case done:
		return nil
	}
	last, err := o.inbox.LastSeq(ctx, o.client.Source)
	if err != nil {
		return problem.Wrap(problem.Unavailable, err, "try again later")
	}
	e.Seq = last + 1
	set, err := o.client.Sign(e)
	if err != nil {
		return problem.Wrap(problem.Unavailable, err, "try again later")
	}
	return o.inbox.Accept(ctx, o.client.Source, set.Token)
}

// Lost implements citizen.Wallets.
func (o *ownSource) Lost(ctx context.Context, person, unit, key string) error {
	copies, err := o.store.WalletCopies(ctx, unit)
	if err != nil {
		return problem.Wrap(problem.Unavailable, err, "try again later")
	}
	for _, c := range copies {
		if c.Person == person {
			return o.say(ctx, "lost "+key, registryclient.Event{Subject: person, Payload: registryclient.WalletLost{Wallet: unit, Reason: "by the holder"}})
		}
	}
	return problem.New(problem.NotFound, "no such wallet")
}

// RevokeWallet implements issuance.Revoker.
func (o *ownSource) RevokeWallet(ctx context.Context, unit string) error {
	return o.say(ctx, "revoked "+unit, registryclient.Event{Subject: unit, Payload: registryclient.WalletUnitRevoked{}})
}
