package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/faults"
	"vidimus/internal/issuance"
	"vidimus/internal/problem"
	"vidimus/internal/rotation"
)

// begun is how long a batch takes from the choice of its key to its last signature,
// at most: a copy that is built after midnight lives until a day later than one that
// was built before.
const begun = time.Hour

// policy is how the generations of a signer follow each other.
func (c *Config) policy(name string, cat *catalog.Catalog) rotation.Policy {
	switch p := c.profile(name); {
	case documentSigner(p):
		return rotation.Policy{Use: c.Rotation.Use, PublishBefore: c.Rotation.PublishBefore, Life: longestLife(cat, name) + begun}
	case name == "status":
		return rotation.Policy{Use: c.Rotation.Use, Life: c.Status.Lifetime}
	}
	return rotation.Policy{}
}

// succeed announces the document signers that are new, and plans who signs when.
func (a *App) succeed(cat *catalog.Catalog, all identities) (err error) {
	if a.announced, err = a.cfg.openAnnouncements(); err != nil {
		return err
	}
	now := a.opts.Clock.Now()
	if err := a.announced.announce(&a.cfg, all, now); err != nil {
		return err
	}
	a.successions = map[string]*succession{}
	for name, generations := range all {
		ofDocuments := documentSigner(a.cfg.profile(name))
		published := a.announced.since
		if !ofDocuments {
			published = nil
		}
		s := succeed(name, generations, a.cfg.policy(name, cat), published)
		s.issues, s.running = longestLife(cat, name) > 0, ofDocuments || name == "status"
		a.successions[name] = s
	}
	return nil
}

// longestLife is that of the copies that a signer signs.
func longestLife(cat *catalog.Catalog, signer string) time.Duration {
	days := 0
	for _, id := range cat.IDs() {
		if cfg, _ := cat.Configuration(id); cfg.Signer == signer {
			days = max(days, cfg.ValidityDays)
		}
	}
	return time.Duration(days) * 24 * time.Hour
}

// documentSigners gives issuance the generation that signs at the moment.
type documentSigners struct {
	clock       clock.Clock
	successions map[string]*succession
	made        map[*identity]*issuance.Signer
	barred      func(context.Context) (barred, error)
	last        atomic.Pointer[barred] // as heed found it
}

// documentSigners joins the generations to what issuance wants to know of them.
func (a *App) documentSigners(all identities) (*documentSigners, error) {
	d := &documentSigners{clock: a.opts.Clock, successions: a.successions, made: map[*identity]*issuance.Signer{}}
	d.barred = func(ctx context.Context) (barred, error) {
		stops, err := a.store.Stops(ctx)
		if err != nil {
			return barred{}, err
		}
		return a.cfg.barred(stops, a.roots, &a.crl)
	}
	for _, generations := range all {
		for _, id := range generations {
			by := id
			if faults.Wrong("issuer.other-signer") {
				by = all["status"][0]
			}
			var err error
			if d.made[id], err = a.cfg.signer(by, a.effects); err != nil {
				return nil, fmt.Errorf("%s: %w", id.label, err)
			}
		}
	}
	return d, nil
}

// Signer implements issuance.Signers: whoever asks once signs a whole batch with the
// answer.
func (d *documentSigners) Signer(ctx context.Context, name string) (*issuance.Signer, error) {
	s, ok := d.successions[name]
	if !ok {
		return nil, errors.New("no signer " + name) // New has looked: not reached
	}
	if err := d.heed(ctx); err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	id := s.at(d.clock.Now())
	if id == nil {
		return nil, problem.New(problem.Unavailable, "nothing is issued at the moment: no certificate of signers.%s covers the life of a copy", name)
	}
	return d.made[id], nil
}

// signing gives the generation of a signer that signs now, for what cannot wait for
// a better one and keeps it until the end of the process.
func (a *App) signing(name string) *identity {
	id := a.successions[name].or(a.opts.Clock.Now())
	a.successions[name].held = id
	return id
}

// statusSigner implements status.Config.Current: lists are signed as long as anybody
// can, though for less than their whole life.
func (a *App) statusSigner(now time.Time) (crypto.Signer, [][]byte) {
	id := a.successions["status"].or(now)
	return id.key, id.chain
}

// signedStatus verifies what a generation of the status signer has signed.
func (a *App) signedStatus(verify func(crypto.PublicKey) error) (err error) {
	for _, id := range a.successions["status"].generations {
		if err = verify(id.key.Public()); err == nil {
			return nil
		}
	}
	return err
}
