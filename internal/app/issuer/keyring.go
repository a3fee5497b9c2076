package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// keyring opens the keys of an office: those of the signer process over its
// socket, those in files within this process. Either way a key signs what it can
// read and is meant for, and no digest. Safe for concurrent use once it is open.
type keyring struct {
	cfg   *Config
	files *soft.Manager
	far   *socket.Client // of the signer process; nil where no key is there
	cat   *catalog.Catalog
	clock clock.Clock
	rand  io.Reader
	log   *slog.Logger
}

// openKeyring is for keys of the configuration. It asks nothing of the signer
// process yet.
func (c *Config) openKeyring(ctx context.Context, clk clock.Clock, rand io.Reader, log *slog.Logger) (*keyring, error) {
	cat, err := c.loadCatalog()
	if err != nil {
		return nil, err
	}
	r := &keyring{cfg: c, files: soft.New(c.StateDir), cat: cat, clock: clk, rand: rand, log: log}
	if c.SignerSocket != "" {
		if r.far, err = c.dialSigner(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Close lets go of the socket.
func (r *keyring) Close() error {
	err := r.files.Close()
	if r.far != nil {
		err = errors.Join(err, r.far.Close())
	}
	return err
}

// identify opens the key of a generation whose chain was read, and has it prove
// itself against the certificate.
func (r *keyring) identify(ctx context.Context, g generation, id *identity) (err error) {
	if id.key, err = r.open(ctx, g.signer, r.cfg.profile(g.signer), g.Key, id.chain); err != nil {
		return err
	}
	return keys.Prove(id.key, id.leaf.Cert, r.rand)
}

// root opens the key of a root, which signs what its profile lets it.
func (r *keyring) root(ctx context.Context, name string, p pki.Profile, uri string, root *pki.Certificate) (crypto.Signer, error) {
	key, err := r.open(ctx, name, p, uri, [][]byte{root.Raw})
	if err != nil {
		return nil, err
	}
	if k, ok := root.PublicKey().(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(key.Public()) {
		return nil, fmt.Errorf("%s is not the key of the certificate beside it", uri)
	}
	return key, nil
}

// open gives a key of the profile for the signer of that name.
func (r *keyring) open(ctx context.Context, name string, p pki.Profile, uri string, chain [][]byte) (crypto.Signer, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	if u.Scheme == keys.SchemeSigner {
		if r.far == nil {
			return nil, fmt.Errorf("%w: %s is a key of the signer process: set signer_socket to the socket where it listens", keys.ErrURI, uri)
		}
		return r.far.Signer(ctx, uri)
	}
	key, err := r.files.Signer(ctx, uri)
	if err != nil || !signer.Serves(p) {
		return key, err
	}
	policy, err := signer.PolicyFor(p, r.office(name))
	if err != nil {
		return nil, err
	}
	inside, err := signer.New(signer.Config{
		Keys:  []signer.Key{{Name: name, Signer: key, Chain: chain, Policy: policy}},
		Audit: officeRecord{r.log}, Clock: r.clock, Rand: r.rand,
		OnError: func(err error) { r.log.Error("signing", "signer", name, "error", err) },
	})
	if err != nil {
		return nil, err
	}
	return inside.Keys("issuer").Signer(ctx, signer.URI(name))
}

// atSigner says whether a key is one of the signer process.
func atSigner(uri string) bool {
	u, err := keys.ParseURI(uri)
	return err == nil && u.Scheme == keys.SchemeSigner
}

// office is what a signer may speak of: the credentials of the catalogue that name it.
func (r *keyring) office(name string) signer.Office {
	o := signer.Office{Issuer: r.cfg.PublicURL, AuthorizationServer: r.cfg.AuthorizationServer.Issuer}
	for _, id := range r.cat.IDs() {
		c, _ := r.cat.Configuration(id)
		if c.Signer != name {
			continue
		}
		if c.Format == catalog.FormatSDJWT {
			o.VCTs = append(o.VCTs, c.VCT)
			o.Claims = append(o.Claims, c.OpenClaims()...)
		} else {
			o.DocTypes = append(o.DocTypes, c.DocType)
		}
		o.WithoutStatus = o.WithoutStatus || c.Status == catalog.StatusNone
	}
	return o
}

// officeRecord is the record of keys within the office, whose own has every
// intent before the signature in the transaction that reserves the indices: a
// second one would say the same. What was refused nobody else would tell.
type officeRecord struct{ log *slog.Logger }

func (o officeRecord) Append(_ context.Context, e audit.Event) error {
	if e.Outcome == audit.Denied {
		o.log.Error("a key of ours was asked to sign what it does not sign", "signer", e.Subject, "reason", e.Detail["reason"])
	}
	return nil
}

// dialSigner opens the way to the signer process, which has to be there.
func (c *Config) dialSigner(ctx context.Context) (*socket.Client, error) {
	client, err := socket.Dial(ctx, c.SignerSocket, socket.Options{})
	if err != nil {
		err = fmt.Errorf("signer_socket: %w: start the signer process first (signer serve), and see that its configuration has this process's user among its peers", err)
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}
