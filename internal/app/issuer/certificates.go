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
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
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
	case "vical":
		return pki.ProfileVICALSigner
	}
	return pki.ProfileDocumentSignerPID
}

// internal says whether a profile is below the operations CA: keys that sign no
// credential, and what readers of credentials see of ours beside them.
func internal(p pki.Profile) bool {
	return p == pki.ProfileReceiptSigner || p == pki.ProfileCheckpointSigner || p == pki.ProfileRegistrySource || p == pki.ProfileBundleSigner || p == pki.ProfileVICALSigner
}

// template is the certificate that Init makes for a signer.
func (m *maker) template(name string, key crypto.Signer) pki.Template {
	profile := m.cfg.profile(name)
	t := pki.Template{
		Profile: profile, Subject: m.subject(name + " signer"), Public: key.Public(),
		NotBefore: m.now.Add(-time.Hour), NotAfter: m.now.AddDate(0, 0, leafDays),
		IssuerAltName: m.cfg.PublicURL, CRLDistributionPoint: m.cfg.crlURL(profile),
	}
	if documentSigner(profile) && !m.cfg.Dev { // in development nobody follows
		t.NotAfter = t.NotBefore.Add(m.cfg.Rotation.Longest)
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
	data, err := readLimited(path, maxChainFile)
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

// generation is one key of a signer as the configuration names it.
type generation struct {
	Generation
	signer string
	label  string // the configuration key: signers.mdl, signers.mdl.next[0]
}

// generations are the keys of a signer, in the order of the configuration.
func (c *Config) generations(name string) []generation {
	s, label := c.Signers[name], "signers."+name
	out := []generation{{Generation{s.Key, s.Chain}, name, label}}
	for i, g := range s.Next {
		out = append(out, generation{g, name, fmt.Sprintf("%s.next[%d]", label, i)})
	}
	return out
}

// identities are the generations of every signer, in the order of the configuration.
type identities map[string][]*identity

// identity is a key of ours with a certificate that was proven to be its own.
type identity struct {
	name  string // of the signer
	label string // its configuration key
	keyID string // JWK thumbprint of the key (RFC 7638), base64url
	key   crypto.Signer
	leaf  *pki.Certificate
	chain [][]byte  // DER, leaf first, without the root
	ends  time.Time // of the whole path: the root may end before the leaf
}

// roots are the certificates over our own.
type roots struct {
	iaca, operations, access *pki.Certificate
	also                     []*pki.Certificate // IACAs of before and to come
	links                    []*pki.Certificate // between IACAs
}

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
	return r, c.loadRollover(&r)
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

// chainOf reads the chain of a generation and judges it: profile, path to its
// root. Whether it is valid now is said by judge: one that is to come, or has
// ended, is judged at the instant of its own that is nearest.
func (c *Config) chainOf(g generation, r roots, now time.Time) (*identity, error) {
	path, profile := c.Path(g.Chain), c.profile(g.signer)
	certs, err := readChain(path)
	if err != nil {
		return nil, err
	}
	id := &identity{name: g.signer, label: g.label, leaf: certs[0]}
	if now.Before(id.leaf.NotBefore()) {
		now = id.leaf.NotBefore()
	}
	if now.After(id.leaf.NotAfter()) {
		now = id.leaf.NotAfter()
	}
	issuer, direct := r.over(profile, certs)
	for i, cert := range certs {
		if cert.SelfSigned() {
			return nil, fmt.Errorf("%s: certificate %d is a root: anchors never travel with a signature, take it out", path, i+1)
		}
		id.chain = append(id.chain, cert.Raw)
	}
	by := issuer
	if !direct && len(certs) > 1 {
		by = certs[1]
	}
	// A certificate of before: it holds until it ends.
	old := func(finding string) bool { return finding == pki.FindingSecondEKU }
	if findings := slices.DeleteFunc(pki.Lint(id.leaf, profile, by), old); len(findings) > 0 {
		return nil, fmt.Errorf("%s does not conform to %s: %s", path, profile, strings.Join(findings, "; "))
	}
	usage := x509.KeyUsageDigitalSignature
	if profile == pki.ProfileVICALSigner {
		usage = x509.KeyUsageContentCommitment
	}
	valid, err := pki.Validate(id.chain, []*pki.Certificate{issuer}, pki.PathOptions{
		Now: now, Purposes: id.leaf.ExtKeyUsages, RequireEKU: true, KeyUsage: usage, CheckCountry: !internal(profile) && profile != pki.ProfileAccess,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	thumbprint, err := jose.Thumbprint(id.leaf.PublicKey())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	id.keyID, id.ends = jose.EncodeBase64URL(thumbprint), valid.NotAfter
	return id, nil
}

// valid says whether the certificate of a generation is in its time.
func (id *identity) valid(now time.Time) error {
	switch {
	case now.Before(id.leaf.NotBefore()):
		return fmt.Errorf("the certificate is not-yet-valid: it begins at %s", stamp(id.leaf.NotBefore()))
	case now.After(id.ends):
		return fmt.Errorf("the certificate is expired: it ended at %s", stamp(id.ends))
	}
	return nil
}

// load opens every signer: the key, its certificate, and the proof that they
// belong together. Everything that is wrong is told at once.
func (c *Config) load(ctx context.Context, ring *keyring, now time.Time) (roots, identities, error) {
	if err := c.missing(c.certificateFiles()); err != nil {
		return roots{}, nil, err
	}
	r, err := c.loadRoots()
	if err != nil {
		return roots{}, nil, err
	}
	out := identities{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		for _, g := range c.generations(name) {
			id, err := c.chainOf(g, r, now)
			if err == nil {
				err = ring.identify(ctx, g, id)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", g.label, err))
				continue
			}
			out[name] = append(out[name], id)
		}
		errs = append(errs, c.inTime(name, out[name], now))
	}
	return r, out, errors.Join(errs...)
}

// inTime refuses a signer none of whose certificates is valid. Those of documents
// are let through: without them nothing is issued, but what was issued can still be
// revoked, by an office that runs.
func (c *Config) inTime(name string, generations []*identity, now time.Time) error {
	var errs []error
	for _, id := range generations {
		err := id.valid(now)
		if err == nil || documentSigner(c.profile(name)) {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", id.label, err))
	}
	return errors.Join(errs...)
}

// documentSigner says whether keys of a profile sign credentials.
func documentSigner(p pki.Profile) bool {
	return p == pki.ProfileDocumentSignerMDL || p == pki.ProfileDocumentSignerPID
}
