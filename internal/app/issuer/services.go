package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/citizen"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// identify loads what the office signs with and what it signs, and holds the
// one against the other.
func (a *App) identify(ctx context.Context) (*catalog.Catalog, error) {
	var err error
	if a.keys, err = a.cfg.openKeyring(ctx, a.opts.Clock, a.opts.Rand, a.log); err != nil {
		return nil, err
	}
	r, identities, err := a.cfg.load(ctx, a.keys, a.opts.Clock.Now())
	if err != nil {
		return nil, err
	}
	a.roots = r
	if a.effects, err = a.cfg.table(); err != nil {
		return nil, err
	}
	cat := a.keys.cat
	if err := a.cfg.match(cat, identities); err != nil {
		return nil, err
	}
	if err := a.succeed(cat, identities); err != nil {
		return nil, err
	}
	if a.signers, err = a.documentSigners(identities); err != nil {
		return nil, err
	}
	// Before anything chooses its key. An office that cannot tell starts, issues nothing
	// and is not ready.
	if err := a.signers.heed(ctx); err != nil {
		a.log.Error("reading who of our signers may not sign", "error", err)
	}
	return cat, nil
}

func (c *Config) loadCatalog() (*catalog.Catalog, error) {
	paths := make([]string, len(c.Catalog))
	for i, p := range c.Catalog {
		paths[i] = c.Path(p)
	}
	cat, err := catalog.Load(paths...)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return cat, nil
}

// match says whether every credential configuration can be signed.
func (c *Config) match(cat *catalog.Catalog, identities identities) error {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range cat.IDs() {
		cfg, _ := cat.Configuration(name)
		if len(identities[cfg.Signer]) == 0 {
			errs = append(errs, fmt.Errorf("catalog: configuration %s is signed by %q: add signers.%s to the configuration and run `issuer init --add`", name, cfg.Signer, cfg.Signer))
		}
		for _, id := range identities[cfg.Signer] {
			if k, ok := id.leaf.PublicKey().(*ecdsa.PublicKey); !ok || k.Curve.Params().Name != cfg.SigningCurve {
				errs = append(errs, fmt.Errorf("catalog: configuration %s says signing_curve %s, but the key of %s is on another", name, cfg.SigningCurve, id.label))
			}
			life := time.Duration(cfg.ValidityDays)*24*time.Hour + begun
			if lives := id.ends.Sub(id.leaf.NotBefore()); lives < life {
				errs = append(errs, fmt.Errorf("catalog: configuration %s: copies live for %d days (validity_days) and the certificate of %s for %d: it could never sign one; shorten the one, or have another certificate made",
					name, cfg.ValidityDays, id.label, int(lives.Hours()/24)))
			}
			if cfg.Format == catalog.FormatSDJWT && !id.leaf.HasURI(c.PublicURL) && !id.leaf.HasDNSName(u.Hostname()) {
				errs = append(errs, fmt.Errorf("catalog: configuration %s: the certificate of %s does not name %s, which its copies have as iss: was public_url changed after init?", name, id.label, c.PublicURL))
			}
		}
	}
	return errors.Join(errs...)
}

// signer is an identity as issuance uses it.
func (c *Config) signer(id *identity, table document.Table) (*issuance.Signer, error) {
	thumbprint, err := jose.Thumbprint(id.key.Public())
	if err != nil {
		return nil, err
	}
	terms := catalog.Terms{Effects: table, NotBefore: id.leaf.NotBefore(), NotAfter: id.ends, Country: id.leaf.Country, State: id.leaf.State}
	// iss is an https URL or absent (SD-JWT VC, claim iss): x5c says who it is
	// anyway. So it is absent where development speaks http.
	if strings.HasPrefix(c.PublicURL, "https:") {
		terms.Issuer = c.PublicURL
	}
	return &issuance.Signer{Key: id.key, KeyID: jose.EncodeBase64URL(thumbprint), Chain: id.chain, Terms: terms}, nil
}

// services makes what stands behind the listeners.
func (a *App) services(cat *catalog.Catalog) error {
	secret, err := readSecret(a.cfg.Path(secretFile))
	if err != nil {
		return err
	}
	a.records = records{store: a.store, catalog: cat, signers: a.signers, effects: a.effects, clock: a.opts.Clock, trials: &trials{}}
	statusSigner, receipt := a.signing("status"), a.signing("receipt")
	a.receipt = receipt
	if a.sink, err = a.cfg.sink(a.roots); err != nil {
		return err
	}
	if a.publisher, err = status.New(status.Config{
		Store: a.store, Signer: statusSigner.key, Chain: statusSigner.chain, Current: a.statusSigner, Clock: a.opts.Clock, Rand: a.opts.Rand, PublicURL: a.cfg.PublicURL,
		Schedule: a.schedule, Cover: a.cfg.Status.Cover, Sink: a.sink, Measure: a.measure(),
		TTL: a.cfg.Status.TTL, Expires: a.cfg.Status.Lifetime, OnError: a.publishing(),
	}); err != nil {
		return err
	}
	if a.providers, err = a.walletProviders(); err != nil {
		return err
	}
	if err := a.tokenServers(secret, cat); err != nil {
		return err
	}
	if a.issuance, err = issuance.New(issuance.Config{
		Issuer: a.cfg.PublicURL, OffersURL: a.cfg.PublicURL + issuerhttp.OffersPath, Secret: secret,
		Defer: a.cfg.Wallets.Defer, DeferInterval: a.cfg.Wallets.AskAgain, Encrypt: a.cfg.Wallets.Encrypt, Draft15: a.cfg.Leniency.Draft15, OpenStatus: a.cfg.Wallets.Status == statusOpen,
	}, issuance.Parts{
		Attesters: a.providers.ofKeys(), Status: a.walletStatus(), Revoker: unitRevoker{a},
		Store: &announcing{Store: a.store, publish: func() { a.publisher.Kick(true) }}, Meter: newIssuanceMeter(a.metrics), Records: a.records, Catalog: cat, Signers: a.signers, Audit: a.store, Clock: a.opts.Clock, Rand: a.opts.Rand,
	}); err != nil {
		return err
	}
	if a.sources, err = a.cfg.sources(cat); err != nil {
		return err
	}
	console, err := consoleSource(&a.cfg, a.successions["console"].generations)
	if err != nil {
		return err
	}
	own, err := walletsSource(&a.cfg, a.successions["console"].generations)
	if err != nil {
		return err
	}
	if a.inbox, err = registry.New(registry.Config{
		Issuer: a.cfg.PublicURL, Sources: append(slices.Clone(a.sources), console, own), Store: a.store, Audit: a.store, Clock: a.opts.Clock,
		Table: a.effects, Revoked: a.publisher.Kick, HoldFor: a.opts.HoldFor,
		ReceiptSigner: crypto.Signer(receipt.key), ReceiptChain: receipt.chain, Rand: a.opts.Rand,
	}); err != nil {
		return err
	}
	if a.own, err = a.ownSource(a.signing("console")); err != nil {
		return err
	}
	if err := a.readers(); err != nil {
		return err
	}
	if err := a.emergencies(); err != nil {
		return err
	}
	if a.holders, err = citizen.New(citizen.Parts{Store: a.store, Wallets: a.own, Clock: a.opts.Clock, Rand: a.opts.Rand}); err != nil {
		return err
	}
	if err := a.receipts(); err != nil {
		return err
	}
	if err := a.auditTree(a.signing("checkpoint")); err != nil {
		return err
	}
	if err := a.holderNotices(receipt); err != nil {
		return err
	}
	return a.officers(a.signing("console"))
}

// grantable is the catalogue as the authorization server sees it. Every offer
// has a transaction code, which the office hands to the person, but where the
// catalogue lets one go without.
func grantable(cat *catalog.Catalog) map[string]authserver.Configuration {
	out := map[string]authserver.Configuration{}
	for _, id := range cat.IDs() {
		c, _ := cat.Configuration(id)
		out[id] = authserver.Configuration{Type: c.Type(), Scope: c.Scope, WithoutTxCode: c.WithoutTxCode}
	}
	return out
}

// CheckState says what of a state folder would keep the office from starting:
// roots, keys, certificates, catalogue, the registries' keys. It opens neither
// database nor listeners.
func CheckState(ctx context.Context, cfg Config, now time.Time, rand io.Reader) error {
	if err := cfg.Check(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := cfg.missing(append(cfg.certificateFiles(), cfg.otherFiles()...)); err != nil {
		return err // all of them at once, before any is read
	}
	ring, err := cfg.openKeyring(ctx, clock.NewFake(now), rand, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer ring.Close()
	cat := ring.cat
	_, identities, err := cfg.load(ctx, ring, now)
	if err != nil {
		return err
	}
	_, sourcesErr := cfg.sources(cat)
	_, peersErr := cfg.peers()
	_, tlsErr := cfg.registryTLS(clock.System{})
	_, tableErr := cfg.table()
	_, consoleErr := cfg.consoleTLS(clock.System{})
	_, logosErr := cfg.logos(cat)
	_, infoErr := cfg.issuerInfo()
	providersErr := cfg.checkProviders()
	differ, signerErr := ring.disagreements(ctx)
	if len(differ) > 0 {
		signerErr = errors.New(strings.Join(differ, "\n"))
	}
	return errors.Join(signerErr, cfg.owned(), cfg.match(cat, identities), sourcesErr, peersErr, tlsErr, tableErr, consoleErr, logosErr, infoErr, providersErr)
}
