package issuer

import (
	"crypto"
	"errors"
	"fmt"
	"slices"

	"vidimus/internal/catalog"
	"vidimus/internal/document"
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
		for _, m := range e.Measures {
			s.Measures = append(s.Measures, document.MeasureKind(m))
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
	for _, m := range document.MeasureKinds() {
		s.Measures = append(s.Measures, string(m))
	}
	for _, id := range cat.IDs() {
		cfg, _ := cat.Configuration(id)
		if !slices.Contains(s.DocumentTypes, cfg.DocumentType) {
			s.DocumentTypes = append(s.DocumentTypes, cfg.DocumentType)
		}
	}
	return s
}
