package status

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"vidimus/internal/clock"
)

// Config is what a Publisher needs.
type Config struct {
	Store Store
	// Signer signs every list; Chain is its certificate and those between it
	// and the anchor, DER, leaf first.
	Signer crypto.Signer
	Chain  [][]byte
	// Current gives the signer and its chain for one publication, at whose beginning
	// it is called; nil is always Signer and Chain.
	Current func(now time.Time) (crypto.Signer, [][]byte)
	Clock   clock.Clock
	Rand    io.Reader
	// PublicURL is that of the office; the aggregation is at AggregationURI.
	PublicURL string
	// Schedule is the one that the store was opened with; nil is one of ticks
	// alone, at every Tick.
	Schedule *Mixing
	// Cover is how many flips, real and noise, a window has at least; 0 makes
	// no noise. It needs a Schedule that mixes.
	Cover int
	// Tick, TTL and Expires: zero is the default. With a Schedule its tick
	// counts.
	Tick, TTL, Expires time.Duration
	// Offline is how long readers are without a network at most: lists count
	// at least as long, even when Expires is less. 0 asks for nothing.
	Offline time.Duration
	// Sink gets what is served, before it is served. It may be nil.
	Sink Sink
	// OnError is told of a publication that failed; what was served before is
	// served on. It is told of a clock that went back and of a certificate
	// that ends too soon, at most once an hour each. It may be nil.
	OnError func(error)
	// Measure is told of what was published. It may be nil.
	Measure *Measure
}

// Measure is what a Publisher tells those who keep figures. Any may be nil.
type Measure struct {
	// Published: so many lists were signed anew in one publication, which took
	// so long from reading the store to serving and writing them.
	Published func(lists int, took time.Duration)
	// Lag: from the tick, or the urgent event, at which flips were due until
	// they could be fetched.
	Lag func(time.Duration)
}

// Publisher signs the lists and holds them for serving. It is safe for
// concurrent use.
type Publisher struct {
	cfg     Config
	kick    chan struct{}
	current atomic.Pointer[snapshot]

	publishing sync.Mutex // one publication at a time; guards what follows
	signer     signer
	past       map[string]Past
	begun      bool
	planned    uint64          // the last window with noise
	unwritten  map[string]bool // ids of lists that the sink lacks
	removed    map[string]bool // ids that the sink is to remove
	writing    *writing        // what the sink has not come to the end of
	warned     map[string]time.Time

	waiting atomic.Int64 // since when something is due, Unix nanoseconds; 0: nothing

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
	if cfg.Schedule == nil {
		cfg.Schedule = NewSchedule(cfg.Tick, 0, 0)
	}
	cfg.Expires = max(cfg.Expires, cfg.Offline)
	if cfg.Expires < 2*cfg.TTL || cfg.TTL < time.Second {
		return nil, errors.New("status: a list must count for at least twice its ttl, and that be a second or more")
	}
	if cfg.Cover > 0 && cfg.Schedule.mix == 0 {
		return nil, errors.New("status: noise needs windows to be mixed in")
	}
	first, err := newSigner(cfg.Signer, cfg.Chain)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	if cfg.Measure == nil {
		cfg.Measure = &Measure{}
	}
	p := &Publisher{
		cfg: cfg, signer: first, kick: make(chan struct{}, 1),
		past: map[string]Past{}, unwritten: map[string]bool{}, removed: map[string]bool{}, warned: map[string]time.Time{},
	}
	p.current.Store(&snapshot{lists: map[string]*shard{}})
	return p, nil
}

// AggregationURI is the address of the list of lists.
func AggregationURI(publicURL string) string { return publicURL + "/status" }

// Kick asks for a publication at once, after something urgent was revoked or a
// list was opened; what is not urgent waits for its tick. It does not block
// and may be called at any time.
func (p *Publisher) Kick(urgent bool) {
	if !urgent {
		return
	}
	p.waiting.CompareAndSwap(0, p.cfg.Clock.Now().UnixNano())
	select {
	case p.kick <- struct{}{}:
	default: // one is due already, and it will see this change too
	}
}

// Run publishes now, on every tick and after every kick, until ctx ends.
func (p *Publisher) Run(ctx context.Context) {
	for {
		next := p.cfg.Schedule.Next(p.cfg.Clock.Now())
		if err := p.Publish(ctx); err != nil && ctx.Err() == nil {
			p.report(err)
		}
		// A kick waits out the pause; one more may gather meanwhile.
		pause, tick := time.NewTimer(kickPause), time.NewTimer(max(next.Sub(p.cfg.Clock.Now()), kickPause))
		select {
		case <-ctx.Done():
		case <-pause.C:
			select {
			case <-ctx.Done():
			case <-tick.C:
				p.waiting.CompareAndSwap(0, next.UnixNano())
			case <-p.kick:
			}
		}
		pause.Stop()
		tick.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (p *Publisher) report(err error) {
	if p.cfg.OnError != nil {
		p.cfg.OnError(err)
	}
}

// alarm reports a trouble that lasts, now and then.
func (p *Publisher) alarm(kind string, err error) {
	now := p.cfg.Clock.Now()
	if last, ok := p.warned[kind]; ok && now.Sub(last).Abs() < alarmPause {
		return
	}
	p.warned[kind] = now
	p.report(err)
}
