package issuer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/trust"
)

// attester says whose a chain is, at an instant, and until when that holds.
type attester func(x5c [][]byte, now time.Time) (authserver.Attester, error)

// publisher says the same of who signs a status list, where that is the provider
// of this name; "" is any.
type publisher func(provider string, x5c [][]byte, now time.Time) (authserver.Attester, error)

// walletProviders are those who may speak of wallets: by their roots, or on a
// trusted list.
type walletProviders struct {
	roots  []*pki.Certificate
	lists  *trustedLists
	client *fetch.Client
	clock  clock.Clock

	wallets, keys attester // nil when nobody is trusted
	publishers    publisher
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
	if p.lists, err = a.cfg.openTrustedLists(context.Background(), p.client, a.store, a.opts.Clock, a.log); err != nil {
		return nil, err
	}
	if len(p.lists.lists) > 0 {
		p.lists.failed = a.metrics.Counter("vidimus_trusted_list_failures_total", "Readings of trusted lists that failed; the last good list serves until its next update.")
		a.metrics.Gauge("vidimus_trusted_list_seconds_left", "Until the first of the trusted lists ends; 0 when one has ended or was never read.", p.lists.left)
	}
	p.wallets = p.attester(trust.WalletIssuance)(forWallets)
	p.keys = p.attester(trust.WalletIssuance)(forKeys)
	// Who attests may also say that it holds no more.
	p.publishers = p.publisher(trust.WalletRevocation, trust.WalletIssuance)(forWallets, forKeys)
	return p, nil
}

// anchors are those of the services of these types, and the roots.
func (p *walletProviders) anchors(now time.Time, uses []string, types ...string) []authserver.Anchor {
	anchors, _ := p.lists.anchors(now, uses, types...)
	for _, c := range p.roots {
		anchors = append(anchors, authserver.Anchor{Certificate: c, Provider: providerName("root", c.Cert.RawSubjectPublicKeyInfo)})
	}
	return anchors
}

// providerName names a wallet provider in records, so that the lists of others
// are not taken for its own: by the key of its root, or as an entity of a list.
func providerName(kind string, parts ...[]byte) string {
	digest := sha256.Sum256(bytes.Join(parts, []byte{0}))
	return kind + ":" + jose.EncodeBase64URL(digest[:16])
}

// trusts says whether anybody is trusted for one of these uses.
func (p *walletProviders) trusts(uses []string) bool {
	return len(p.roots) > 0 || slices.ContainsFunc(uses, p.lists.serves)
}

// whole gives an error the kind of one that is not for ever, when whom it is
// about may be on a list that is missing.
func (p *walletProviders) whole(err error, now time.Time, uses []string) error {
	if _, whole := p.lists.anchors(now, uses); err != nil && !whole {
		return problem.Wrap(problem.Unavailable, err, "a list of wallet providers cannot be read: try again later")
	}
	return err
}

// attester trusts the roots, and the services of these types.
func (p *walletProviders) attester(types ...string) func(uses ...string) attester {
	return func(uses ...string) attester {
		if !p.trusts(uses) {
			return nil
		}
		judge := authserver.TrustAttesters(func(now time.Time) ([]authserver.Anchor, error) {
			return p.anchors(now, uses, types...), nil
		})
		return func(x5c [][]byte, now time.Time) (authserver.Attester, error) {
			a, err := judge(x5c, now)
			return a, p.whole(err, now, uses)
		}
	}
}

// publisher is attester for status lists: it trusts the anchors of the provider
// alone whose attestation named the list.
func (p *walletProviders) publisher(types ...string) func(uses ...string) publisher {
	return func(uses ...string) publisher {
		if !p.trusts(uses) {
			return nil
		}
		return func(provider string, x5c [][]byte, now time.Time) (authserver.Attester, error) {
			judge := authserver.TrustAttesters(func(now time.Time) ([]authserver.Anchor, error) {
				return slices.DeleteFunc(p.anchors(now, uses, types...), func(a authserver.Anchor) bool {
					return provider != "" && a.Provider != provider
				}), nil
			})
			a, err := judge(x5c, now)
			return a, p.whole(err, now, uses)
		}
	}
}

// ofKeys is keys as issuance asks.
func (p *walletProviders) ofKeys() func([][]byte) (crypto.PublicKey, string, error) {
	if p.keys == nil {
		return nil
	}
	return func(x5c [][]byte) (crypto.PublicKey, string, error) {
		a, err := p.keys(x5c, p.clock.Now())
		return a.Key, a.Provider, err
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
	_, listsErr := c.openTrustedLists(context.Background(), client, nil, clock.System{}, slog.New(slog.DiscardHandler))
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
