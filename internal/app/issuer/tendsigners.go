package issuer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// signersEvery is how often the office looks at its certificates by itself.
const signersEvery = time.Minute

// tendSigners looks at the certificates until ctx ends; Run did so before the first
// answer.
func (a *App) tendSigners(ctx context.Context) {
	tick := time.NewTicker(signersEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.TendSigners(ctx)
		}
	}
}

// TendSigners does once what the office does every minute: it says who signs from now
// on and what is near its end, and brings the published certificates up to date.
func (a *App) TendSigners(ctx context.Context) {
	if err := a.signers.heed(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("reading who of our signers may not sign", "error", err)
	}
	a.announced.mu.Lock()
	now := a.opts.Clock.Now() // not of before the lock: whoever is late would take alarms back
	changes := a.changes(now)
	a.alarm(now)
	a.announced.mu.Unlock()
	for _, id := range changes {
		a.log.Info("another key of a signer signs from now on", "signer", id.name, "key", id.label, "not_after", id.leaf.NotAfter().UTC())
		ev := a.event("signer.turn")
		ev.Detail = map[string]string{"name": id.name, "certificate": fmt.Sprintf("%x", id.leaf.Fingerprint)}
		if err := a.store.Append(ctx, ev); err != nil && ctx.Err() == nil {
			a.log.Error("recording that another key signs", "error", err)
		}
	}
	if dir := a.cfg.Status.Directory; dir != "" && exists(a.cfg.Path(dir)) {
		if err := a.fileSigners(a.cfg.Path(dir)); err != nil {
			a.log.Error("publishing the certificates of document signers", "error", err)
		}
	}
}

// changes gives the generations that have begun to sign since they were looked at.
func (a *App) changes(now time.Time) (out []*identity) {
	for _, name := range slices.Sorted(maps.Keys(a.successions)) {
		s := a.successions[name]
		if !s.running {
			continue
		}
		id := s.at(now)
		if before, known := a.announced.signed[name]; id != nil && known && id != before {
			out = append(out, id)
		}
		if id != nil {
			a.announced.signed[name] = id
		}
	}
	return out
}

// issuing says why nothing is issued for want of a key; nil when every credential
// configuration can be signed.
func (a *App) issuing(ctx context.Context) error {
	errs := []error{a.signer.away()}
	if err := a.signers.heed(ctx); err != nil {
		errs = append(errs, fmt.Errorf("nothing is issued: %w", err))
	}
	now := a.opts.Clock.Now()
	var none []string
	for _, name := range slices.Sorted(maps.Keys(a.successions)) {
		s := a.successions[name]
		if !s.issues || s.at(now) != nil {
			continue
		}
		if halts := s.halts(); halts != "" {
			none = append(none, halts)
		}
		if len(s.halted()) < len(s.generations) {
			none = append(none, fmt.Sprintf("no certificate of signers.%s covers the life of a copy", name))
		}
	}
	if len(none) > 0 {
		errs = append(errs, fmt.Errorf("nothing is issued: %s", strings.Join(none, "; ")))
	}
	return errors.Join(errs...)
}
