package issuer

import (
	"context"
	"sync"
	"time"

	"vidimus/internal/store/bolt"
)

// retainEvery is how often what is past its time is deleted, retainStep how
// many records at a time: between two steps others write.
const (
	retainEvery = time.Hour
	retainStep  = 500
)

// work starts everything that goes on beside the requests, until ctx ends.
func (a *App) work(ctx context.Context, wg *sync.WaitGroup) {
	loop := func(what string, run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				a.log.Error(what+" has ended", "error", err)
			}
		})
	}
	wg.Go(func() { a.publisher.Run(ctx) })
	wg.Go(func() { a.sweep(ctx) })
	wg.Go(func() { a.retain(ctx) })
	wg.Go(func() { a.tendRevocations(ctx) })
	wg.Go(func() { a.tendEmergencies(ctx) })
	wg.Go(func() { a.tendSigners(ctx) })
	if a.keys.far != nil {
		wg.Go(func() { a.watchSigner(ctx, a.keys.far) })
	}
	wg.Go(func() { a.tree.Run(ctx) })
	if len(a.providers.lists.lists) > 0 {
		wg.Go(func() { a.providers.lists.run(ctx) })
	}
	if a.sweeps != nil {
		wg.Go(func() { a.sweepWallets(ctx) })
	}
	loop("telling holders", a.notices.Run)
	loop("bringing about what time does", a.inbox.RunDue)
	loop("measuring publications", a.meter.Run)
	if a.pusher != nil {
		loop("bringing receipts to webhooks", a.pusher.Run)
	}
	if a.desk != nil {
		loop("tending the console", a.tendConsole)
	}
}

// retain deletes what is past its time, and destroys the keys of the audit
// record that are.
func (a *App) retain(ctx context.Context) {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		a.Retain(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Retain does once what the office does every hour.
func (a *App) Retain(ctx context.Context) {
	now, r := a.opts.Clock.Now(), a.cfg.Retention
	rules := bolt.Retention{
		Events: r.Tokens, Outcomes: r.Outcomes, Copies: r.Copies, History: r.History, Notices: r.Notices, Wallets: r.Wallets,
	}
	for ctx.Err() == nil {
		done, err := a.store.Retain(ctx, now, rules, retainStep)
		if err != nil {
			a.log.Error("deleting what is past its time", "error", err)
			return
		}
		if done.Total() == 0 {
			break
		}
		a.log.Info("deleted what is past its time", "deleted", done)
	}
	months, err := a.pseudonyms.Destroy(now.Add(-r.AuditKeys))
	if err != nil {
		a.log.Error("destroying keys of the audit record", "error", err)
		return
	}
	for _, m := range months {
		a.log.Info("destroyed a key of the audit record: nobody can tell any more who its lines are about", "month", m)
		ev := a.event("audit.key.destroy")
		ev.Detail = map[string]string{"reason": m}
		if err := a.store.Append(ctx, ev); err != nil {
			a.log.Error("recording that a key was destroyed", "error", err)
		}
	}
}
