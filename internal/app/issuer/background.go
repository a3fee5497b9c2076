package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
)

// sweepEvery is how often expired offers, tokens and nonces are forgotten: they
// refuse by their own expiry, so nothing waits for it.
const sweepEvery = time.Minute

// sweep forgets what has expired until ctx ends. The store sweeps the records
// of both services in one go.
func (a *App) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := a.issuance.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("sweeping expired records", "error", err)
		}
		if err := a.holders.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("sweeping expired revocation codes", "error", err)
		}
		if a.fleet != nil {
			if err := a.fleet.Sweep(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("sweeping readers", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// publishing counts and logs what went wrong with the lists.
func (a *App) publishing() func(error) {
	a.unlisted = a.metrics.Counter("vidimus_status_publish_failures_total", "Publications of lists that failed; the lists before are served on.")
	return func(err error) {
		a.unlisted()
		a.log.Error("publishing status lists", "error", err)
	}
}

// gauges are what an operator sets alarms on.
func (a *App) gauges() {
	a.metrics.Gauge("vidimus_status_list_age_seconds", "Age of the oldest status list that is served; more than ttl means that publishing fails.", func() float64 {
		oldest := a.publisher.Oldest()
		if oldest.IsZero() {
			return 0
		}
		return a.opts.Clock.Now().Sub(oldest).Seconds()
	})
	a.metrics.Gauges("vidimus_registry_held_events", "Events of a source that wait for an earlier one that is missing.", "source", func(set func(string, float64)) {
		for _, g := range a.inbox.Gaps() {
			set(g.Source, float64(g.Held))
		}
	})
	a.metrics.Gauge("vidimus_audit_lines", "Lines of the audit record.", func() float64 {
		lines, _, err := a.store.AuditSize(context.Background())
		if err != nil {
			return 0
		}
		return float64(lines)
	})
	a.metrics.Gauge("vidimus_notices_waiting", "Notices to holders that wait to be delivered.", func() float64 {
		n, _, err := a.store.WaitingNotices(context.Background())
		if err != nil {
			return 0
		}
		return float64(n)
	})
	a.metrics.Gauge("vidimus_store_commits", "Transactions made durable since the start.", func() float64 { return float64(a.store.Commits()) })
	a.gaugeSigner()
	a.gaugeCRLs()
	a.gaugeCertificates()
}

// expiresSoon is when a certificate is worth a look: two lives of a copy.
const expiresSoon = 28 * 24 * time.Hour

// readiness says whether requests can be served: the store answers, the lists were
// published since the start, and there is a key for every credential.
type readiness struct {
	store     *bolt.Store
	publisher *status.Publisher
	issuing   func(context.Context) error // says why nothing can be issued
}

// Ready implements issuerhttp.Readiness.
func (r readiness) Ready(ctx context.Context) error {
	if faults.Wrong("issuer.ready-anyway") {
		return nil
	}
	if _, err := r.store.Lists(ctx); err != nil {
		return fmt.Errorf("the store does not answer: %w", err)
	}
	if r.publisher.Aggregation() == nil {
		return errors.New("no status list was published yet")
	}
	if err := r.store.Writable(); err != nil {
		return err
	}
	return r.issuing(ctx)
}
