package issuer

import (
	"encoding/json"
	"fmt"

	"vidimus/internal/catalog"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// metadata is the two documents that wallets read first, made once.
type metadata struct {
	issuer, server []byte
	findings       []string // where they fall short of HAIP 1.0
}

// IssuerMetadata implements issuerhttp.Metadata.
func (m *metadata) IssuerMetadata() []byte { return m.issuer }

// ServerMetadata implements issuerhttp.Metadata.
func (m *metadata) ServerMetadata() []byte { return m.server }

func newMetadata(cfg *Config, cat *catalog.Catalog) (*metadata, error) {
	im := &oid4vci.IssuerMetadata{
		CredentialIssuer:     cfg.PublicURL,
		CredentialEndpoint:   cfg.PublicURL + issuerhttp.CredentialPath,
		NonceEndpoint:        cfg.PublicURL + issuerhttp.NoncePath,
		NotificationEndpoint: cfg.PublicURL + issuerhttp.NotificationPath,
		Display:              []oid4vci.IssuerDisplay{{Name: cfg.Authority.Organization}},
		Configurations:       map[string]oid4vci.Configuration{},
	}
	sm := &oid4vci.ServerMetadata{
		Issuer:                       cfg.PublicURL,
		TokenEndpoint:                cfg.PublicURL + issuerhttp.TokenPath,
		GrantTypesSupported:          []string{oid4vci.GrantPreAuthorized},
		PreAuthorizedAnonymousAccess: cfg.Dev,
		TokenEndpointAuthMethods:     []string{"none"},
		DPoPAlgorithms:               []string{"ES256"},
		AuthorizationDetailsTypes:    []string{oid4vci.TypeCredential},
	}
	// One number for all configurations: no wallet that keeps to it is refused.
	batch := catalog.MaxBatch
	for _, id := range cat.IDs() {
		c, _ := cat.Configuration(id)
		im.Configurations[id] = c.Metadata()
		batch = min(batch, c.BatchSize)
		if c.Scope != "" {
			sm.ScopesSupported = append(sm.ScopesSupported, c.Scope)
		}
	}
	if batch >= 2 {
		im.BatchCredentialIssuance = &oid4vci.BatchIssuance{BatchSize: batch}
	}
	if err := im.Check(cfg.Dev); err != nil {
		return nil, fmt.Errorf("issuer metadata: %w", err)
	}
	if err := sm.Check(cfg.Dev); err != nil {
		return nil, fmt.Errorf("authorization server metadata: %w", err)
	}
	m := &metadata{findings: im.HAIP()}
	var err error
	if m.issuer, err = json.Marshal(im); err != nil {
		return nil, fmt.Errorf("encoding the issuer metadata: %w", err)
	}
	if m.server, err = json.Marshal(sm); err != nil {
		return nil, fmt.Errorf("encoding the server metadata: %w", err)
	}
	return m, nil
}
