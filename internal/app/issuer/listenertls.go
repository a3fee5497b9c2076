package issuer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"vidimus/internal/clock"
)

// registryTLS is the TLS of the registry listener: nil in development.
func (c *Config) registryTLS(now clock.Clock) (*tls.Config, error) {
	if c.Dev {
		return nil, nil
	}
	return c.listenerTLS("registry_tls", c.RegistryTLS, tls.RequireAndVerifyClientCert, now)
}

// listenerTLS is TLS 1.3 without session tickets, so that every connection
// proves its certificate anew and meets the list of revoked ones. VerifyConnection
// may be asked again while the connection lasts: see standing.
func (c *Config) listenerTLS(key string, t TLS, clients tls.ClientAuthType, now clock.Clock) (*tls.Config, error) {
	if err := onlyOurs(c.Path(t.Key), 0o077, "others may read it", "chmod 600"); err != nil {
		return nil, fmt.Errorf("%s.key: %w", key, err)
	}
	pair, err := tls.LoadX509KeyPair(c.Path(t.Certificate), c.Path(t.Key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, Time: now.Now}
	if t.ClientCA == "" {
		return config, nil
	}
	if err := onlyOurs(c.Path(t.ClientCA), 0o022, "others may write it", "chmod go-w"); err != nil {
		return nil, fmt.Errorf("%s.client_ca: %w", key, err)
	}
	data, err := os.ReadFile(c.Path(t.ClientCA))
	if err != nil {
		return nil, fmt.Errorf("%s.client_ca: %w", key, err)
	}
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), clients
	if !config.ClientCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s.client_ca: %s holds no certificate", key, c.Path(t.ClientCA))
	}
	if t.CRL == "" {
		return config, nil
	}
	list := &revokedClients{path: c.Path(t.CRL), cas: certificatesOf(data), clock: now}
	if err := list.refresh(); err != nil {
		return nil, fmt.Errorf("%s.crl: %w", key, err)
	}
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.VerifiedChains) == 0 {
			if clients == tls.RequireAndVerifyClientCert {
				return errors.New("no verified client certificate")
			}
			return nil
		}
		return list.check(s.VerifiedChains[0])
	}
	return config, nil
}

// standing asks again at every request whether the client certificate of the
// connection stands: a connection may last longer than the certificate, or than
// the trust in it. One that does not is answered once and then closed.
func standing(h http.Handler, config *tls.Config, log *slog.Logger) http.Handler {
	if config == nil || config.ClientAuth == tls.NoClientCert {
		return h
	}
	stands := func(s *tls.ConnectionState) error {
		if len(s.VerifiedChains) > 0 {
			now := config.Time()
			for _, c := range s.VerifiedChains[0] {
				if now.After(c.NotAfter) {
					return errors.New("a certificate of the client's chain has expired")
				}
			}
		}
		if config.VerifyConnection == nil {
			return nil
		}
		return config.VerifyConnection(*s)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			if err := stands(r.TLS); err != nil {
				log.Warn("the client certificate of an open connection stands no more", "error", err)
				w.Header().Set("Connection", "close")
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"err":"access_denied","description":"the client certificate has expired, is revoked, or cannot be checked: connect anew"}`)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
