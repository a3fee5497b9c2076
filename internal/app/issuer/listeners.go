package issuer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"syscall"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/webserver"
)

// Wrong transaction codes for real offers from one client address: a person who
// mistypes is not stopped, a program that tries is, long before the tries of an
// offer matter. Random codes and tokens do not count: they would lock out all
// who share an address.
const (
	guessesPerSecond = 0.2
	guessesBurst     = 20
)

// Requests of one registry: single pushes come one by one, a bulk load comes in
// batches of 500, four of which a second are 2,000 records.
const (
	registryPerSecond = 100
	registryBurst     = 1000
)

// listen makes the handlers and binds their listeners.
func (a *App) listen() error {
	tlsConfig, err := a.cfg.registryTLS(a.opts.Clock)
	if err != nil {
		return err
	}
	consoleTLS, err := a.cfg.consoleTLS(a.opts.Clock)
	if err != nil {
		return err
	}
	a.noteListener("registry_tls", tlsConfig)
	a.noteListener("console.tls", consoleTLS)
	l := a.cfg.Listen
	for _, s := range []struct {
		name, addr string
		handler    func() (http.Handler, error)
		tls        *tls.Config
	}{
		{"public", l.Public, a.public, nil},
		{"registry", l.Registry, a.registry, tlsConfig},
		{"office", l.Office, a.office, nil},
		{"metrics", l.Metrics, a.private, nil},
		{"console", l.Console, a.console, consoleTLS},
	} {
		if s.name == "console" && !a.cfg.hasConsole() {
			continue
		}
		h, err := s.handler()
		if err != nil {
			return err
		}
		server, err := webserver.Listen(s.name, s.addr, standing(h, s.tls, a.log), s.tls, a.log)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("listen.%s: another program has %s, perhaps another office: end it, or name another port in listen.%s: %w", s.name, s.addr, s.name, err)
		}
		if err != nil {
			return fmt.Errorf("listen.%s: %w", s.name, err)
		}
		a.servers = append(a.servers, server)
	}
	return nil
}

func (a *App) engine(name string, proxies ...netip.Prefix) (*webserver.Engine, error) {
	return webserver.New(webserver.Config{
		Listener: name, Log: a.log, Clock: a.opts.Clock, Rand: a.opts.Rand, Recorder: a.metrics, TrustedProxies: proxies,
	})
}

// public is for wallets, and for whoever reads status lists.
func (a *App) public() (http.Handler, error) {
	var proxies []netip.Prefix
	for _, p := range a.cfg.TrustedProxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, fmt.Errorf("trusted_proxies: %w", err)
		}
		proxies = append(proxies, prefix)
	}
	e, err := a.engine("public", proxies...)
	if err != nil {
		return nil, err
	}
	cfg := issuerhttp.PublicConfig{
		URL: a.cfg.PublicURL, Credentials: a.issuance, Lists: a.publisher, Signers: a, Bundles: a, Trust: a,
		Ready: readiness{a.store, a.publisher, a.issuing},

		DocumentSigners: a,

		Limit:   webserver.NewLimiter(a.cfg.RateLimit.PerSecond, a.cfg.RateLimit.Burst),
		Guesses: webserver.NewLimiter(guessesPerSecond, guessesBurst),
		Busy:    a.issuance.Busy,
	}
	if a.fleet != nil {
		cfg.Readers = a
	}
	a.tokenServer(&cfg)
	a.metadata.serve(&cfg)
	a.cfg.Leniency.apply(&cfg)
	if err := a.codeFlow(&cfg); err != nil {
		return nil, err
	}
	if cfg.Sealer != nil {
		if err := a.citizens(e, cfg.Sealer, cfg.Limit); err != nil {
			return nil, err
		}
	}
	return e, issuerhttp.Public(e, cfg)
}

// registry is for registries. Whoever comes this far has a certificate of
// registry_tls.client_ca, or is on this machine in --dev; the rate bounds what a
// source gone wrong writes into the audit log.
func (a *App) registry() (http.Handler, error) {
	peer := func(*http.Request) (string, error) { return "", nil }
	if !a.cfg.Dev {
		peers, err := a.cfg.peers()
		if err != nil {
			return nil, err
		}
		peer = peers.of
	}
	e, err := a.engine("registry")
	if err == nil {
		issuerhttp.Registry(e, issuerhttp.RegistryConfig{
			Inbox: a.inbox, Peer: peer, Limit: webserver.NewLimiter(registryPerSecond, registryBurst),
		})
	}
	return e, err
}

// office is for the clerks' programs and the operator on this machine.
func (a *App) office() (http.Handler, error) {
	h, _, err := a.officeHandler()
	if err != nil {
		return nil, err
	}
	return webserver.LoopbackOnly(h), nil
}

// officeHandler is what answers at the office's listener, and its token.
func (a *App) officeHandler() (http.Handler, officeToken, error) {
	token, err := readOfficeToken(&a.cfg)
	if err != nil {
		return nil, "", err
	}
	e, err := a.engine("office")
	if err != nil {
		return nil, "", err
	}
	issuerhttp.Office(e, issuerhttp.OfficeConfig{
		Grants: a.grants(), Offers: a.issuance, Actor: token.actor(a.cfg.Console.Officers), Issuable: a.documents, Operator: a,
		Requests: a.issuance, Invite: a.inviter(), Fleet: readerOffice{a}, Emergency: a.emergency,
	})
	return e, token, nil
}

// private is metrics and health for this machine, and pprof in development.
func (a *App) private() (http.Handler, error) {
	health, err := a.engine("metrics")
	if err != nil {
		return nil, err
	}
	issuerhttp.Health(health, remarked{readiness{a.store, a.publisher, a.issuing}, a})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	if a.cfg.Dev {
		// Any user of the machine reaches a loopback port, and a profile costs
		// time and tells what is in memory: in development alone.
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	mux.Handle("/", health)
	return webserver.LoopbackOnly(mux), nil
}
