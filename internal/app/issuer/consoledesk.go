package issuer

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/consolehttp"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/webserver"
)

// LoginLink is what `issuer officer link` gets.
type LoginLink = officer.LoginLink

// consoleName is the console as a source of events.
func (c *Config) consoleName() string { return c.PublicURL + "/console" }

// consoleURL is where officers find the console.
func (c *Config) consoleURL() string {
	if c.Console.PublicURL == "" && c.Dev {
		return "http://" + c.Listen.Console
	}
	return c.Console.PublicURL
}

// Officers are those of the configuration, with --dev the sample officers when
// there are none.
func (c *Config) Officers() []Officer {
	if len(c.Console.Officers) > 0 || !c.Dev {
		return c.Console.Officers
	}
	return []Officer{
		{ID: "anna", Name: "Anna Sample", Human: "1", Roles: []string{"editor"}},
		{ID: "ben", Name: "Ben Sample", Human: "2", Roles: []string{"editor"}},
		{ID: "carla", Name: "Carla Sample", Human: "3", Roles: []string{"auditor"}},
	}
}

// hasConsole says whether there is a console: without officers there is none.
func (c *Config) hasConsole() bool { return c.Listen.Console != "" && len(c.Officers()) > 0 }

// consoleSource is the console as the inbox sees it: measures, of every kind.
func consoleSource(c *Config, generations []*identity) (registry.Source, error) {
	keys, err := publicKeys(generations)
	if err != nil {
		return registry.Source{}, err
	}
	return registry.Source{
		Name: c.consoleName(), Keys: keys,
		Events: []string{document.NameMeasureAdded, document.NameMeasureLifted},
		Kinds:  []string{document.KindDriving}, Measures: document.MeasureKinds(),
	}, nil
}

// publicKeys are those of all generations, by key id: what one of them has signed
// stays signed.
func publicKeys(generations []*identity) (map[string]crypto.PublicKey, error) {
	out := map[string]crypto.PublicKey{}
	for _, id := range generations {
		kid, err := keyThumbprint(id.key)
		if err != nil {
			return nil, err
		}
		out[kid] = id.key.Public()
	}
	return out, nil
}

func keyThumbprint(key crypto.Signer) (string, error) {
	t, err := jose.Thumbprint(key.Public())
	return jose.EncodeBase64URL(t), err
}

// officers makes the service behind the console.
func (a *App) officers(id *identity) error {
	if !a.cfg.hasConsole() {
		return nil
	}
	kid, err := keyThumbprint(id.key)
	if err != nil {
		return err
	}
	cfg := officer.Config{
		Source: a.cfg.consoleName(), Audience: a.cfg.PublicURL, LoginURL: a.cfg.consoleURL() + consolehttp.LoginPath, Table: a.effects,
	}
	cfg.Officers = accounts(a.cfg.Officers())
	desk, err := officer.New(cfg, officer.Parts{
		Store: a.store, Records: a.records, Inbox: consolehttp.Inbox{Events: a.inbox, Store: a.store}, Trail: a.store, Audit: a.store,
		Key: id.key, KeyID: kid, Clock: a.opts.Clock, Rand: a.opts.Rand,
	})
	if err != nil {
		return err
	}
	a.desk = desk
	return nil
}

// tendConsole finishes what officers confirmed and a crash cut short, and
// forgets what has ended.
func (a *App) tendConsole(ctx context.Context) error {
	if err := a.desk.Repair(ctx); err != nil {
		a.log.Error("sending what officers confirmed", "error", err)
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := errors.Join(a.desk.Retry(ctx), a.desk.Sweep(ctx)); err != nil && ctx.Err() == nil {
			a.log.Error("tending the console", "error", err)
		}
	}
}

// accounts are the officers of the configuration.
func accounts(officers []Officer) []officer.Officer {
	out := make([]officer.Officer, len(officers))
	for i, o := range officers {
		roles := make([]officer.Role, len(o.Roles))
		for i, r := range o.Roles {
			roles[i] = officer.Role(r)
		}
		out[i] = officer.Officer{ID: o.ID, Name: o.Name, Human: o.Human, Roles: roles, Pins: o.Pins, Disabled: o.Disabled}
	}
	return out
}

// consoleTLS is the TLS of the console: nil in development. Officers may come
// with certificates, or with a link.
func (c *Config) consoleTLS(now clock.Clock) (*tls.Config, error) {
	if c.Dev || !c.hasConsole() {
		return nil, nil
	}
	return c.listenerTLS("console.tls", c.Console.TLS, tls.VerifyClientCertIfGiven, now)
}

// console is the officers' listener.
func (a *App) console() (http.Handler, error) {
	e, err := a.engine("console")
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(a.cfg.Console.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("console.time_zone: %w", err)
	}
	if err := consolehttp.Console(e, consolehttp.Config{
		Officers: a.desk, Office: consolehttp.FromStore(a.store, a.inbox), PublicURL: a.cfg.consoleURL(), Zone: zone,
		Territory: a.cfg.Authority.Country, Clock: a.opts.Clock, Requests: a.issuance, Offers: consoleOffers{a},
	}); err != nil {
		return nil, err
	}
	if a.cfg.Dev {
		return webserver.LoopbackOnly(e), nil
	}
	return e, nil
}

var errNoConsole = problem.New(problem.NotFound, "there is no console: console.officers names nobody")

// Link implements issuerhttp.Operator.
func (a *App) Link(ctx context.Context, id string) (any, error) {
	if a.desk == nil {
		return nil, errNoConsole
	}
	return a.desk.MintLink(ctx, id, "office")
}

// validRole says whether the configuration may name a role.
func validRole(r string) bool { return slices.Contains(officer.Roles(), officer.Role(r)) }
