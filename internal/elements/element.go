package elements

import (
	"slices"
	"strings"

	"vidimus/internal/cbor"
)

// Element is one row of a table of data elements.
type Element struct {
	// Identifier is the mdoc element identifier, empty when the element exists
	// only as a claim.
	Identifier string
	// Data is the data identifier: the name under which a registry knows the fact.
	Data string
	// Claim is the path of the SD-JWT VC claim, empty when there is none.
	Claim []string
	Kind  Kind
	// Mandatory says that a document without the element is not one of its type.
	Mandatory bool
	// Choices are the allowed words of a KindChoice.
	Choices []string
	// EmptyAllowed says that an empty text or picture has a meaning of its own: a
	// person with a single name, a portrait that the holder opted out of.
	EmptyAllowed bool
}

// Name is what errors call the element.
func (e *Element) Name() string {
	switch {
	case e.Identifier != "":
		return e.Identifier
	case len(e.Claim) > 0:
		return strings.Join(e.Claim, ".")
	}
	return e.Data
}

// Normalize brings a value into its neutral form (see the package comment) and
// checks every rule of the element. It accepts what decoders of JSON and YAML
// give: json.Number and other integers for uint64, []any for []string, and so
// on. The error is an *Error without the value.
func (e *Element) Normalize(value any) (any, error) {
	neutral, f := normalize(e, value)
	if f != nil {
		return nil, f.named(e.Name())
	}
	return neutral, nil
}

// Encode gives the value's deterministic CBOR encoding (ISO/IEC 18013-5, 7.2).
func (e *Element) Encode(value any) (cbor.RawMessage, error) {
	neutral, err := e.Normalize(value)
	if err != nil {
		return nil, err
	}
	raw, err := cbor.Marshal(wireCBOR(e.Kind, neutral))
	if err != nil {
		return nil, wrong("cannot be encoded").named(e.Name())
	}
	return raw, nil
}

// ClaimValue gives the value as a JSON value: string, json.Number, bool, []any or
// map[string]any (PID Rulebook, 4.1; SD-JWT VC: binary values as data URLs).
func (e *Element) ClaimValue(value any) (any, error) {
	neutral, err := e.Normalize(value)
	if err != nil {
		return nil, err
	}
	return wireJSON(e.Kind, neutral), nil
}

// Decoded is what a verifier reads: the neutral value and the rules of the data
// model that it breaks without being ambiguous.
type Decoded struct {
	Value    any
	Warnings []string
}

// Decode reads an element value of an mdoc. The error is an *Error of kind
// ErrEncoding or ErrRule; then there is no value. Bytes are a slice of item.
func (e *Element) Decode(item cbor.RawMessage) (Decoded, error) {
	value, warning, f := readCBOR(e.Kind, item)
	if f != nil {
		return Decoded{}, f.named(e.Name())
	}
	return e.accept(value, warning)
}

// DecodeClaim reads a claim value as internal/jose decodes it (string,
// json.Number, bool, []any, map[string]any).
func (e *Element) DecodeClaim(claim any) (Decoded, error) {
	value, f := readJSON(e.Kind, claim)
	if f != nil {
		return Decoded{}, f.named(e.Name())
	}
	return e.accept(value, "")
}

// accept applies the rules in the reader's way: soft flaws warn, and what was
// signed is shown, not what we would have written.
func (e *Element) accept(value any, warning string) (Decoded, error) {
	d := Decoded{Value: value}
	if warning != "" {
		d.Warnings = append(d.Warnings, e.Name()+": "+warning)
	}
	neutral, f := normalize(e, value)
	switch {
	case f != nil && f.soft:
		d.Warnings = append(d.Warnings, e.Name()+": "+f.reason)
	case f != nil:
		return Decoded{}, f.named(e.Name())
	case differs(value, neutral):
		d.Warnings = append(d.Warnings, e.Name()+": not in the form of its type")
	}
	return d, nil
}

// differs compares the scalar kinds whose normalisation can change a value.
func differs(value, neutral any) bool {
	switch v := value.(type) {
	case string:
		return v != neutral
	case uint64:
		return v != neutral
	}
	return false
}

// Set is one table: the elements of one document type.
type Set struct {
	DocType   string
	NameSpace string
	// VCT is the type of the SD-JWT VC, empty where the document has none.
	VCT  string
	rows []Element
	// family gives the rows of open families, nil where there are none.
	family func(identifier string) (Element, bool)
}

// Sets are the tables of this package.
func Sets() []*Set { return []*Set{MDL, PID, AgeAttestation} }

// ForDocType finds the table of an mdoc document type.
func ForDocType(docType string) (*Set, bool) {
	return findSet(func(s *Set) bool { return s.DocType == docType })
}

// ForVCT finds the table of an SD-JWT VC type.
func ForVCT(vct string) (*Set, bool) {
	return findSet(func(s *Set) bool { return s.VCT != "" && s.VCT == vct })
}

func findSet(match func(*Set) bool) (*Set, bool) {
	sets := Sets()
	i := slices.IndexFunc(sets, match)
	if i < 0 {
		return nil, false
	}
	return sets[i], true
}

// Elements gives the rows in the table's order, without the open families
// (age_over_NN, biometric_template_xx).
func (s *Set) Elements() []Element { return slices.Clone(s.rows) }

// ByIdentifier finds the row of an mdoc element identifier, among them those of
// the open families.
func (s *Set) ByIdentifier(identifier string) (Element, bool) {
	if identifier == "" {
		return Element{}, false
	}
	for i := range s.rows {
		if s.rows[i].Identifier == identifier {
			return s.rows[i], true
		}
	}
	if s.family != nil {
		return s.family(identifier)
	}
	return Element{}, false
}

// ByClaim finds the row of a claim path.
func (s *Set) ByClaim(path ...string) (Element, bool) {
	for _, e := range s.rows {
		if len(e.Claim) > 0 && slices.Equal(e.Claim, path) {
			return e, true
		}
	}
	return Element{}, false
}

// ByData finds the row of a data identifier.
func (s *Set) ByData(data string) (Element, bool) {
	for _, e := range s.rows {
		if e.Data == data {
			return e, true
		}
	}
	if s.family != nil {
		return s.family(data)
	}
	return Element{}, false
}
