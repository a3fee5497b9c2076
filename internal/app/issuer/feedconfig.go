package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/keys/soft"
)

// FeedConfig says who speaks to which office. Empty fields take what --dev
// has made.
type FeedConfig struct {
	Endpoint string // of the registry listener: https://host:port
	Source   string // iss
	Audience string // the office's public URL
	Key      string // file of the signing key
	KeyID    string // default: the file's name without its ending
	// TLSCertificate, TLSKey and TLSRoots are PEM files: our client
	// certificate and what signs the office's.
	TLSCertificate, TLSKey, TLSRoots string
}

// answerPatience is longer than the office holds an event that came too early.
const answerPatience = 100 * time.Second

// OpenFeed opens the key and what was not acknowledged last time.
func OpenFeed(ctx context.Context, cfg *Config, f FeedConfig, now func() time.Time) (*Feed, error) {
	if err := f.fill(cfg); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(f.Key)
	if err != nil {
		return nil, err
	}
	signer, err := f.signer(ctx)
	if err != nil {
		return nil, err
	}
	client, err := f.client(signer)
	if err != nil {
		return nil, err
	}
	client.Now = now
	feed := &Feed{client: client, Tries: 5, Pause: 300 * time.Millisecond, anonymous: f.TLSCertificate == ""}
	if feed.outbox, err = openOutbox(path+".outbox.json", f.Source); err != nil {
		return nil, err
	}
	// Receipts are signed by an office whose certificates we may have.
	for _, g := range cfg.generations("receipt") {
		if certs, err := readChain(cfg.Path(g.Chain)); err == nil {
			if key, ok := certs[0].PublicKey().(*ecdsa.PublicKey); ok {
				feed.receipts = append(feed.receipts, key)
			}
		}
	}
	return feed, nil
}

// signer opens the key of the registry.
func (f *FeedConfig) signer(ctx context.Context) (crypto.Signer, error) {
	path, err := filepath.Abs(f.Key)
	if err != nil {
		return nil, err
	}
	escaped := strings.NewReplacer("%", "%25", ";", "%3B").Replace(path)
	return soft.New("").Signer(ctx, "soft:path="+escaped)
}

func (f *FeedConfig) fill(cfg *Config) error {
	if !cfg.Dev && (f.Source == "" || f.Key == "") {
		return errors.New("source and key are wanted: only --dev has a sample registry")
	}
	if f.Endpoint == "" {
		f.Endpoint = "https://" + cfg.Listen.Registry
		if cfg.Dev {
			f.Endpoint = "http://" + cfg.Listen.Registry
		}
	}
	if f.Source == "" {
		f.Source = DevSource
	}
	if f.Audience == "" {
		f.Audience = cfg.PublicURL
	}
	if f.Key == "" {
		f.Key = cfg.Path(devSourceKey)
	}
	if f.KeyID == "" {
		f.KeyID = keyID(f.Key)
	}
	u, err := url.Parse(f.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !cfg.Dev || !loopback(u.Host)) {
		return fmt.Errorf("endpoint %q: https://host:port is wanted (http with --dev on loopback)", f.Endpoint)
	}
	return nil
}

func (f *FeedConfig) client(signer crypto.Signer) (*registryclient.Client, error) {
	transport := &http.Transport{}
	if f.TLSRoots != "" {
		data, err := os.ReadFile(f.TLSRoots)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate", f.TLSRoots)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if f.TLSCertificate != "" {
		pair, err := tls.LoadX509KeyPair(f.TLSCertificate, f.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		if transport.TLSClientConfig == nil {
			transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return &registryclient.Client{
		Endpoint: f.Endpoint, Source: f.Source, Audience: f.Audience, Signer: signer, KeyID: f.KeyID,
		HTTP: &http.Client{Timeout: answerPatience, Transport: transport},
	}, nil
}
