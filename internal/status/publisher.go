package status

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/statuslist"
)

// Config is what a Publisher needs.
type Config struct {
	Store Store
	// Signer signs every list; Chain is its certificate and those between it
	// and the anchor, DER, leaf first.
	Signer crypto.Signer
	Chain  [][]byte
	Clock  clock.Clock
	Rand   io.Reader
	// PublicURL is that of the office; the aggregation is at AggregationURI.
	PublicURL string
	// Tick, TTL and Expires: zero is the default.
	Tick, TTL, Expires time.Duration
	// OnError is told of a publication that failed; what was served before is
	// served on. It may be nil.
	OnError func(error)
}

// Publisher signs the lists and holds them for serving. It is safe for
// concurrent use.
type Publisher struct {
	cfg      Config
	notAfter time.Time // of the signer's certificate
	kick     chan struct{}
	current  atomic.Pointer[snapshot]

	publishing sync.Mutex // one publication at a time

	missing sync.Mutex
	missed  time.Time
}

// New checks the configuration. Nothing is served before the first Publish.
func New(cfg Config) (*Publisher, error) {
	if cfg.Store == nil || cfg.Signer == nil || len(cfg.Chain) == 0 || cfg.Clock == nil || cfg.Rand == nil || cfg.PublicURL == "" {
		return nil, errors.New("status: store, signer with chain, clock, randomness and public URL are needed")
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&cfg.Tick, DefaultTick}, {&cfg.TTL, DefaultTTL}, {&cfg.Expires, DefaultExpires}} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if cfg.Expires < 2*cfg.TTL || cfg.TTL < time.Second {
		return nil, errors.New("status: a list must count for at least twice its ttl, and that be a second or more")
	}
	leaf, err := x509.ParseCertificate(cfg.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("status: certificate of the signer: %w", err)
	}
	p := &Publisher{cfg: cfg, notAfter: leaf.NotAfter, kick: make(chan struct{}, 1)}
	p.current.Store(&snapshot{editions: map[string]*edition{}})
	return p, nil
}

// AggregationURI is the address of the list of lists.
func AggregationURI(publicURL string) string { return publicURL + "/status" }

// Kick asks for a publication at once, after something was revoked. It does
// not block and may be called at any time.
func (p *Publisher) Kick() {
	select {
	case p.kick <- struct{}{}:
	default: // one is due already, and it will see this change too
	}
}

// Run publishes now, on every tick and after every kick, until ctx ends.
func (p *Publisher) Run(ctx context.Context) {
	tick := time.NewTicker(p.cfg.Tick)
	defer tick.Stop()
	for {
		if err := p.Publish(ctx); err != nil && p.cfg.OnError != nil && ctx.Err() == nil {
			p.cfg.OnError(err)
		}
		// A kick waits out the pause; one more may gather meanwhile.
		pause := time.NewTimer(kickPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.kick:
		}
	}
}

// Publish signs every list that has changed or whose token has reached half of
// its ttl, lets the new objects take the place of the old ones at one instant,
// and marks what waited for them as covered. A list that cannot be published
// stays as it was and does not keep back the others.
func (p *Publisher) Publish(ctx context.Context) error {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	lists, err := p.cfg.Store.Lists(ctx)
	if err != nil {
		return fmt.Errorf("reading status lists: %w", err)
	}
	before := p.current.Load()
	next := &snapshot{editions: maps.Clone(before.editions)}
	var troubles []error
	changed := before.aggregation == nil
	for _, l := range lists {
		old := before.editions[l.ID]
		if old != nil && old.list.Version == l.Version && p.cfg.Clock.Now().Before(old.jwt.IssuedAt.Add(p.cfg.TTL/2)) {
			continue
		}
		e, err := p.edit(ctx, l, old)
		if err != nil {
			troubles = append(troubles, fmt.Errorf("publishing status list %s: %w", l.ID, err))
			continue
		}
		next.editions[l.ID], changed = e, true
	}
	if changed {
		if next.aggregation, err = aggregate(next.editions); err != nil {
			return err
		}
		p.current.Store(next)
	}
	var published []Published
	for id, e := range p.current.Load().editions {
		published = append(published, Published{ID: id, Version: e.list.Version})
	}
	if _, err := p.cfg.Store.MarkCovered(ctx, published, p.cfg.Clock.Now()); err != nil {
		troubles = append(troubles, fmt.Errorf("marking what is covered: %w", err))
	}
	return errors.Join(troubles...)
}

// edit makes the next edition of a list.
func (p *Publisher) edit(ctx context.Context, l List, old *edition) (*edition, error) {
	indices, version, err := p.cfg.Store.Revoked(ctx, l.ID)
	if err != nil {
		return nil, err
	}
	l.Version = version // of the bits that were read, which may be newer
	e := &edition{list: l}
	if old != nil && old.list.Version == version {
		e.bits, e.body = old.bits, old.body
	} else {
		list, err := newBits(indices)
		if err != nil {
			return nil, err
		}
		e.bits = list.Bytes()
		if old != nil && (version < old.list.Version || !covers(e.bits, old.bits)) {
			return nil, fmt.Errorf("the store is at version %d, which takes back what version %d published", version, old.list.Version)
		}
		if e.body, err = statuslist.Build(list); err != nil {
			return nil, err
		}
	}
	return e, p.sign(e, old)
}

// sign makes both tokens of one body.
func (p *Publisher) sign(e, old *edition) error {
	now := p.cfg.Clock.Now().Truncate(time.Second)
	if old != nil && now.Before(old.jwt.IssuedAt) {
		now = old.jwt.IssuedAt // iat never goes back, whatever the clock does
	}
	claims := statuslist.Claims{
		Subject: e.list.URI, IssuedAt: now, Expires: now.Add(p.cfg.Expires), TTL: p.cfg.TTL,
		AggregationURI: AggregationURI(p.cfg.PublicURL),
	}
	if claims.Expires.After(p.notAfter) {
		claims.Expires = p.notAfter
	}
	jwt, err := e.body.SignJWT(p.cfg.Signer, claims, p.cfg.Chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	cwt, err := e.body.SignCWT(p.cfg.Signer, claims, p.cfg.Chain, p.cfg.Rand)
	if err != nil {
		return err
	}
	e.jwt, e.cwt = newObject([]byte(jwt), "application/statuslist+jwt"), newObject(cwt, "application/statuslist+cwt")
	for _, o := range []*Object{e.jwt, e.cwt} {
		o.URI, o.Version, o.IssuedAt, o.Expires, o.TTL = e.list.URI, e.list.Version, now, claims.Expires, p.cfg.TTL
	}
	return nil
}

// Token gives a list as it is served now: FormatJWT or FormatCWT.
// ErrListNotFound. A list that was opened since the last tick is published on
// the way.
func (p *Publisher) Token(ctx context.Context, id string, format statuslist.Format) (*Object, error) {
	e := p.current.Load().editions[id]
	if e == nil && p.mayLook(id) {
		// For everyone, so it goes on when the one who asks hangs up.
		if err := p.Publish(context.WithoutCancel(ctx)); err != nil && p.cfg.OnError != nil {
			p.cfg.OnError(err)
		}
		e = p.current.Load().editions[id]
	}
	switch {
	case e == nil:
		return nil, ErrListNotFound
	case format == statuslist.FormatCWT:
		return e.cwt, nil
	}
	return e.jwt, nil
}

// mayLook lets one look into the store for an unknown id per missPause.
func (p *Publisher) mayLook(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	p.missing.Lock()
	defer p.missing.Unlock()
	now := p.cfg.Clock.Now()
	if d := now.Sub(p.missed); d >= 0 && d < missPause {
		return false
	}
	p.missed = now
	return true
}

// Aggregation gives the list of lists, {"status_lists": [uri...]}; nil before
// the first publication.
func (p *Publisher) Aggregation() *Object { return p.current.Load().aggregation }

// Oldest is the iat of the oldest list that is served, zero when there is
// none: what a gauge of the age of the lists shows.
func (p *Publisher) Oldest() time.Time {
	var oldest time.Time
	for _, e := range p.current.Load().editions {
		if oldest.IsZero() || e.jwt.IssuedAt.Before(oldest) {
			oldest = e.jwt.IssuedAt
		}
	}
	return oldest
}
