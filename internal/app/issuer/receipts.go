package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"vidimus/internal/delivery"
	"vidimus/internal/diagnosis"
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
// network may have private addresses and CAs of its own; those of the
// configuration are chosen by the operator.
func (c *Config) webhookSender(roots string) (*delivery.Webhook, error) {
	opts := delivery.WebhookOptions{AllowPrivate: true, AllowInsecureLoopback: c.Dev}
	if roots != "" {
		data, err := os.ReadFile(c.Path(roots))
		if err != nil {
			return nil, fmt.Errorf("webhook_roots: %w", err)
		}
		opts.Roots = x509.NewCertPool()
		if !opts.Roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("webhook_roots: %s holds no certificate", c.Path(roots))
		}
	}
	if t := c.RegistryTLS; !c.Dev && t.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.Path(t.Certificate), c.Path(t.Key))
		if err != nil {
			return nil, fmt.Errorf("registry_tls: %w", err)
		}
		opts.Certificate = &pair
	}
	return delivery.NewWebhook(opts), nil
}

// hookSenders posts to each address as its source wants it.
type hookSenders map[string]*delivery.Webhook

// Send implements registry.Sender.
func (h hookSenders) Send(ctx context.Context, url, contentType string, body []byte) error {
	return h[url].Send(ctx, url, contentType, body)
}

// receipts makes what brings receipts to their sources and measures them.
func (a *App) receipts() error {
	published := a.metrics.Histogram("vidimus_registry_event_to_published_seconds",
		"From the acceptance of an event that revokes copies until the last of their lists was published, by urgency.",
		[]float64{.1, .25, .5, 1, 2, 5, 15, 60, 300, 1800, 7200, 86400}, "urgent")
	a.meter = registry.NewMeter(a.inbox, publications{published})
	hooks, senders := map[string]string{}, hookSenders{}
	for _, s := range a.cfg.Sources {
		if s.Webhook == "" {
			continue
		}
		sender, err := a.cfg.webhookSender(s.WebhookRoots)
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Issuer, err)
		}
		hooks[s.Issuer], senders[s.Webhook] = s.Webhook, sender
	}
	if len(hooks) == 0 {
		return nil
	}
	var err error
	refused := a.metrics.Counter("vidimus_receipts_not_taken_total", "Attempts to bring a receipt to a webhook that failed; it is tried again.")
	a.pusher, err = registry.NewPusher(registry.PusherConfig{
		Inbox: a.inbox, Sender: senders, Hooks: hooks,
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
func (a *App) diagnoseWebhook(ctx context.Context, d *diagnosis.Diagnosis, source string) {
	n, err := a.store.Cursor(ctx, "webhook:"+source)
	if err != nil {
		d.Add("sources", source+" webhook", diagnosis.Wrong, "see the log", "%v", err)
		return
	}
	rows, err := a.store.Receipts(ctx, source, n, 1)
	switch {
	case err != nil:
		d.Add("sources", source+" webhook", diagnosis.Wrong, "see the log", "%v", err)
	case len(rows) > 0 && a.opts.Clock.Now().Sub(rows[0].At) > time.Hour:
		d.Add("sources", source+" webhook", diagnosis.Look, "see that the webhook answers 2xx; the log says what it answers", "receipt %d waits since %s", rows[0].Number, stamp(rows[0].At))
	default:
		d.Add("sources", source+" webhook", diagnosis.Good, "", "receipts up to %d were taken", n)
	}
}
