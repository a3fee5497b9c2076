package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

// premises is the office of the demo with those who work there: the clerk at
// the desk, and the registry with its feed of events.
type premises struct {
	cfg   issuer.Config
	clock clock.Clock
	stop  context.CancelFunc
	done  chan error // what Run came to; nil before open
}

// tick lets the first list appear soon after a copy needs it. The default, a
// minute, is right for a real office and long for an audience.
const tick = time.Second

// open makes an office and lets it serve. fail is told when it stops by itself.
func (p *premises) open(ctx context.Context, dir string, log *slog.Logger, fail func(error)) error {
	var err error
	if p.cfg, err = issuer.DevOnFreePorts(filepath.Join(dir, "office")); err != nil {
		return err
	}
	p.cfg.Status.Tick = tick
	// One list: what is done by hand on the page fetches it by one command. An
	// office in earnest spreads its copies.
	p.cfg.Status.OpenLists = 1
	if _, err := issuer.Init(ctx, p.cfg, p.clock.Now(), rand.Reader); err != nil {
		return err
	}
	app, err := issuer.New(ctx, p.cfg, issuer.Options{Clock: p.clock, Rand: rand.Reader, Logger: log, Fatal: func(err error) {
		fail(fmt.Errorf("the office's database: %w", err))
	}})
	if err != nil {
		return err
	}
	// The office outlives an interrupt until the story has let go of it.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.done = stop, make(chan error, 1)
	go func() {
		err := app.Run(serving)
		if serving.Err() == nil {
			fail(errors.Join(errors.New("the office stopped"), err))
		}
		p.done <- err
	}()
	return nil
}

// close stops the office and waits until it has written everything.
func (p *premises) close() error {
	if p.done == nil {
		return nil
	}
	p.stop()
	return <-p.done
}

// push sends events of the registry, in order, each once.
func (p *premises) push(ctx context.Context, events ...issuer.FileEvent) ([]issuer.Sent, error) {
	feed, err := p.feed(ctx)
	if err != nil {
		return nil, err
	}
	var sent []issuer.Sent
	return sent, feed.Send(ctx, events, false, func(s issuer.Sent) { sent = append(sent, s) })
}

func (p *premises) feed(ctx context.Context) (*issuer.Feed, error) {
	feed, err := issuer.OpenFeed(ctx, &p.cfg, issuer.FeedConfig{}, p.clock.Now)
	if err == nil {
		feed.Pause = 20 * time.Millisecond
	}
	return feed, err
}

// offer lets the clerk offer all that can be issued to a person.
func (p *premises) offer(ctx context.Context, person string) (*offer, error) {
	desk, err := issuer.OpenDesk(&p.cfg)
	if err != nil {
		return nil, err
	}
	made, err := desk.Offer(ctx, issuer.OfferWish{Person: person, Key: rand.Text()})
	if err != nil {
		return nil, err
	}
	return &offer{ID: made.ID, Link: made.Reference, TxCode: made.TxCode, Expires: made.Expires}, nil
}

// offer is what a person takes home: the link on one way, the code on another.
type offer struct {
	ID, Link, TxCode string
	Expires          time.Time
}

// annul ends a document for good and waits for the receipt which says that no
// published list calls a copy of it valid any more.
func (p *premises) annul(ctx context.Context, number string) (*annulment, error) {
	sent, err := p.push(ctx, issuer.Annulment(number))
	if err != nil {
		return nil, err
	}
	feed, err := p.feed(ctx)
	if err != nil {
		return nil, err
	}
	receipt, err := feed.Settled(ctx, sent[0])
	if err != nil {
		return nil, err
	}
	a := &annulment{State: receipt.State, At: p.clock.Now()}
	if receipt.CoveredAt != 0 {
		a.At = time.Unix(receipt.CoveredAt, 0)
	}
	for _, l := range receipt.Lists {
		a.Versions = append(a.Versions, strconv.FormatUint(l.Version, 10))
	}
	return a, nil
}

// annulment is what the office's receipt says.
type annulment struct {
	State    string // covered or no-copies
	At       time.Time
	Versions []string // of the lists
}
