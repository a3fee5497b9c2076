package issuer

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// metadata is the two documents that wallets read first. They are made anew only
// when the keys for encrypted requests change.
type metadata struct {
	cfg      *Config
	catalog  *catalog.Catalog
	issuance *issuance.Service
	clock    clock.Clock
	server   []byte
	findings []string // where they fall short of HAIP 1.0

	mu     sync.Mutex
	until  time.Time // when the keys change; zero: never
	issuer []byte
}

// IssuerMetadata implements issuerhttp.Metadata.
func (m *metadata) IssuerMetadata() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until.IsZero() || m.clock.Now().Before(m.until) {
		return m.issuer
	}
	if _, body, err := m.make(); err == nil { // it was made like this at the start
		m.issuer, m.until = body, m.issuance.EncryptionRotates()
	}
	return m.issuer
}

// ServerMetadata implements issuerhttp.Metadata.
func (m *metadata) ServerMetadata() []byte { return m.server }

func newMetadata(cfg *Config, cat *catalog.Catalog, tokens *authserver.Server, issuing *issuance.Service, now clock.Clock) (*metadata, error) {
	m := &metadata{cfg: cfg, catalog: cat, issuance: issuing, clock: now}
	if cfg.Wallets.Encrypt {
		m.until = issuing.EncryptionRotates()
	}
	im, body, err := m.make()
	if err != nil {
		return nil, err
	}
	m.issuer, m.findings = body, im.HAIP()
	sm := tokens.Metadata(authserver.Endpoints{Authorization: cfg.PublicURL + issuerhttp.AuthorizePath, Challenge: cfg.PublicURL + issuerhttp.ChallengePath})
	if err := sm.Check(cfg.Dev); err != nil {
		return nil, fmt.Errorf("authorization server metadata: %w", err)
	}
	if m.server, err = json.Marshal(sm); err != nil {
		return nil, fmt.Errorf("encoding the server metadata: %w", err)
	}
	return m, nil
}

// make makes the issuer's document as the configuration and the keys are now.
func (m *metadata) make() (*oid4vci.IssuerMetadata, []byte, error) {
	cfg := m.cfg
	im := &oid4vci.IssuerMetadata{
		CredentialIssuer:     cfg.PublicURL,
		CredentialEndpoint:   cfg.PublicURL + issuerhttp.CredentialPath,
		NonceEndpoint:        cfg.PublicURL + issuerhttp.NoncePath,
		NotificationEndpoint: cfg.PublicURL + issuerhttp.NotificationPath,
		Display:              []oid4vci.IssuerDisplay{{Name: cfg.Authority.Organization}},
		Configurations:       map[string]oid4vci.Configuration{},
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
	if err := im.Check(cfg.Dev); err != nil {
		return nil, nil, fmt.Errorf("issuer metadata: %w", err)
	}
	body, err := json.Marshal(im)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the issuer metadata: %w", err)
	}
	return im, body, nil
}
