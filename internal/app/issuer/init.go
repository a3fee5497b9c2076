package issuer

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
)

// Names of what Init puts into the state folder beside keys/ and certs/.
const (
	databaseFile    = "issuer.db"
	secretFile      = "secrets/service.key"  // offers, nonces, transaction codes are derived from it
	officeTokenFile = "secrets/office.token" // who has it may make offers
	secretSize      = 32

	devSourceKey = "sources/dev-registry.key" // the sample registry of --dev
	devSourcePEM = "sources/dev-registry.pem"
)

// Created is what Init made.
type Created struct {
	Paths []string
	// Requests are certificate requests: the office has no root key, and
	// serves once the certificates are where Missing says.
	Requests, Missing []string
}

// Init creates the state folder: secrets, those keys and certificates of the
// configuration that are not there yet, and the database. It refuses a folder
// that holds a database: an office is created once. After a failure it may be
// run again; it never overwrites.
//
// A root key that it makes lies beside the others as a soft key. That is right
// for --dev and for trials. Where the configuration names no root key, Init
// writes certificate requests instead of certificates.
func Init(ctx context.Context, cfg Config, now time.Time, rand io.Reader) (*Created, error) {
	db := cfg.Path(databaseFile)
	if exists(db) {
		return nil, fmt.Errorf("%s is there already: an office is created once; start it with serve, or choose another state_dir", db)
	}
	made, err := makeState(ctx, cfg, now, rand)
	if err != nil {
		return nil, err
	}
	// The database comes last: it is what says that the office exists.
	if err := bolt.Create(db, cfg.storeOptions(rand, status.NewSchedule(cfg.Status.Tick, cfg.Status.Mix, cfg.Status.Leave), nil, nil)); err != nil {
		return nil, fmt.Errorf("creating the database: %w", err)
	}
	made.Paths = append(made.Paths, db)
	return made, nil
}

// Complete makes the keys and certificates of an office that exists that its
// configuration names and that are not there: for a signer that was added, or
// takes the place of another under new file names.
func Complete(ctx context.Context, cfg Config, now time.Time, rand io.Reader) (*Created, error) {
	if db := cfg.Path(databaseFile); !exists(db) {
		return nil, fmt.Errorf("%s does not exist: there is no office to complete", db)
	}
	return makeState(ctx, cfg, now, rand)
}

// makeState makes everything but the database.
func makeState(ctx context.Context, cfg Config, now time.Time, rand io.Reader) (*Created, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	for _, dir := range stateFolders {
		if err := ownFolder(cfg.Path(dir)); err != nil {
			return nil, err
		}
	}
	m := &maker{cfg: cfg, now: now.UTC(), rand: rand, keys: soft.New(cfg.StateDir)}
	if err := m.secrets(); err != nil {
		return nil, err
	}
	if err := m.certificates(ctx); err != nil {
		return nil, err
	}
	if cfg.Dev {
		if err := m.sampleRegistry(ctx); err != nil {
			return nil, err
		}
	}
	return &m.made, nil
}

// ownFolder makes a folder of mode 0700, or checks that it is one.
func ownFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("creating the state folder: %w", err)
	}
	return onlyOurs(path, 0o077, "others may look into it", "chmod 700")
}

type maker struct {
	cfg  Config
	now  time.Time
	rand io.Reader
	keys keys.Manager
	made Created
}

func (m *maker) secrets() error {
	for _, name := range []string{secretFile, officeTokenFile} {
		if exists(m.cfg.Path(name)) {
			continue
		}
		secret := make([]byte, secretSize)
		if _, err := io.ReadFull(m.rand, secret); err != nil {
			return fmt.Errorf("drawing a secret: %w", err)
		}
		if err := m.write(name, fmt.Appendf(nil, "%x\n", secret), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// write puts a new file below the state folder; it never overwrites. The file
// has its name only when it is whole.
func (m *maker) write(name string, data []byte, mode fs.FileMode) error {
	path := m.cfg.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(temporary)
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Link(temporary, path); err != nil { // unlike Rename, refuses to replace
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := outfile.SyncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	m.made.Paths = append(m.made.Paths, path)
	return nil
}

// root is an authority as Init has it: key nil when it lives elsewhere, cert
// nil as well when not even its certificate is here yet.
type root struct {
	cert *pki.Certificate
	key  crypto.Signer
}

func (m *maker) certificates(ctx context.Context) error {
	iaca, err := m.root(ctx, m.cfg.IACA, pki.ProfileIACA, "IACA")
	if err != nil {
		return fmt.Errorf("iaca: %w", err)
	}
	operations, err := m.root(ctx, m.cfg.OperationsCA, pki.ProfileOperationsCA, "Operations CA")
	if err != nil {
		return fmt.Errorf("operations_ca: %w", err)
	}
	access, err := m.root(ctx, m.cfg.AccessCA, pki.ProfileAccessCA, "Access CA")
	if err != nil {
		return fmt.Errorf("access_ca: %w", err)
	}
	if err := m.readerCA(ctx); err != nil {
		return fmt.Errorf("reader_ca: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Signers)) {
		by := iaca
		switch p := m.cfg.profile(name); {
		case internal(p):
			by = operations
		case p == pki.ProfileAccess:
			by = access
		}
		for _, g := range m.cfg.generations(name) {
			if err := m.leaf(ctx, g, by); err != nil {
				return fmt.Errorf("%s: %w", g.label, err)
			}
		}
	}
	return nil
}

// key opens the key of a URI, or makes it.
func (m *maker) key(ctx context.Context, uri string, curve elliptic.Curve) (crypto.Signer, error) {
	k, err := m.keys.Signer(ctx, uri)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = m.keys.Create(ctx, uri, curve); err == nil {
		m.made.Paths = append(m.made.Paths, uri)
	}
	return k, err
}

func (m *maker) curve() elliptic.Curve {
	if m.cfg.Curve == "P-384" {
		return elliptic.P384()
	}
	return elliptic.P256()
}

func (m *maker) subject(commonName string) pki.Name {
	a := m.cfg.Authority
	return pki.Name{Country: a.Country, State: a.State, Organization: a.Organization, CommonName: a.Organization + " " + commonName}
}

// rootYears is the life of a root that Init makes; leafDays that of a leaf, a
// week below the longest of ISO/IEC 18013-5 B.1.4. Document signers live for
// rotation.longest outside of development.
const (
	rootYears = 9
	leafDays  = 450
)

// root opens an authority or makes it.
func (m *maker) root(ctx context.Context, r Root, p pki.Profile, name string) (root, error) {
	var out root
	var err error
	if r.Key != "" && !atSigner(r.Key) {
		if out.key, err = m.key(ctx, r.Key, m.curve()); err != nil {
			return root{}, err
		}
	}
	switch {
	case exists(m.cfg.Path(r.Certificate)):
		out.cert, err = readRoot(m.cfg.Path(r.Certificate))
		return out, err
	case out.key == nil:
		m.made.Missing = append(m.made.Missing, m.cfg.Path(r.Certificate))
		return out, nil
	}
	out.cert, err = pki.Build(pki.Template{
		Profile: p, Subject: m.subject(name), NotBefore: m.now.Add(-time.Hour), NotAfter: m.now.AddDate(rootYears, 0, 0),
		IssuerAltName: m.cfg.PublicURL, CRLDistributionPoint: m.cfg.crlURL(p),
	}, nil, out.key, m.rand)
	if err != nil {
		return root{}, err
	}
	return out, m.write(r.Certificate, pki.EncodePEM(out.cert), 0o644)
}

// crlURL is where revoked certificates of a root would be listed. Receipts are
// for registries, which know their office: no list is named there, nor for
// access certificates, whose authority is another's where it counts.
func (c *Config) crlURL(p pki.Profile) string {
	if p == pki.ProfileVICALSigner {
		return c.listURL(operationsList)
	}
	if internal(p) || p == pki.ProfileOperationsCA || p == pki.ProfileAccess || p == pki.ProfileAccessCA {
		return ""
	}
	if p == pki.ProfileReader || p == pki.ProfileReaderCA {
		return c.PublicURL + issuerhttp.ReaderCRLPath
	}
	return c.listURL(c.Rollover.CRL)
}

// leaf makes a signer's key and certificate, or a request for one.
func (m *maker) leaf(ctx context.Context, s generation, by root) error {
	if atSigner(s.Key) {
		if !exists(m.cfg.Path(s.Chain)) {
			m.made.Missing = append(m.made.Missing, m.cfg.Path(s.Chain))
		}
		return nil
	}
	curve := m.curve()
	if p := m.cfg.profile(s.signer); internal(p) || p == pki.ProfileAccess {
		curve = elliptic.P256() // what registries and every wallet verify: ES256
	}
	k, err := m.key(ctx, s.Key, curve)
	if err != nil {
		return err
	}
	if exists(m.cfg.Path(s.Chain)) {
		return nil
	}
	t := m.template(s.signer, k)
	if by.key == nil || by.cert == nil {
		file := s.Chain + ".csr"
		m.made.Missing = append(m.made.Missing, m.cfg.Path(s.Chain))
		m.made.Requests = append(m.made.Requests, m.cfg.Path(file))
		if exists(m.cfg.Path(file)) {
			return nil
		}
		pem, err := request(t, k, m.rand)
		if err != nil {
			return err
		}
		return m.write(file, pem, 0o644)
	}
	cert, err := pki.Build(t, by.cert, by.key, m.rand)
	if err != nil {
		return err
	}
	return m.write(s.Chain, pki.EncodePEM(cert), 0o644)
}

// sampleRegistry makes the key with which `registry send` signs in --dev.
func (m *maker) sampleRegistry(ctx context.Context) error {
	k, err := m.key(ctx, "soft:path="+devSourceKey, elliptic.P256())
	if err != nil {
		return fmt.Errorf("key of the sample registry: %w", err)
	}
	if exists(m.cfg.Path(devSourcePEM)) {
		return nil
	}
	pem, err := publicPEM(k.Public())
	if err != nil {
		return err
	}
	return m.write(devSourcePEM, pem, 0o644)
}
