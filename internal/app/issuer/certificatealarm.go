package issuer

import (
	"crypto/tls"
	"maps"
	"math"
	"slices"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/rotation"
)

// deadline is an instant after which the office cannot do something.
type deadline struct {
	what  string // the key of the configuration: signers.mdl, iaca, registry_tls
	means string // what cannot be done then
	ends  time.Time
}

// deadlines are those of all keys and certificates, but for lists of revoked ones.
func (a *App) deadlines(now time.Time) []deadline {
	var out []deadline
	for _, name := range slices.Sorted(maps.Keys(a.successions)) {
		out = append(out, a.cfg.signerDeadline(a.successions[name], now))
	}
	for _, r := range []struct {
		name string
		cert *pki.Certificate
	}{{"iaca", a.roots.iaca}, {"operations_ca", a.roots.operations}, {"access_ca", a.roots.access}} {
		out = append(out, deadline{r.name, "nothing below this root counts", r.cert.NotAfter()})
	}
	if a.fleet != nil {
		out = append(out, deadline{"reader_ca", "no reader can ask", a.fleet.Authority().NotAfter()})
	}
	for _, l := range a.listeners {
		out = append(out, deadline{l.key, "nobody can connect", l.ends})
	}
	return out
}

// signerDeadline is when the last generation of a signer cannot sign any more, or before
// that the one that was chosen at the start.
func (c *Config) signerDeadline(s *succession, now time.Time) deadline {
	d := deadline{what: "signers." + s.name, ends: s.stops(now)}
	switch {
	case documentSigner(c.profile(s.name)):
		d.means = "nothing is issued"
	case s.name == "status":
		d.means = "status lists count for less than status.lifetime"
	default:
		d.means = "what it signs counts no more"
	}
	if ends, held := s.holds(now); held && ends.Before(d.ends) {
		d.ends = ends
		d.means += ": it signs with " + s.held.label + " until a restart"
	}
	if halts := s.halts(); halts != "" && !d.ends.After(now) {
		d.means += ": " + halts
	}
	return d
}

// listenerEnd is when the certificate of a listener ends.
type listenerEnd struct {
	key  string // of the configuration
	ends time.Time
}

// noteListener keeps when the certificate of a listener ends; nil is one without TLS.
func (a *App) noteListener(key string, config *tls.Config) {
	if config != nil && len(config.Certificates) > 0 && config.Certificates[0].Leaf != nil {
		a.listeners = append(a.listeners, listenerEnd{key, config.Certificates[0].Leaf.NotAfter})
	}
}

// alarm says, once for each threshold, what nears its end, and once who may not sign.
func (a *App) alarm(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(a.successions)) {
		s := a.successions[name]
		for _, id := range s.halted() {
			if !a.announced.halted[id] {
				a.announced.halted[id] = true
				a.log.Error("a key of ours may not sign any more", "key", id.label, "key_id", id.keyID, "why", s.barred(id).String(), "remedy", "docs/OPERATIONS.md, Certificate alarms")
			}
		}
	}
	for _, d := range a.deadlines(now) {
		level := rotation.Alarm(d.ends, now)
		before := a.announced.told[d.what]
		a.announced.told[d.what] = level
		if level <= before {
			continue
		}
		say := a.log.Warn
		if level >= rotation.Day {
			say = a.log.Error
		}
		say("certificate alarm", "what", d.what, "left", level.String(), "at", d.ends.UTC(), "then", d.means, "remedy", "docs/OPERATIONS.md, Certificate alarms")
	}
}

// gaugeCertificates shows how long everything still goes on.
func (a *App) gaugeCertificates() {
	a.metrics.Gauges("vidimus_rotation_seconds_left", "Until the office cannot do something any more for want of a certificate: see the runbook of certificate alarms.", "what", func(set func(string, float64)) {
		now := a.opts.Clock.Now()
		for _, d := range a.deadlines(now) {
			set(d.what, d.ends.Sub(now).Seconds())
		}
	})
	a.metrics.Gauge("vidimus_certificate_seconds_left", "The least of vidimus_rotation_seconds_left.", func() float64 {
		now := a.opts.Clock.Now()
		first := math.Inf(1)
		for _, d := range a.deadlines(now) {
			first = min(first, d.ends.Sub(now).Seconds())
		}
		return first
	})
}
