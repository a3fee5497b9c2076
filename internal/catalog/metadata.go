package catalog

import (
	"maps"
	"slices"

	"vidimus/internal/oid4vci"
)

// Metadata is the configuration as wallets read it (OpenID4VCI 1.0, 12.2.4).
// Claims stand in the order of the configuration; for an mdoc with the path
// namespace, identifier.
func (cfg *Configuration) Metadata() oid4vci.Configuration {
	m := oid4vci.Configuration{
		Format: cfg.Format, Scope: cfg.Scope, DocType: cfg.DocType, VCT: cfg.VCT,
		// ES256 is what every wallet can and HAIP 1.0, 7 demands.
		ProofTypes: map[string]oid4vci.ProofType{"jwt": {Algorithms: []string{"ES256"}, Required: cfg.KeyAttestations}},
		Metadata:   &oid4vci.CredentialMetadata{ReusePolicy: cfg.Reuse},
	}
	if cfg.KeyAttestations != nil {
		m.ProofTypes["attestation"] = m.ProofTypes["jwt"]
	}
	if cfg.Format == FormatMDoc {
		m.BindingMethods = []string{"cose_key"}
		// The generic and the fully specified number of one algorithm: wallets
		// compare with either (appendix A.2.2).
		m.Algorithms = []any{-7, -9}
		if cfg.SigningCurve == "P-384" {
			m.Algorithms = []any{-35, -51}
		}
	} else {
		m.BindingMethods = []string{"jwk"}
		m.Algorithms = []any{"ES256"}
		if cfg.SigningCurve == "P-384" {
			m.Algorithms = []any{"ES384"}
		}
	}
	for _, d := range cfg.Display {
		m.Metadata.Display = append(m.Metadata.Display, oid4vci.CredentialDisplay{
			Name: d.Name, Locale: d.Locale, Description: d.Description, BackgroundColor: d.BackgroundColor, TextColor: d.TextColor,
			Logo: d.Logo.metadata(), BackgroundImage: d.BackgroundImage.metadata(),
		})
	}
	for _, e := range cfg.elements {
		m.Metadata.Claims = append(m.Metadata.Claims, e.claim())
	}
	return m
}

func (i Image) metadata() *oid4vci.Image {
	if i == (Image{}) {
		return nil
	}
	return &oid4vci.Image{URI: i.URI, AltText: i.AltText}
}

func (e element) claim() oid4vci.Claim {
	c := oid4vci.Claim{Mandatory: e.mandatory}
	if e.nameSpace != "" {
		c.Path = oid4vci.Path{e.nameSpace, e.Identifier}
	}
	for _, name := range e.path {
		c.Path = append(c.Path, name)
	}
	for _, locale := range slices.Sorted(maps.Keys(e.display)) {
		c.Display = append(c.Display, oid4vci.ClaimDisplay{Name: e.display[locale], Locale: locale})
	}
	return c
}
