package sdjwt

import (
	"encoding/json"
	"fmt"

	"vidimus/internal/jose"
)

// TypeMetadata describes a credential type: the document that vct names
// (SD-JWT VC, section 4).
type TypeMetadata struct {
	VCT               string
	Name, Description string // for developers
	Extends           string // vct of the parent type
	ExtendsIntegrity  string // SRI of the parent's document
	Display           []TypeDisplay
	Claims            []TypeClaim // in the order of the document

	set map[string]stated // by path: what the document says itself
}

type typeMetadataJSON struct {
	VCT              string          `json:"vct"`
	Name             string          `json:"name"`
	Description      string          `json:"description"`
	Extends          string          `json:"extends"`
	ExtendsIntegrity string          `json:"extends#integrity"`
	Display          []TypeDisplay   `json:"display"`
	Claims           []typeClaimJSON `json:"claims"`
}

// stated tells what is said from what is default, for inheritance.
type stated struct{ sd, mandatory bool }

// TypeDisplay is how a wallet shows the type in one language.
type TypeDisplay struct {
	Locale      string          `json:"locale"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Rendering   json.RawMessage `json:"rendering"` // logos, colours, SVG: for the one who draws
}

// Selectivity says whether a claim must, may or must not be a disclosure.
type Selectivity string

// The values of sd in claim metadata.
const (
	SDAlways  Selectivity = "always"
	SDAllowed Selectivity = "allowed"
	SDNever   Selectivity = "never"
)

// TypeClaim describes the claims that a path leads to.
type TypeClaim struct {
	Path      Path
	Display   []ClaimDisplay
	Mandatory bool
	SD        Selectivity
	SVGID     string
}

// ClaimDisplay is the label of a claim in one language.
type ClaimDisplay struct {
	Locale      string `json:"locale"`
	Label       string `json:"label"`
	Description string `json:"description"`
}

type typeClaimJSON struct {
	Path      json.RawMessage `json:"path"`
	Display   []ClaimDisplay  `json:"display"`
	Mandatory *bool           `json:"mandatory"`
	SD        *Selectivity    `json:"sd"`
	SVGID     string          `json:"svg_id"`
}

// ParseTypeMetadata reads one document strictly: a malformed claim makes every
// credential of the type unacceptable (section 4.6), so it is an error here.
// Parents named by extends are not looked at; see [ResolveTypeMetadata].
func ParseTypeMetadata(data []byte) (*TypeMetadata, error) {
	if len(data) > maxTypeMetadata {
		return nil, refuse(CheckVCT, "%w: type metadata of %d bytes, at most %d", ErrLimit, len(data), maxTypeMetadata)
	}
	var wire typeMetadataJSON
	if err := jose.DecodeJSON(data, &wire); err != nil {
		return nil, refuse(CheckVCT, "type metadata: %w", err)
	}
	m := &TypeMetadata{VCT: wire.VCT, Name: wire.Name, Description: wire.Description, Extends: wire.Extends,
		ExtendsIntegrity: wire.ExtendsIntegrity, Display: wire.Display, set: map[string]stated{}}
	if err := m.settle(wire.Claims); err != nil {
		return nil, refuse(CheckVCT, "type metadata: %w", err)
	}
	return m, nil
}

func (m *TypeMetadata) settle(claims []typeClaimJSON) error {
	if m.VCT == "" {
		return fmt.Errorf("no vct")
	}
	if m.ExtendsIntegrity != "" {
		if m.Extends == "" {
			return fmt.Errorf("extends#integrity without extends")
		}
		if _, err := parseIntegrity(m.ExtendsIntegrity); err != nil {
			return fmt.Errorf("extends#integrity: %w", err)
		}
	}
	locales := map[string]bool{}
	for _, d := range m.Display {
		if d.Locale == "" || d.Name == "" || locales[d.Locale] {
			return fmt.Errorf("display without locale or name, or with a locale twice")
		}
		locales[d.Locale] = true
	}
	if len(claims) > maxTypeClaims {
		return fmt.Errorf("%w: %d claims, at most %d", ErrLimit, len(claims), maxTypeClaims)
	}
	ids := map[string]bool{}
	for _, raw := range claims {
		c, err := raw.settle()
		if err != nil {
			return err
		}
		key := c.Path.String()
		if _, twice := m.set[key]; twice {
			return fmt.Errorf("claim %s twice", key)
		}
		m.set[key] = stated{sd: raw.SD != nil, mandatory: raw.Mandatory != nil}
		if c.SVGID != "" && ids[c.SVGID] {
			return fmt.Errorf("svg_id %s twice", c.SVGID)
		}
		ids[c.SVGID] = true
		m.Claims = append(m.Claims, c)
	}
	return nil
}

func (raw *typeClaimJSON) settle() (TypeClaim, error) {
	path, err := parsePathJSON(raw.Path)
	if err != nil {
		return TypeClaim{}, fmt.Errorf("path of a claim: %w", err)
	}
	c := TypeClaim{Path: path, Display: raw.Display, SD: SDAllowed, SVGID: raw.SVGID}
	if raw.Mandatory != nil {
		c.Mandatory = *raw.Mandatory
	}
	if raw.SD != nil {
		c.SD = *raw.SD
	}
	switch c.SD {
	case SDAlways, SDAllowed, SDNever:
	default:
		return TypeClaim{}, fmt.Errorf("sd of claim %s is none of always, allowed, never", path)
	}
	if name, ok := path[0].Name(); ok && neverSelective[name] && c.SD == SDAlways {
		return TypeClaim{}, fmt.Errorf("claim %s can never be selectively disclosable", path)
	}
	locales := map[string]bool{}
	for _, d := range c.Display {
		if d.Locale == "" || d.Label == "" || locales[d.Locale] {
			return TypeClaim{}, fmt.Errorf("display of claim %s without locale or label, or with a locale twice", path)
		}
		locales[d.Locale] = true
	}
	for _, r := range c.SVGID {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return TypeClaim{}, fmt.Errorf("svg_id of claim %s holds other than letters, digits and underscore", path)
		}
	}
	return c, nil
}
