package issuer

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vidimus/internal/problem"
)

// peers names the source of a connection by its client certificate, which TLS
// has verified under registry_tls.client_ca.
type peers struct {
	sources map[string]string   // name in the certificate -> source
	pins    map[string][]string // source -> SPKI digests; none: any key of the CA
}

func (c *Config) peers() (peers, error) {
	p := peers{sources: map[string]string{}, pins: map[string][]string{}}
	for _, s := range c.Sources {
		names := s.ClientNames
		if len(names) == 0 {
			names = []string{s.Issuer}
			if u, err := url.Parse(s.Issuer); err == nil && u.Hostname() != "" {
				names = append(names, u.Hostname())
			}
		}
		for _, n := range names {
			if other, taken := p.sources[n]; taken && other != s.Issuer {
				return peers{}, fmt.Errorf("sources: the client name %s stands for %s and %s: set client_names", n, other, s.Issuer)
			}
			p.sources[n] = s.Issuer
		}
		for _, pin := range s.ClientPins {
			p.pins[s.Issuer] = append(p.pins[s.Issuer], strings.ToLower(pin))
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
		if s, ok := p.sources[n]; ok {
			found[s] = true
		}
	}
	if len(found) != 1 {
		return "", problem.New(problem.AccessDenied, "the client certificate does not name one source that we know")
	}
	for s := range found {
		if pins := p.pins[s]; len(pins) > 0 && !slices.Contains(pins, pinOf(cert)) {
			return "", problem.New(problem.AccessDenied, "the key of the client certificate is not one that is pinned for this source")
		}
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

// pinOf is the SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
func pinOf(cert *x509.Certificate) string {
	digest := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(digest[:])
}
