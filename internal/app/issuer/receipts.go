package issuer

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"vidimus/internal/delivery"
	"vidimus/internal/registry"
)

// webhook is the address that takes the receipts of a source, "" for none.
func (c *Config) webhook(source string) string {
	for _, s := range c.Sources {
		if s.Issuer == source {
			return s.Webhook
		}
	}
	return ""
}

// webhookSender posts to the registries and the citizens' portal. A state's own
// network may have private addresses; those of the configuration are chosen by
// the operator.
func (c *Config) webhookSender() (*delivery.Webhook, error) {
	opts := delivery.WebhookOptions{AllowPrivate: true, AllowInsecureLoopback: c.Dev}
	if t := c.RegistryTLS; !c.Dev && t.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.Path(t.Certificate), c.Path(t.Key))
		if err != nil {
			return nil, fmt.Errorf("registry_tls: %w", err)
		}
		opts.Certificate = &pair
	}
	return delivery.NewWebhook(opts), nil
}

// receipts makes what brings receipts to their sources and measures them.
func (a *App) receipts() error {
	published := a.metrics.Histogram("vidimus_registry_event_to_published_seconds",
		"From the acceptance of an event that revokes copies until the last of their lists was published, by urgency.",
		[]float64{.1, .25, .5, 1, 2, 5, 15, 60, 300, 1800, 7200, 86400}, "urgent")
	a.meter = registry.NewMeter(a.inbox, publications{published})
	hooks := map[string]string{}
	for _, s := range a.cfg.Sources {
		if s.Webhook != "" {
			hooks[s.Issuer] = s.Webhook
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	sender, err := a.cfg.webhookSender()
	if err != nil {
		return err
	}
	refused := a.metrics.Counter("vidimus_receipts_not_taken_total", "Attempts to bring a receipt to a webhook that failed; it is tried again.")
	a.pusher, err = registry.NewPusher(registry.PusherConfig{
		Inbox: a.inbox, Sender: sender, Hooks: hooks,
		Trouble: func(source string, number uint64, err error) {
			refused()
			a.log.Warn("a receipt was not taken", "source", source, "number", number, "error", err)
		},
	})
	return err
}

// publications counts how long publications took.
type publications struct {
	observe func(value float64, labels ...string)
}

// Published implements registry.Publications.
func (p publications) Published(_ string, urgent bool, took time.Duration) {
	p.observe(took.Seconds(), fmt.Sprint(urgent))
}

// diagnoseWebhook says how far a webhook is behind.
func (a *App) diagnoseWebhook(ctx context.Context, d *Diagnosis, source string) {
	n, err := a.store.Cursor(ctx, "webhook:"+source)
	if err != nil {
		d.add("sources", source+" webhook", Wrong, "see the log", "%v", err)
		return
	}
	rows, err := a.store.Receipts(ctx, source, n, 1)
	switch {
	case err != nil:
		d.add("sources", source+" webhook", Wrong, "see the log", "%v", err)
	case len(rows) > 0 && a.opts.Clock.Now().Sub(rows[0].At) > time.Hour:
		d.add("sources", source+" webhook", Look, "see that the webhook answers 2xx; the log says what it answers", "receipt %d waits since %s", rows[0].Number, stamp(rows[0].At))
	default:
		d.add("sources", source+" webhook", Good, "", "receipts up to %d were taken", n)
	}
}
