package issuer

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/trust"
)

// attester says whose a chain is, at an instant, and until when that holds.
type attester func(x5c [][]byte, now time.Time) (crypto.PublicKey, time.Time, error)

// walletProviders are those who may speak of wallets: by their roots, or on a
// trusted list.
type walletProviders struct {
	roots  []*pki.Certificate
	lists  *trustedLists
	client *fetch.Client
	clock  clock.Clock

	wallets, keys, publishers attester // nil when nobody is trusted
}

// walletProviders reads whom the configuration trusts.
func (a *App) walletProviders() (*walletProviders, error) {
	p := &walletProviders{clock: a.opts.Clock}
	var err error
	if p.client, err = a.cfg.walletsClient(); err != nil {
		return nil, err
	}
	if p.roots, err = a.cfg.attesters(); err != nil {
		return nil, err
	}
	if p.lists, err = a.cfg.openTrustedLists(p.client, a.opts.Clock, a.log); err != nil {
		return nil, err
	}
	if len(p.lists.lists) > 0 {
		p.lists.failed = a.metrics.Counter("vidimus_trusted_list_failures_total", "Readings of trusted lists that failed; the last good list serves until its next update.")
		a.metrics.Gauge("vidimus_trusted_list_seconds_left", "Until the first of the trusted lists ends; 0 when one has ended or was never read.", p.lists.left)
	}
	p.wallets = p.attester(trust.WalletIssuance)(forWallets)
	p.keys = p.attester(trust.WalletIssuance)(forKeys)
	// Who attests may also say that it holds no more.
	p.publishers = p.attester(trust.WalletRevocation, trust.WalletIssuance)(forWallets, forKeys)
	return p, nil
}

// attester trusts the roots, and the services of these types.
func (p *walletProviders) attester(types ...string) func(uses ...string) attester {
	return func(uses ...string) attester {
		listed := false
		for _, use := range uses {
			listed = listed || p.lists.serves(use)
		}
		if len(p.roots) == 0 && !listed {
			return nil
		}
		judge := authserver.TrustAttesters(func(now time.Time) ([]*pki.Certificate, error) {
			certs, _ := p.lists.anchors(now, uses, types...)
			return append(certs, p.roots...), nil
		})
		return func(x5c [][]byte, now time.Time) (crypto.PublicKey, time.Time, error) {
			key, until, err := judge(x5c, now)
			if _, whole := p.lists.anchors(now, uses); err != nil && !whole {
				// Perhaps on the list that is missing: not for ever.
				err = problem.Wrap(problem.Unavailable, err, "a list of wallet providers cannot be read: try again later")
			}
			return key, until, err
		}
	}
}

// ofKeys is keys as issuance asks.
func (p *walletProviders) ofKeys() func([][]byte) (crypto.PublicKey, error) {
	if p.keys == nil {
		return nil
	}
	return func(x5c [][]byte) (crypto.PublicKey, error) {
		key, _, err := p.keys(x5c, p.clock.Now())
		return key, err
	}
}

// attesters reads the roots of the wallet providers.
func (c *Config) attesters() ([]*pki.Certificate, error) {
	var anchors []*pki.Certificate
	for i, name := range c.Wallets.Attesters {
		certs, err := readChain(c.Path(name))
		if err != nil {
			return nil, fmt.Errorf("wallets.attesters[%d]: %w", i, err)
		}
		anchors = append(anchors, certs...)
	}
	return anchors, nil
}

// checkProviders reads what the configuration says of wallet providers, for who
// only wants to know whether it can be read.
func (c *Config) checkProviders() error {
	client, err := c.walletsClient()
	if err != nil {
		return err
	}
	_, rootsErr := c.attesters()
	_, listsErr := c.openTrustedLists(client, clock.System{}, slog.New(slog.DiscardHandler))
	return errors.Join(rootsErr, listsErr)
}

// attested says whether wallets prove themselves by attestation.
func (c *Config) attested() bool {
	for _, l := range c.Wallets.TrustedLists {
		if l.serves(forWallets) {
			return true
		}
	}
	return len(c.Wallets.Attesters) > 0
}

// walletsClient fetches what wallet providers and operators of lists publish:
// from public servers over https, in development from this machine too.
func (c *Config) walletsClient() (*fetch.Client, error) {
	roots, err := c.webRoots("wallets.roots", c.Wallets.Roots)
	if err != nil {
		return nil, err
	}
	return fetch.New(fetch.Options{AllowInsecureLoopback: c.Dev, Roots: roots, UserAgent: "vidimus"}), nil
}

// webRoots reads the CAs over the certificates of web servers; nil, those of the
// machine, when there is no file.
func (c *Config) webRoots(key, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.Path(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New(key + ": the file holds no certificate")
	}
	return pool, nil
}
