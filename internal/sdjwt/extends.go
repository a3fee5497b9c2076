package sdjwt

import (
	"fmt"
	"slices"
)

// ResolveTypeMetadata gets the metadata of vct and of the types that it
// extends, and joins them into one (SD-JWT VC, section 4.4). get supplies the
// octets of one document, from a registry, a cache or a bundle: whether and how
// anything is fetched is its affair. sri is vct#integrity, or "".
//
// A type that extends itself, over however many steps, is refused.
func ResolveTypeMetadata(vct, sri string, get func(vct string) ([]byte, error)) (*TypeMetadata, error) {
	var chain []*TypeMetadata // child first
	for vct != "" {
		if len(chain) >= maxExtends {
			return nil, refuse(CheckVCT, "%w: more than %d types extend each other", ErrLimit, maxExtends)
		}
		if slices.ContainsFunc(chain, func(m *TypeMetadata) bool { return m.VCT == vct }) {
			return nil, refuse(CheckVCT, "type metadata: a type extends itself")
		}
		document, err := get(vct)
		if err != nil {
			return nil, refuse(CheckVCT, "getting type metadata: %w", err)
		}
		if sri != "" {
			if err := VerifyIntegrity(document, sri); err != nil {
				return nil, err
			}
		}
		m, err := ParseTypeMetadata(document)
		if err != nil {
			return nil, err
		}
		if m.VCT != vct {
			return nil, refuse(CheckVCT, "type metadata: vct is another than the one referred to")
		}
		chain = append(chain, m)
		vct, sri = m.Extends, m.ExtendsIntegrity
	}
	if len(chain) == 0 {
		return nil, refuse(CheckVCT, "no vct")
	}
	merged := chain[len(chain)-1]
	for i := len(chain) - 2; i >= 0; i-- {
		var err error
		if merged, err = chain[i].inherit(merged); err != nil {
			return nil, refuse(CheckVCT, "type metadata: %w", err)
		}
	}
	return merged, nil
}

// inherit gives the child with what it takes over: all claims of the parent,
// those with the same path in the child's words, and display as a whole when
// the child has none. A child may narrow what the parent says, never widen it.
func (m *TypeMetadata) inherit(parent *TypeMetadata) (*TypeMetadata, error) {
	merged := *m
	if merged.Display == nil {
		merged.Display = parent.Display
	}
	merged.Claims = slices.Clone(parent.Claims)
	for _, c := range m.Claims {
		i := slices.IndexFunc(merged.Claims, func(p TypeClaim) bool { return p.Path.Equal(c.Path) })
		if i < 0 {
			merged.Claims = append(merged.Claims, c)
			continue
		}
		inherited := &merged.Claims[i]
		raw := m.set[c.Path.String()]
		if !raw.sd {
			c.SD = inherited.SD
		}
		if !raw.mandatory {
			c.Mandatory = inherited.Mandatory
		}
		if c.Display == nil {
			c.Display = inherited.Display
		}
		if c.SVGID == "" {
			c.SVGID = inherited.SVGID
		}
		if inherited.SD != SDAllowed && c.SD != inherited.SD {
			return nil, fmt.Errorf("claim %s: sd %s of the parent cannot become %s", c.Path, inherited.SD, c.SD)
		}
		if inherited.Mandatory && !c.Mandatory {
			return nil, fmt.Errorf("claim %s is mandatory in the parent", c.Path)
		}
		merged.Claims[i] = c
	}
	if len(merged.Claims) > maxTypeClaims {
		return nil, fmt.Errorf("%w: %d claims, at most %d", ErrLimit, len(merged.Claims), maxTypeClaims)
	}
	return &merged, nil
}
