package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"vidimus/internal/faults"
)

// Sender brings one body to an address. Nil means that it was taken.
type Sender interface {
	Send(ctx context.Context, url, contentType string, body []byte) error
}

// PusherConfig is what a Pusher needs.
type PusherConfig struct {
	Inbox  *Inbox
	Sender Sender
	// Hooks are the addresses that take receipts, by source.
	Hooks map[string]string
	// Trouble is told of each receipt that was not taken, for log and metrics;
	// number is its place in the feed. It may be nil.
	Trouble func(source string, number uint64, err error)
}

// Pusher brings receipts to the webhooks of their sources: those of one source
// in order, each at least once, from where it stopped last time.
type Pusher struct {
	cfg  PusherConfig
	wake map[string]chan struct{}
}

// NewPusher checks the configuration.
func NewPusher(cfg PusherConfig) (*Pusher, error) {
	if cfg.Inbox == nil || cfg.Sender == nil {
		return nil, errors.New("registry: a pusher needs an inbox and a sender")
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(string, uint64, error) {}
	}
	p := &Pusher{cfg: cfg, wake: map[string]chan struct{}{}}
	for source := range cfg.Hooks {
		if _, known := cfg.Inbox.sources[source]; !known {
			return nil, fmt.Errorf("registry: a webhook for %s, which is no source", source)
		}
		p.wake[source] = make(chan struct{}, 1)
	}
	return p, nil
}

// Kick says that there may be new receipts. It does not block; without it they
// are looked for each second.
func (p *Pusher) Kick() {
	for _, c := range p.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Run delivers until ctx ends, which is no error, or the store fails.
func (p *Pusher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(p.wake))
	var wg sync.WaitGroup
	for source, wake := range p.wake {
		wg.Go(func() {
			defer cancel() // one store serves all
			errs <- p.serve(ctx, source, wake)
		})
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (p *Pusher) serve(ctx context.Context, source string, wake <-chan struct{}) error {
	t := tail{store: p.cfg.Inbox.store, source: source, cursor: "webhook:" + source, wake: wake}
	return t.run(ctx, func(row ReceiptRow) error { return p.deliver(ctx, source, row) })
}

// deliver tries until the receipt is taken or ctx ends.
func (p *Pusher) deliver(ctx context.Context, source string, row ReceiptRow) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		token, err := p.cfg.Inbox.receipts.sign(row.Outcome, p.cfg.Inbox.clock.Now())
		if err == nil {
			err = p.cfg.Sender.Send(ctx, p.cfg.Hooks[source], "application/"+ReceiptType, []byte(token))
		}
		if err == nil {
			faults.Point("registry.webhook-sent")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.cfg.Trouble(source, row.Number, err)
		// Half of it at random, so that what failed together does not come
		// back together.
		if err := sleep(ctx, p.cfg.Inbox.jitter(wait), nil); err != nil {
			return err
		}
	}
}

// jitter draws from the upper half of a wait.
func (in *Inbox) jitter(wait time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(in.receipts.rand, b[:]); err != nil {
		return wait
	}
	return wait/2 + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(wait/2))
}

// tail follows the receipt rows of one source from a cursor that the store
// keeps.
type tail struct {
	store  Store
	source string
	cursor string
	wake   <-chan struct{}
}

// run hands each row to each, in order, until ctx ends, which is no error. A
// row is not handed out again once the cursor has passed it; that is written
// once a page, so that after a crash at most a page comes again.
func (t tail) run(ctx context.Context, each func(ReceiptRow) error) error {
	done, err := t.store.Cursor(ctx, t.cursor)
	for err == nil {
		var rows []ReceiptRow
		if rows, err = t.store.Receipts(ctx, t.source, done, MaxPage); err != nil {
			break
		}
		reached := done
		for _, row := range rows {
			if err = each(row); err != nil {
				break
			}
			reached = row.Number
		}
		if reached > done {
			// Also when ctx has ended: what was taken is not sent again.
			err = errors.Join(err, t.store.SetCursor(context.WithoutCancel(ctx), t.cursor, reached))
			faults.Point("registry.cursor-kept")
			done = reached
		}
		if err == nil && len(rows) < MaxPage {
			err = sleep(ctx, pollReceipts, t.wake)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("receipts of %s: %w", t.source, err)
}

// sleep waits for d, for wake, or for the end of ctx, which it returns.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err()
}
