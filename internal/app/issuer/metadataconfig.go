package issuer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

// Metadata is what wallets are told of the office itself.
type Metadata struct {
	Names                    map[string]string `yaml:"names"`
	Logo                     string            `yaml:"logo"`
	Logos                    map[string]string `yaml:"logos"`
	RegistrationCertificates []string          `yaml:"registration_certificates"`
	ClientStatusPeriod       time.Duration     `yaml:"client_status_period"`
}

// Bounds of what every wallet downloads.
const (
	maxName             = 200      // characters: more does not stand on a screen
	maxNames            = 50       // languages
	maxRegistration     = 64 << 10 // bytes of a registration certificate
	maxRegistrations    = 8
	maxClientStatusTime = 10 * 366 * 24 * time.Hour // that of the catalogue
)

func (k *checker) metadata() {
	m := k.c.Metadata
	if len(m.Names) > maxNames {
		k.bad("metadata.names", "at most %d languages, got %d", maxNames, len(m.Names))
	}
	for _, locale := range slices.Sorted(maps.Keys(m.Names)) {
		if !catalog.IsLocale(locale) {
			k.bad("metadata.names", "a language tag such as en, pt-BR or zh-Hant is wanted, got %.64q", locale)
		}
		if name := m.Names[locale]; strings.TrimSpace(name) == "" || len(name) > maxName {
			k.bad("metadata.names."+locale, "a name of 1 to %d characters is wanted", maxName)
		}
	}
	if len(m.RegistrationCertificates) > maxRegistrations {
		k.bad("metadata.registration_certificates", "at most %d, got %d", maxRegistrations, len(m.RegistrationCertificates))
	}
	if p := m.ClientStatusPeriod; p < 0 || p > maxClientStatusTime || p%time.Second != 0 {
		k.bad("metadata.client_status_period", "whole seconds between 0s and %s, got %s", maxClientStatusTime, p)
	}
}

// names are those of the office, by language; one without a language when the
// configuration says none.
func (c *Config) names() (out []oid4vci.IssuerDisplay) {
	for _, locale := range slices.Sorted(maps.Keys(c.Metadata.Names)) {
		out = append(out, oid4vci.IssuerDisplay{Name: c.Metadata.Names[locale], Locale: locale})
	}
	if out == nil {
		out = []oid4vci.IssuerDisplay{{Name: c.Authority.Organization}}
	}
	return out
}

// issuerInfo reads the registration certificates. Whether a wallet trusts who
// signed them is for it to say.
func (c *Config) issuerInfo() (out []oid4vci.IssuerInfo, err error) {
	for i, file := range c.Metadata.RegistrationCertificates {
		data, err := readLimited(c.Path(file), maxRegistration)
		if err != nil {
			return nil, fmt.Errorf("metadata.registration_certificates[%d]: %w", i, err)
		}
		token := strings.TrimSpace(string(data))
		if _, err := jose.Parse(token, maxRegistration); err != nil {
			return nil, fmt.Errorf("metadata.registration_certificates[%d]: %s is no signed JWT in compact form: %w", i, c.Path(file), err)
		}
		out = append(out, oid4vci.IssuerInfo{Format: oid4vci.FormatRegistrationCertificate, Data: token})
	}
	return out, nil
}
