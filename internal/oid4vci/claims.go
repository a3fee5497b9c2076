package oid4vci

import (
	"encoding/json"
	"fmt"
	"strconv"

	"vidimus/internal/jose"
)

// Claim is a claims description (OpenID4VCI 1.0 appendix B.2 in metadata, and
// in authorization_details without Display).
type Claim struct {
	Path      Path           `json:"path"`
	Mandatory bool           `json:"mandatory,omitempty"`
	Display   []ClaimDisplay `json:"display,omitempty"`
}

// ClaimDisplay is the name of a claim in one language.
type ClaimDisplay struct {
	Name   string `json:"name,omitempty"`
	Locale string `json:"locale,omitempty"`
}

// Path is a claims path pointer (appendix C): strings are member names, ints
// array indices, nil every element of an array.
type Path []any

// UnmarshalJSON accepts strings, non-negative integers and null.
func (p *Path) UnmarshalJSON(data []byte) error {
	var raw []any
	if err := jose.DecodeJSON(data, &raw); err != nil {
		return fmt.Errorf("claims path: %w", err)
	}
	out := make(Path, 0, len(raw))
	for _, v := range raw {
		if n, ok := v.(json.Number); ok {
			i, err := strconv.Atoi(string(n))
			if err != nil || i < 0 {
				return fmt.Errorf("claims path: an index is no natural number")
			}
			v = i
		}
		out = append(out, v)
	}
	if err := out.check(); err != nil {
		return err
	}
	*p = out
	return nil
}

func (p Path) check() error {
	if len(p) == 0 || len(p) > maxPath {
		return fmt.Errorf("claims path of %d components", len(p))
	}
	for _, v := range p {
		switch c := v.(type) {
		case nil, string:
		case int:
			if c < 0 {
				return fmt.Errorf("claims path: negative index")
			}
		default:
			return fmt.Errorf("claims path: a component is neither name, index nor null")
		}
	}
	return nil
}

// checkClaims applies the abort rules of appendix B.3: no claim addressed
// twice, none both as array and as object, no null beside an index into the
// same array.
func checkClaims(claims []Claim, mdoc bool) error {
	full, kinds := map[string]bool{}, map[string]byte{}
	for i, c := range claims {
		if err := c.Path.check(); err != nil {
			return fmt.Errorf("claim %d: %w", i, err)
		}
		if mdoc {
			if len(c.Path) < 2 {
				return fmt.Errorf("claim %d: a path into an mdoc names a namespace and an element", i)
			}
			for _, v := range c.Path[:2] {
				if _, ok := v.(string); !ok {
					return fmt.Errorf("claim %d: namespace and element are strings", i)
				}
			}
		}
		prefix := ""
		for _, v := range c.Path {
			kind, text := byte('o'), ""
			switch v := v.(type) {
			case nil:
				kind, text = 'n', "*"
			case int:
				kind, text = 'i', strconv.Itoa(v)
			case string:
				text = strconv.Quote(v)
			}
			// In an mdoc an integer may be a map key, so it contradicts nothing there.
			if was, ok := kinds[prefix]; ok && was != kind && !(mdoc && (was == 'i' || kind == 'i')) {
				return fmt.Errorf("claim %d: two paths take one claim for different things", i)
			}
			kinds[prefix] = kind
			prefix += "/" + string(kind) + text
		}
		if full[prefix] {
			return fmt.Errorf("claim %d: addressed twice", i)
		}
		full[prefix] = true
		if err := checkLocales(len(c.Display), func(j int) string { return c.Display[j].Locale }); err != nil {
			return fmt.Errorf("claim %d: %w", i, err)
		}
	}
	return nil
}

// checkLocales refuses two display objects for one language.
func checkLocales(n int, locale func(int) string) error {
	seen := map[string]bool{}
	for i := range n {
		if seen[locale(i)] {
			return fmt.Errorf("two display objects for one locale")
		}
		seen[locale(i)] = true
	}
	return nil
}
