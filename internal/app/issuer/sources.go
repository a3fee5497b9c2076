package issuer

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"

	"vidimus/internal/catalog"
	"vidimus/internal/document"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

// DevSource is the issuer name of the sample registry of --dev.
const DevSource = "https://dev-registry.example"

// sources reads the keys of the registries. In development the sample registry
// is one of them.
func (c *Config) sources(cat *catalog.Catalog) ([]registry.Source, error) {
	entries := slices.Clone(c.Sources)
	if c.Dev && !slices.ContainsFunc(entries, func(s Source) bool { return s.Issuer == DevSource }) {
		entries = append(entries, devSource(cat))
	}
	var out []registry.Source
	var errs []error
	for _, e := range entries {
		s := registry.Source{
			Name: e.Issuer, Keys: map[string]crypto.PublicKey{}, Events: e.Events, DocumentTypes: e.DocumentTypes, Kinds: e.Entitlements,
		}
		for _, path := range e.Keys {
			kid, pub, err := loadPublicKey(c.Path(path))
			if err == nil && s.Keys[kid] != nil {
				err = fmt.Errorf("%s: key id %s is there twice: rename one file", path, kid)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("source %s: %w", e.Issuer, err))
				continue
			}
			s.Keys[kid] = pub
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

// devSource may say everything that the catalogue can use.
func devSource(cat *catalog.Catalog) Source {
	s := Source{Issuer: DevSource, Keys: []string{devSourcePEM}, Events: document.Names(), Entitlements: []string{document.KindDriving}}
	for _, id := range cat.IDs() {
		cfg, _ := cat.Configuration(id)
		if !slices.Contains(s.DocumentTypes, cfg.DocumentType) {
			s.DocumentTypes = append(s.DocumentTypes, cfg.DocumentType)
		}
	}
	return s
}

// peers names the source of a connection by its client certificate, which TLS
// has verified under registry_tls.client_ca.
type peers map[string]string // name in the certificate -> source

func (c *Config) peers() (peers, error) {
	p := peers{}
	for _, s := range c.Sources {
		names := s.ClientNames
		if len(names) == 0 {
			names = []string{s.Issuer}
			if u, err := url.Parse(s.Issuer); err == nil && u.Hostname() != "" {
				names = append(names, u.Hostname())
			}
		}
		for _, n := range names {
			if other, taken := p[n]; taken && other != s.Issuer {
				return nil, fmt.Errorf("sources: the client name %s stands for %s and %s: set client_names", n, other, s.Issuer)
			}
			p[n] = s.Issuer
		}
	}
	return p, nil
}

// of finds the source; a certificate that names two of them is refused.
func (p peers) of(r *http.Request) (string, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return "", problem.New(problem.AccessDenied, "a client certificate is needed")
	}
	cert := r.TLS.PeerCertificates[0]
	found := map[string]bool{}
	for _, n := range names(cert) {
		if s, ok := p[n]; ok {
			found[s] = true
		}
	}
	if len(found) != 1 {
		return "", problem.New(problem.AccessDenied, "the client certificate does not name one source that we know")
	}
	for s := range found {
		return s, nil
	}
	return "", nil // not reached
}

func names(cert *x509.Certificate) []string {
	out := slices.Clone(cert.DNSNames)
	for _, u := range cert.URIs {
		out = append(out, u.String())
	}
	return out
}

// registryTLS is the TLS of the registry listener: nil in development.
func (c *Config) registryTLS() (*tls.Config, error) {
	if c.Dev {
		return nil, nil
	}
	t := c.RegistryTLS
	if err := onlyOurs(c.Path(t.Key), 0o077, "others may read it", "chmod 600"); err != nil {
		return nil, fmt.Errorf("registry_tls.key: %w", err)
	}
	if err := onlyOurs(c.Path(t.ClientCA), 0o022, "others may write it", "chmod go-w"); err != nil {
		return nil, fmt.Errorf("registry_tls.client_ca: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.Path(t.Certificate), c.Path(t.Key))
	if err != nil {
		return nil, fmt.Errorf("registry_tls: %w", err)
	}
	data, err := os.ReadFile(c.Path(t.ClientCA))
	if err != nil {
		return nil, fmt.Errorf("registry_tls.client_ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("registry_tls.client_ca: %s holds no certificate", c.Path(t.ClientCA))
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}, nil
}
