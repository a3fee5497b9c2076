package oid4vci

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"vidimus/internal/jose"
)

// Formats (appendix A).
const (
	FormatMdoc  = "mso_mdoc"
	FormatSDJWT = "dc+sd-jwt"
)

// IssuerMetadata is the document at WellKnownIssuer (section 12.2.4).
type IssuerMetadata struct {
	CredentialIssuer             string                   `json:"credential_issuer"`
	AuthorizationServers         []string                 `json:"authorization_servers,omitempty"`
	CredentialEndpoint           string                   `json:"credential_endpoint"`
	NonceEndpoint                string                   `json:"nonce_endpoint,omitempty"`
	DeferredCredentialEndpoint   string                   `json:"deferred_credential_endpoint,omitempty"`
	NotificationEndpoint         string                   `json:"notification_endpoint,omitempty"`
	CredentialRequestEncryption  *RequestEncryption       `json:"credential_request_encryption,omitempty"`
	CredentialResponseEncryption *ResponseEncryption      `json:"credential_response_encryption,omitempty"`
	BatchCredentialIssuance      *BatchIssuance           `json:"batch_credential_issuance,omitempty"`
	Display                      []IssuerDisplay          `json:"display,omitempty"`
	Configurations               map[string]Configuration `json:"credential_configurations_supported"`

	// Of the EUDI profile (ETSI TS 119 472-3, as its reference code has it).
	IssuerInfo                  []IssuerInfo `json:"issuer_info,omitempty"`
	PreferredClientStatusPeriod int          `json:"preferred_client_status_period,omitempty"` // seconds that a wallet attestation's status should be kept
}

// IssuerInfo is a statement about the issuer, such as its registration
// certificate by value.
type IssuerInfo struct {
	Format string `json:"format"` // FormatRegistrationCertificate
	Data   string `json:"data"`
}

// FormatRegistrationCertificate is that of a registration certificate as JWT.
const FormatRegistrationCertificate = "registration_cert"

// RequestEncryption is how requests may be, or must be, encrypted.
type RequestEncryption struct {
	JWKS     json.RawMessage `json:"jwks"` // JWK Set; every key has its own kid
	Encs     []string        `json:"enc_values_supported"`
	Zips     []string        `json:"zip_values_supported,omitempty"`
	Required bool            `json:"encryption_required"`
}

// ResponseEncryption is how responses may be, or must be, encrypted.
type ResponseEncryption struct {
	Algs     []string `json:"alg_values_supported"`
	Encs     []string `json:"enc_values_supported"`
	Zips     []string `json:"zip_values_supported,omitempty"`
	Required bool     `json:"encryption_required"`
}

// BatchIssuance is there when one request may carry several keys.
type BatchIssuance struct {
	BatchSize int `json:"batch_size"` // at least 2
}

// IssuerDisplay is the issuer's name in one language.
type IssuerDisplay struct {
	Name   string `json:"name,omitempty"`
	Locale string `json:"locale,omitempty"`
	Logo   *Image `json:"logo,omitempty"`
}

// Image is a picture by https or data URI.
type Image struct {
	URI     string `json:"uri"`
	AltText string `json:"alt_text,omitempty"`
}

// Configuration is one way in which one type of credential is issued.
type Configuration struct {
	Format string `json:"format"`
	Scope  string `json:"scope,omitempty"`
	// Algorithms are COSE numbers (int) for mso_mdoc, JOSE names (string) for
	// dc+sd-jwt.
	Algorithms     []any                `json:"credential_signing_alg_values_supported,omitempty"`
	BindingMethods []string             `json:"cryptographic_binding_methods_supported,omitempty"`
	ProofTypes     map[string]ProofType `json:"proof_types_supported,omitempty"`
	DocType        string               `json:"doctype,omitempty"`
	VCT            string               `json:"vct,omitempty"`
	Metadata       *CredentialMetadata  `json:"credential_metadata,omitempty"`
}

// ProofType is what is demanded of one type of proof.
type ProofType struct {
	Algorithms []string                 `json:"proof_signing_alg_values_supported"`
	Required   *KeyAttestationsRequired `json:"key_attestations_required,omitempty"` // nil = not required
}

// KeyAttestationsRequired names what passes; an empty list lets anything pass.
type KeyAttestationsRequired struct {
	KeyStorage         []string `json:"key_storage,omitempty"`
	UserAuthentication []string `json:"user_authentication,omitempty"`
	// PreferredStatusPeriod is how many seconds the status of the attestation
	// should be kept (EUDI).
	PreferredStatusPeriod int `json:"preferred_key_storage_status_period,omitempty"`
}

// CredentialMetadata is what a wallet shows.
type CredentialMetadata struct {
	Display     []CredentialDisplay `json:"display,omitempty"`
	Claims      []Claim             `json:"claims,omitempty"`
	ReusePolicy *ReusePolicy        `json:"credential_reuse_policy,omitempty"`
}

// CredentialDisplay is how a credential looks in one language.
type CredentialDisplay struct {
	Name            string `json:"name"`
	Locale          string `json:"locale,omitempty"`
	Logo            *Image `json:"logo,omitempty"`
	Description     string `json:"description,omitempty"`
	BackgroundColor string `json:"background_color,omitempty"`
	BackgroundImage *Image `json:"background_image,omitempty"`
	TextColor       string `json:"text_color,omitempty"`
}

// ParseIssuerMetadata reads the document that was found for issuer, and
// refuses one that names another (section 12.2.4: compared as strings).
func ParseIssuerMetadata(data []byte, issuer string, allowInsecure ...bool) (*IssuerMetadata, error) {
	var m IssuerMetadata
	if err := jose.DecodeJSONLimit(data, &m, maxMetadata); err != nil {
		return nil, fmt.Errorf("parsing issuer metadata: %w", err)
	}
	if m.CredentialIssuer != issuer {
		return nil, fmt.Errorf("parsing issuer metadata: it is the document of another issuer")
	}
	for id, c := range m.Configurations {
		for i, a := range c.Algorithms {
			if n, ok := a.(json.Number); ok {
				alg, err := strconv.Atoi(string(n))
				if err != nil {
					return nil, fmt.Errorf("parsing issuer metadata: configuration %.64q: algorithm is no integer", id)
				}
				c.Algorithms[i] = alg
			}
		}
	}
	if err := m.Check(allowInsecure...); err != nil {
		return nil, fmt.Errorf("parsing issuer metadata: %w", err)
	}
	return &m, nil
}

// Check applies the rules of section 12.2.4, as an issuer does to its own
// document before it serves it.
func (m *IssuerMetadata) Check(allowInsecure ...bool) error {
	insecure := allowed(allowInsecure)
	if err := CheckIssuer(m.CredentialIssuer, insecure); err != nil {
		return err
	}
	if m.AuthorizationServers != nil && len(m.AuthorizationServers) == 0 {
		return fmt.Errorf("authorization_servers is empty")
	}
	for _, s := range m.AuthorizationServers {
		if _, err := checkURL(s, insecure, false); err != nil {
			return fmt.Errorf("authorization_servers: %w", err)
		}
	}
	if m.CredentialEndpoint == "" {
		return fmt.Errorf("credential_endpoint is missing")
	}
	for name, endpoint := range map[string]string{"credential_endpoint": m.CredentialEndpoint, "nonce_endpoint": m.NonceEndpoint,
		"deferred_credential_endpoint": m.DeferredCredentialEndpoint, "notification_endpoint": m.NotificationEndpoint} {
		if endpoint == "" {
			continue
		}
		if _, err := checkURL(endpoint, insecure, true); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := m.checkEncryption(); err != nil {
		return err
	}
	if b := m.BatchCredentialIssuance; b != nil && b.BatchSize < 2 {
		return fmt.Errorf("batch_size %d: at least 2 is due", b.BatchSize)
	}
	if err := checkLocales(len(m.Display), func(i int) string { return m.Display[i].Locale }); err != nil {
		return err
	}
	for i, info := range m.IssuerInfo {
		if info.Format == "" || info.Data == "" {
			return fmt.Errorf("issuer_info %d: format or data is missing", i)
		}
	}
	if m.PreferredClientStatusPeriod < 0 {
		return fmt.Errorf("preferred_client_status_period is negative")
	}
	if m.Configurations == nil {
		return fmt.Errorf("credential_configurations_supported is missing")
	}
	for id, c := range m.Configurations {
		if err := c.check(); err != nil {
			return fmt.Errorf("configuration %.64q: %w", id, err)
		}
	}
	return nil
}

func (m *IssuerMetadata) checkEncryption() error {
	if e := m.CredentialRequestEncryption; e != nil {
		keys, err := jose.ParseKeySet(e.JWKS)
		if err != nil {
			return fmt.Errorf("credential_request_encryption: %w", err)
		}
		for _, k := range keys {
			if k.Private != nil || k.KeyID == "" {
				return fmt.Errorf("credential_request_encryption: a key is private or has no kid")
			}
		}
		if len(e.Encs) == 0 {
			return fmt.Errorf("credential_request_encryption: enc_values_supported is empty")
		}
	}
	if e := m.CredentialResponseEncryption; e != nil && (len(e.Algs) == 0 || len(e.Encs) == 0) {
		return fmt.Errorf("credential_response_encryption: alg_values_supported or enc_values_supported is empty")
	}
	return nil
}

func (c *Configuration) check() error {
	if c.Format == "" {
		return fmt.Errorf("format is missing")
	}
	if (len(c.BindingMethods) == 0) != (len(c.ProofTypes) == 0) {
		return fmt.Errorf("cryptographic_binding_methods_supported and proof_types_supported go together")
	}
	for name, p := range c.ProofTypes {
		if len(p.Algorithms) == 0 {
			return fmt.Errorf("proof type %.64q: proof_signing_alg_values_supported is empty", name)
		}
	}
	switch {
	case c.Format == FormatMdoc && c.DocType == "":
		return fmt.Errorf("doctype is missing")
	case c.Format == FormatSDJWT && c.VCT == "":
		return fmt.Errorf("vct is missing")
	}
	for _, a := range c.Algorithms {
		_, number := a.(int)
		_, text := a.(string)
		if c.Format == FormatMdoc && !number || c.Format == FormatSDJWT && !text {
			return fmt.Errorf("credential_signing_alg_values_supported: COSE numbers for %s, JOSE names for %s", FormatMdoc, FormatSDJWT)
		}
	}
	if c.Metadata == nil {
		return nil
	}
	if p := c.Metadata.ReusePolicy; p != nil {
		if err := p.Check(); err != nil {
			return err
		}
	}
	d := c.Metadata.Display
	if slices.ContainsFunc(d, func(d CredentialDisplay) bool { return d.Name == "" }) {
		return fmt.Errorf("display: name is missing")
	}
	if err := checkLocales(len(d), func(i int) string { return d[i].Locale }); err != nil {
		return err
	}
	return checkClaims(c.Metadata.Claims, c.Format == FormatMdoc)
}

// HAIP lists where the document falls short of HAIP 1.0 section 4: findings
// in words, nil when none.
func (m *IssuerMetadata) HAIP() []string {
	var findings []string
	bound := false
	for _, id := range slices.Sorted(maps.Keys(m.Configurations)) {
		c := m.Configurations[id]
		if c.Scope == "" {
			findings = append(findings, "configuration "+id+" has no scope")
		}
		if c.Format != FormatMdoc && c.Format != FormatSDJWT {
			findings = append(findings, "configuration "+id+" has format "+c.Format)
		}
		bound = bound || len(c.BindingMethods) > 0
	}
	if bound && m.NonceEndpoint == "" {
		findings = append(findings, "nonce_endpoint is missing though credentials are bound to keys")
	}
	return findings
}
