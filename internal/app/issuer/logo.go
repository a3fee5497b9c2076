package issuer

import (
	"crypto/sha256"
	_ "embed" // the seal
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"vidimus/internal/catalog"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// seal is the logo of an office that has none.
//
//go:embed logo.svg
var seal []byte

// logos are the pictures that wallets show, and how they are served.
type logos struct {
	office         string            // name of the office's
	configurations map[string]string // names, by credential configuration id
	served         map[string]issuerhttp.Logo
	url            string // of all, without the slash before the name
}

// logos reads the pictures of the configuration.
func (c *Config) logos(cat *catalog.Catalog) (*logos, error) {
	l := &logos{configurations: map[string]string{}, served: map[string]issuerhttp.Logo{}, url: c.PublicURL + issuerhttp.LogoPath}
	var err error
	if l.office, err = l.add(seal); err != nil {
		return nil, fmt.Errorf("the seal: %w", err) // a build of ours is broken
	}
	if c.Metadata.Logo != "" {
		clear(l.served)
		if l.office, err = l.read(c.Path(c.Metadata.Logo)); err != nil {
			return nil, fmt.Errorf("metadata.logo: %w", err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Metadata.Logos)) {
		if _, ok := cat.Configuration(id); !ok {
			return nil, fmt.Errorf("metadata.logos.%s: the catalogue has no such credential configuration; it has %v", id, cat.IDs())
		}
		if l.configurations[id], err = l.read(c.Path(c.Metadata.Logos[id])); err != nil {
			return nil, fmt.Errorf("metadata.logos.%s: %w", id, err)
		}
	}
	return l, nil
}

func (l *logos) read(path string) (string, error) {
	data, err := readLimited(path, catalog.MaxImage)
	if err != nil {
		return "", err
	}
	name, err := l.add(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return name, nil
}

// add takes a picture in and gives its name, which follows from its content:
// caches may keep it for ever.
func (l *logos) add(data []byte) (string, error) {
	mediaType, err := catalog.ImageType(data)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(data)
	name := hex.EncodeToString(digest[:8]) + map[string]string{"image/png": ".png", "image/svg+xml": ".svg"}[mediaType]
	l.served[name] = issuerhttp.Logo{Type: mediaType, Data: data}
	return name, nil
}

// dress gives every display entry its picture: one of the catalogue stays.
func (l *logos) dress(m *oid4vci.IssuerMetadata) {
	for i, d := range m.Display {
		m.Display[i].Logo = &oid4vci.Image{URI: l.url + "/" + l.office, AltText: d.Name}
	}
	for id, c := range m.Configurations {
		name, own := l.configurations[id]
		if !own {
			name = l.office
		}
		for i, d := range c.Metadata.Display {
			if own || d.Logo == nil {
				c.Metadata.Display[i].Logo = &oid4vci.Image{URI: l.url + "/" + name, AltText: d.Name}
			}
		}
	}
}
