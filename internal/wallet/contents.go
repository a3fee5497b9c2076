package wallet

import (
	"maps"
	"slices"
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/sdjwt"
)

// Value is one element or claim, for showing.
type Value struct {
	NameSpace string // of an mdoc element
	Name      string // identifier, or the claim's path with dots between
	JSON      any    // dates as text, bytes as base64url
	// Bytes are those of a picture or another byte string, which JSON would
	// only spell out.
	Bytes []byte
}

// Contents decodes the values of a batch, in the order of an mdoc, in that of
// names for an SD-JWT VC. They were verified when they came; whoever can write
// into the folder can write values.
func (s *Store) Contents(id string) (Batch, []Value, error) {
	b, err := s.Batch(id)
	if err != nil {
		return Batch{}, nil, err
	}
	text, err := s.Credential(id, 0)
	if err != nil {
		return Batch{}, nil, err
	}
	if b.Format == oid4vci.FormatMdoc {
		signed, err := parseIssuerSigned(text)
		if err != nil {
			return Batch{}, nil, err
		}
		return b, elementValues(signed), nil
	}
	token, err := sdjwt.Parse(text)
	if err != nil {
		return Batch{}, nil, err
	}
	payload, err := token.Process()
	if err != nil {
		return Batch{}, nil, err
	}
	return b, claims(payload), nil
}

func elementValues(signed *mdoc.IssuerSigned) []Value {
	var values []Value
	for _, ns := range signed.NameSpaces {
		for i := range ns.Items {
			item := &ns.Items[i]
			v := Value{NameSpace: ns.Name, Name: item.ElementIdentifier}
			var err error
			if v.JSON, err = elements.Render(item.ElementValue); err != nil {
				v.JSON = cbor.Diagnose(item.ElementValue)
			}
			if item.Decode(&v.Bytes) != nil {
				v.Bytes = nil
			}
			values = append(values, v)
		}
	}
	return values
}

// technical are the members that say how the credential works.
var technical = []string{"vct", "vct#integrity", "aka_vcts", "iss", "nbf", "exp", "iat", "cnf", "status"}

// claims gives what the credential says of its holder: members of objects one
// by one, lists as they are.
func claims(payload *sdjwt.Payload) []Value {
	set, known := elements.ForVCT(payload.VCT)
	var values []Value
	var walk func(object map[string]any, above []string)
	walk = func(object map[string]any, above []string) {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if len(above) == 0 && slices.Contains(technical, name) {
				continue
			}
			path := append(slices.Clone(above), name)
			if inner, ok := object[name].(map[string]any); ok && len(inner) > 0 {
				walk(inner, path)
				continue
			}
			v := Value{Name: strings.Join(path, "."), JSON: object[name]}
			if known {
				if row, ok := set.ByClaim(path...); ok {
					if decoded, err := row.DecodeClaim(object[name]); err == nil {
						v.Bytes, _ = decoded.Value.([]byte)
					}
				}
			}
			values = append(values, v)
		}
	}
	walk(payload.Claims, nil)
	return values
}
