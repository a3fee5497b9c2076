package issuer

import "vidimus/internal/webserver/metrics"

// issuanceMeter counts what issuance does: it implements issuance.Meter.
type issuanceMeter struct{ issued, deferred, denied, notified func(label string, n int) }

func newIssuanceMeter(m *metrics.Metrics) issuanceMeter {
	return issuanceMeter{
		issued:   m.Counters("vidimus_issued_copies_total", "Copies that were signed and released, by credential configuration.", "configuration"),
		deferred: m.Counters("vidimus_issuance_deferred_total", "Requests whose wallet has to wait, by credential configuration.", "configuration"),
		denied:   m.Counters("vidimus_issuance_denied_total", "Requests that were denied, by credential configuration.", "configuration"),
		notified: m.Counters("vidimus_wallet_notifications_total", "What wallets said of their batches, by event.", "event"),
	}
}

func (m issuanceMeter) Issued(configuration string, copies int) { m.issued(configuration, copies) }
func (m issuanceMeter) Deferred(configuration string)           { m.deferred(configuration, 1) }
func (m issuanceMeter) Denied(configuration string)             { m.denied(configuration, 1) }
func (m issuanceMeter) Notified(event string)                   { m.notified(event, 1) }
