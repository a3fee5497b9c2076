package issuer

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"vidimus/internal/keys"
	"vidimus/internal/pki"
)

// profile is what the certificate of a signer must conform to.
func (c *Config) profile(name string) pki.Profile {
	if p := c.Signers[name].Profile; p != "" {
		return pki.Profile(p)
	}
	switch name {
	case "mdl":
		return pki.ProfileDocumentSignerMDL
	case "status":
		return pki.ProfileStatusSigner
	case "receipt":
		return pki.ProfileReceiptSigner
	case "checkpoint":
		return pki.ProfileCheckpointSigner
	case "console":
		return pki.ProfileRegistrySource
	case "access":
		return pki.ProfileAccess
	case "bundle":
		return pki.ProfileBundleSigner
	}
	return pki.ProfileDocumentSignerPID
}

// internal says whether a profile is below the operations CA: keys that sign no
// credential, and what readers of credentials see of ours beside them.
func internal(p pki.Profile) bool {
	return p == pki.ProfileReceiptSigner || p == pki.ProfileCheckpointSigner || p == pki.ProfileRegistrySource || p == pki.ProfileBundleSigner
}

// template is the certificate that Init makes for a signer.
func (m *maker) template(name string, key crypto.Signer) pki.Template {
	profile := m.cfg.profile(name)
	t := pki.Template{
		Profile: profile, Subject: m.subject(name + " signer"), Public: key.Public(),
		NotBefore: m.now.Add(-time.Hour), NotAfter: m.now.AddDate(0, 0, leafDays),
		IssuerAltName: m.cfg.PublicURL, CRLDistributionPoint: m.cfg.crlURL(profile),
	}
	if u, err := url.Parse(m.cfg.PublicURL); err == nil && (profile == pki.ProfileDocumentSignerPID || profile == pki.ProfileAccess) {
		t.DNSNames, t.URIs = []string{u.Hostname()}, []string{m.cfg.PublicURL}
	}
	return t
}

// request is a PKCS #10 request with the subject and the names of a template;
// whoever signs it decides all the rest.
func request(t pki.Template, key crypto.Signer, rand io.Reader) ([]byte, error) {
	csr := &x509.CertificateRequest{
		Subject:  pkix.Name{Country: []string{t.Subject.Country}, Organization: []string{t.Subject.Organization}, CommonName: t.Subject.CommonName},
		DNSNames: t.DNSNames,
	}
	if t.Subject.State != "" {
		csr.Subject.Province = []string{t.Subject.State}
	}
	for _, s := range t.URIs {
		u, err := url.Parse(s)
		if err != nil {
			return nil, err
		}
		csr.URIs = append(csr.URIs, u)
	}
	der, err := x509.CreateCertificateRequest(rand, csr, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// readRoot reads the one certificate of a root.
func readRoot(path string) (*pki.Certificate, error) {
	certs, err := readChain(path)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 || !certs[0].SelfSigned() {
		return nil, fmt.Errorf("%s: one self-signed root certificate is wanted", path)
	}
	return certs[0], nil
}

func readChain(path string) ([]*pki.Certificate, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: run `issuer init` (in an office that exists `issuer init --add`), or put the certificate there", err)
	}
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return certs, nil
}

// identity is a key of ours with a certificate that was proven to be its own.
type identity struct {
	name  string
	key   crypto.Signer
	leaf  *pki.Certificate
	chain [][]byte // DER, leaf first, without the root
}

// roots are the certificates over our own.
type roots struct{ iaca, operations, access *pki.Certificate }

func (c *Config) loadRoots() (r roots, err error) {
	if r.iaca, err = readRoot(c.Path(c.IACA.Certificate)); err != nil {
		return roots{}, fmt.Errorf("iaca: %w", err)
	}
	if r.operations, err = readRoot(c.Path(c.OperationsCA.Certificate)); err != nil {
		return roots{}, fmt.Errorf("operations_ca: %w", err)
	}
	if r.access, err = readRoot(c.Path(c.AccessCA.Certificate)); err != nil {
		return roots{}, fmt.Errorf("access_ca: %w", err)
	}
	if findings := pki.Lint(r.iaca, pki.ProfileIACA, nil); len(findings) > 0 {
		return roots{}, fmt.Errorf("iaca: %s does not conform to %s: %s", c.Path(c.IACA.Certificate), pki.ProfileIACA, strings.Join(findings, "; "))
	}
	return r, nil
}

func (r roots) of(p pki.Profile) *pki.Certificate {
	switch {
	case internal(p):
		return r.operations
	case p == pki.ProfileAccess:
		return r.access
	}
	return r.iaca
}

// chainOf reads the chain of a signer and judges it: profile, path to its
// root, validity.
func (c *Config) chainOf(name string, r roots, now time.Time) (*identity, error) {
	path, profile := c.Path(c.Signers[name].Chain), c.profile(name)
	certs, err := readChain(path)
	if err != nil {
		return nil, err
	}
	id := &identity{name: name, leaf: certs[0]}
	issuer := r.of(profile)
	for i, cert := range certs {
		if cert.SelfSigned() {
			return nil, fmt.Errorf("%s: certificate %d is a root: anchors never travel with a signature, take it out", path, i+1)
		}
		id.chain = append(id.chain, cert.Raw)
	}
	by := issuer
	if len(certs) > 1 {
		by = certs[1]
	}
	// A certificate of before: it holds until it ends.
	old := func(finding string) bool { return finding == pki.FindingSecondEKU }
	if findings := slices.DeleteFunc(pki.Lint(id.leaf, profile, by), old); len(findings) > 0 {
		return nil, fmt.Errorf("%s does not conform to %s: %s", path, profile, strings.Join(findings, "; "))
	}
	if _, err := pki.Validate(id.chain, []*pki.Certificate{issuer}, pki.PathOptions{
		Now: now, Purposes: id.leaf.ExtKeyUsages, RequireEKU: true, CheckCountry: issuer == r.iaca,
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return id, nil
}

// load opens every signer: the key, its certificate, and the proof that they
// belong together. Everything that is wrong is told at once.
func (c *Config) load(ctx context.Context, km keys.Manager, now time.Time, rand io.Reader) (roots, map[string]*identity, error) {
	if err := c.missing(c.certificateFiles()); err != nil {
		return roots{}, nil, err
	}
	r, err := c.loadRoots()
	if err != nil {
		return roots{}, nil, err
	}
	out := map[string]*identity{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		s := c.Signers[name]
		id, err := c.chainOf(name, r, now)
		if err == nil {
			id.key, err = km.Signer(ctx, s.Key)
		}
		if err == nil {
			err = keys.Prove(id.key, id.leaf.Cert, rand)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("signers.%s: %w", name, err))
			continue
		}
		out[name] = id
	}
	return r, out, errors.Join(errs...)
}
