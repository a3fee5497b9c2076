package issuer

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// How long signed metadata are valid, and after what time others are made: a
// wallet that keeps them as long as HTTP lets it never holds expired ones.
const (
	signedLifetime = 24 * time.Hour
	signedEvery    = 12 * time.Hour
)

// metadata is the documents that wallets read first. They are made anew when the
// keys for encrypted requests change, and when the signature grows old: asking
// costs the same whatever is asked, and however often.
type metadata struct {
	cfg      *Config
	catalog  *catalog.Catalog
	issuance *issuance.Service
	signer   *identity // the access certificate
	clock    clock.Clock
	rand     io.Reader
	logos    *logos
	info     []oid4vci.IssuerInfo
	server   []byte
	findings []string // where they fall short of HAIP 1.0

	mu    sync.Mutex
	until time.Time // when others are made
	made  documents
}

// documents is the issuer's document in every form.
type documents struct {
	all       []byte            // every language
	localized map[string][]byte // by locale
	signed    []byte            // every language, as JWT
}

// current gives the documents as they are now.
func (m *metadata) current() documents {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clock.Now().Before(m.until) {
		return m.made
	}
	if _, err := m.renew(); err != nil {
		return m.made // they were made like this at the start: those before are better than none
	}
	return m.made
}

// IssuerMetadata implements issuerhttp.Metadata.
func (m *metadata) IssuerMetadata() []byte { return m.current().all }

// ServerMetadata implements issuerhttp.Metadata.
func (m *metadata) ServerMetadata() []byte { return m.server }

// serve tells the public listener what else there is.
func (m *metadata) serve(cfg *issuerhttp.PublicConfig) {
	cfg.Metadata, cfg.Logos = m, m.logos.served
	cfg.SignedMetadata = func() []byte { return m.current().signed }
	cfg.Localized = func() map[string][]byte { return m.current().localized }
}

func (a *App) newMetadata(cat *catalog.Catalog, signer *identity) (*metadata, error) {
	cfg := &a.cfg
	m := &metadata{cfg: cfg, catalog: cat, issuance: a.issuance, signer: signer, clock: a.opts.Clock, rand: a.opts.Rand}
	var err error
	if m.logos, err = cfg.logos(cat); err != nil {
		return nil, err
	}
	if m.info, err = cfg.issuerInfo(); err != nil {
		return nil, err
	}
	im, err := m.renew()
	if err != nil {
		return nil, err
	}
	m.findings = im.HAIP()
	if a.tokens == nil {
		return m, nil
	}
	sm := a.tokens.Metadata(authserver.Endpoints{Authorization: cfg.PublicURL + issuerhttp.AuthorizePath, Challenge: cfg.PublicURL + issuerhttp.ChallengePath})
	if err := sm.Check(cfg.Dev); err != nil {
		return nil, fmt.Errorf("authorization server metadata: %w", err)
	}
	if m.server, err = json.Marshal(sm); err != nil {
		return nil, fmt.Errorf("encoding the server metadata: %w", err)
	}
	return m, nil
}

// renew makes every form anew, or leaves those that are there.
func (m *metadata) renew() (*oid4vci.IssuerMetadata, error) {
	now := m.clock.Now()
	im, err := m.make()
	if err != nil {
		return nil, err
	}
	made := documents{localized: map[string][]byte{}}
	if made.all, err = json.Marshal(im); err != nil {
		return nil, fmt.Errorf("encoding the issuer metadata: %w", err)
	}
	for _, locale := range im.Languages() {
		if made.localized[locale], err = json.Marshal(im.InLanguage(locale)); err != nil {
			return nil, fmt.Errorf("encoding the issuer metadata: %w", err)
		}
	}
	expires := now.Add(signedLifetime)
	if end := m.signer.leaf.NotAfter(); end.Before(expires) {
		expires = end
	}
	signed, err := oid4vci.SignMetadata(im, m.signer.key, m.signer.chain, now, expires, m.rand)
	if err != nil {
		return nil, err
	}
	made.signed = []byte(signed)
	m.made, m.until = made, now.Add(signedEvery)
	if m.cfg.Wallets.Encrypt {
		if keys := m.issuance.EncryptionRotates(); keys.Before(m.until) {
			m.until = keys
		}
	}
	return im, nil
}

// make makes the issuer's document as the configuration and the keys are now.
func (m *metadata) make() (*oid4vci.IssuerMetadata, error) {
	cfg := m.cfg
	im := &oid4vci.IssuerMetadata{
		CredentialIssuer:     cfg.PublicURL,
		CredentialEndpoint:   cfg.PublicURL + issuerhttp.CredentialPath,
		NonceEndpoint:        cfg.PublicURL + issuerhttp.NoncePath,
		NotificationEndpoint: cfg.PublicURL + issuerhttp.NotificationPath,
		Display:              cfg.names(),
		Configurations:       map[string]oid4vci.Configuration{},

		IssuerInfo: m.info, PreferredClientStatusPeriod: int(cfg.Metadata.ClientStatusPeriod / time.Second),
	}
	if cfg.external() {
		im.AuthorizationServers = []string{cfg.AuthorizationServer.Issuer}
	}
	if cfg.Wallets.Defer {
		im.DeferredCredentialEndpoint = cfg.PublicURL + issuerhttp.DeferredPath
	}
	if cfg.Wallets.Encrypt {
		im.CredentialRequestEncryption, im.CredentialResponseEncryption = m.issuance.Encryption()
	}
	// One number for all configurations: no wallet that keeps to it is refused.
	batch := catalog.MaxBatch
	for _, id := range m.catalog.IDs() {
		c, _ := m.catalog.Configuration(id)
		im.Configurations[id] = c.Metadata()
		batch = min(batch, c.BatchSize)
	}
	if batch >= 2 {
		im.BatchCredentialIssuance = &oid4vci.BatchIssuance{BatchSize: batch}
	}
	m.logos.dress(im)
	if err := im.Check(cfg.Dev); err != nil {
		return nil, fmt.Errorf("issuer metadata: %w", err)
	}
	return im, nil
}
