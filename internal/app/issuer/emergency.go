package issuer

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/diagnosis"
	"vidimus/internal/emergency"
	"vidimus/internal/officer"
	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
	"vidimus/internal/trust"
)

// tendEmergencyEvery is how often what is left of an emergency goes on: a wave of
// notices, a run that a crash cut short.
const tendEmergencyEvery = time.Minute

// emergencyOfficer finds an officer who may say a word in an emergency: one who
// proposes and confirms at the console, and comes with a key.
func (c *Config) emergencyOfficer(id string) (emergency.Officer, bool) {
	for _, o := range accounts(c.Officers()) {
		if o.ID == id && !o.Disabled && o.May(officer.PowerPropose) && o.May(officer.PowerConfirm) {
			return emergency.Officer{ID: o.ID, Human: o.Human, Pins: o.Pins}, true
		}
	}
	return emergency.Officer{}, false
}

// emergencyHumans counts the humans who could decide on an emergency.
func (c *Config) emergencyHumans() int {
	humans := map[string]bool{}
	for _, o := range c.Officers() {
		if e, may := c.emergencyOfficer(o.ID); may && len(e.Pins) > 0 {
			humans[e.Human] = true
		}
	}
	return len(humans)
}

// newEmergency makes the service over a store.
func (c *Config) newEmergency(store *bolt.Store, clk clock.Clock, rand io.Reader, change func(*emergency.Parts)) (*emergency.Service, error) {
	p := emergency.Parts{
		Office: c.PublicURL, Store: store, Audit: store, Officers: c.emergencyOfficer, Clock: clk, Rand: rand,
		Configured: func(kind emergency.Kind) []string {
			if kind == emergency.OfRegistry {
				return c.sourceNames()
			}
			return nil
		},
		Types: func(source string) []string {
			for _, s := range c.Sources {
				if s.Issuer == source {
					return slices.Clone(s.DocumentTypes)
				}
			}
			return nil
		},
		Signing:  func([]string) []string { return nil },
		Versions: func(ctx context.Context) (map[string]uint64, error) { return listVersions(ctx, store) },
	}
	change(&p)
	return emergency.New(p)
}

func (c *Config) sourceNames() []string {
	out := []string{c.consoleName()}
	for _, s := range c.Sources {
		out = append(out, s.Issuer)
	}
	return out
}

func listVersions(ctx context.Context, store status.Store) (map[string]uint64, error) {
	lists, err := store.Lists(ctx)
	out := map[string]uint64{}
	for _, l := range lists {
		out[l.URI] = l.Version
	}
	return out, err
}

// emergencies makes what the office does in an emergency.
func (a *App) emergencies() (err error) {
	var revoked atomic.Int64
	a.emergency, err = a.cfg.newEmergency(a.store, a.opts.Clock, a.opts.Rand, func(p *emergency.Parts) {
		sources := p.Configured
		p.Configured = func(kind emergency.Kind) []string {
			switch kind {
			case emergency.OfKey:
				return a.documentKeys()
			case emergency.OfWalletProvider:
				return a.providers.names(a.opts.Clock.Now())
			}
			return sources(kind)
		}
		p.Keys = a.announced.names
		p.Signing, p.Publish = a.signingKeys, a.publisher.Publish
		p.Meter = func(copies int) { revoked.Add(int64(copies)) }
	})
	if err != nil {
		return err
	}
	a.metrics.Gauge("vidimus_emergency_copies_revoked", "Copies that emergencies revoked since the start.", func() float64 { return float64(revoked.Load()) })
	a.metrics.Gauge("vidimus_emergency_plans_running", "Emergencies that have begun, and are neither done nor published.", func() float64 {
		plans, err := a.emergency.Plans(context.Background())
		if err != nil {
			return 0
		}
		n := 0
		for _, p := range plans {
			switch p.Stage(a.opts.Clock.Now()) {
			case emergency.Running, emergency.Paused, emergency.Ended:
				n++
			}
		}
		return float64(n)
	})
	a.metrics.Gauge("vidimus_emergency_stops", "Keys, wallet providers and registries that an emergency stopped.", func() float64 {
		stops, err := a.store.Stops(context.Background())
		if err != nil {
			return 0
		}
		return float64(len(stops))
	})
	return nil
}

// signingKeys are the ids of the keys that sign copies of configurations now, nil
// being all, or would, where an emergency stopped those of a signer.
func (a *App) signingKeys(configurations []string) []string {
	var out []string
	add := func(key string) {
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	for _, id := range a.records.catalog.IDs() {
		if configurations != nil && !slices.Contains(configurations, id) {
			continue
		}
		cfg, _ := a.records.catalog.Configuration(id)
		if s, err := a.signers.Signer(context.Background(), cfg.Signer); err == nil {
			add(s.KeyID)
			continue
		}
		for _, g := range a.successions[cfg.Signer].halted() {
			add(a.signers.made[g].KeyID)
		}
	}
	slices.Sort(out)
	return out
}

// documentKeys are those of every generation that may sign copies.
func (a *App) documentKeys() []string {
	out := a.signingKeys(nil)
	for id, s := range a.signers.made {
		if documentSigner(a.cfg.profile(id.name)) && !slices.Contains(out, s.KeyID) {
			out = append(out, s.KeyID)
		}
	}
	slices.Sort(out)
	return out
}

// names are those of the keys whose certificates were published, retired ones too.
func (a *announcements) names() emergency.KeyNames {
	var out emergency.KeyNames
	for _, e := range a.all {
		out = append(out, emergency.KeyName{ID: e.keyID, Signer: e.Signer, CommonName: e.leaf.Cert.Subject.CommonName, Serial: e.leaf.Serial()})
	}
	return out
}

// names are the wallet providers that are trusted now, as records name them.
func (p *walletProviders) names(now time.Time) []string {
	var out []string
	for _, use := range []string{forWallets, forKeys} {
		for _, a := range p.anchors(now, []string{use}, trust.WalletIssuance, trust.WalletRevocation) {
			if !slices.ContainsFunc(out, func(name string) bool { return name == a.Provider }) {
				out = append(out, a.Provider)
			}
		}
	}
	return out
}

// tendEmergencies goes on with what emergencies left to do, until ctx ends.
func (a *App) tendEmergencies(ctx context.Context) {
	tick := time.NewTicker(tendEmergencyEvery)
	defer tick.Stop()
	for {
		if err := a.emergency.Tend(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("going on with an emergency", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// diagnoseEmergencies says what is stopped, and what is not at its end.
func (a *App) diagnoseEmergencies(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	stops, err := a.emergency.Stops(ctx)
	if err != nil {
		d.Add("emergency", "stops", diagnosis.Wrong, "see the log", "%v", err)
		return
	}
	signing := a.signingKeys(nil)
	for _, s := range stops {
		grade, remedy := diagnosis.Look, "none: the stop of a key is for ever"
		switch {
		case s.Kind != emergency.OfKey:
			remedy = fmt.Sprintf("once it is safe again: issuer emergency propose --lift --%s %s", s.Kind, s.Value)
		case slices.Contains(signing, s.Value):
			grade, remedy = diagnosis.Wrong, "nothing is issued with it: install a new signer (docs/OPERATIONS.md, Emergency)"
		}
		d.Add("emergency", s.Line(nil), grade, remedy, "stopped since %s by plan %s", stamp(time.Unix(s.Since, 0)), s.Plan)
	}
	plans, err := a.emergency.Plans(ctx)
	if err != nil {
		d.Add("emergency", "plans", diagnosis.Wrong, "see the log", "%v", err)
		return
	}
	for _, p := range plans {
		switch stage := p.Stage(now); stage {
		case emergency.Running, emergency.Ended:
			d.Add("emergency", p.ID, diagnosis.Look, "none: it goes on by itself", "%s, %d copies revoked of %d that were counted", stage, p.Revoked, p.Counts.Copies)
		case emergency.Paused:
			d.Add("emergency", p.ID, diagnosis.Wrong, "issuer emergency resume "+p.ID, "paused, %d copies revoked of %d that were counted", p.Revoked, p.Counts.Copies)
		case emergency.Waiting, emergency.Approved:
			d.Add("emergency", p.ID, diagnosis.Look, "approve or run it, or let it expire", "%s until %s: %s, %d copies", stage, stamp(p.Expires), p.Scope, p.Counts.Copies)
		}
	}
	if n := a.cfg.emergencyHumans(); n < 2 && !a.cfg.Dev {
		d.Add("emergency", "officers", diagnosis.Look, "give two editors of different human certificates and their pins in console.officers", "%d humans could decide on an emergency, two are needed", n)
	}
}

// remarked is a readiness that says beside yes what an emergency stopped.
type remarked struct {
	readiness
	app *App
}

// Remarks implements what issuerhttp.Health asks for.
func (r remarked) Remarks(ctx context.Context) string {
	var b strings.Builder
	stops, err := r.app.store.Stops(ctx)
	if err != nil {
		return ""
	}
	for _, s := range stops {
		fmt.Fprintf(&b, "stopped: %s %s\n", s.Kind, s.Value)
	}
	return b.String()
}
