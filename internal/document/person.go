package document

import (
	"bytes"
	"maps"
	"reflect"
	"time"
)

// Person is the identity facts of one human being.
type Person struct {
	Attributes Attributes `json:"attributes,omitempty"`
	Deceased   bool       `json:"deceased,omitempty"`
	DeceasedAt time.Time  `json:"deceased_at,omitzero"`
	// DeceasedKnown is when the office learned it, DeceasedBy the event.
	DeceasedKnown time.Time `json:"deceased_known,omitzero"`
	DeceasedBy    EventID   `json:"deceased_by,omitzero"`
}

// deceased at an instant; false of nobody.
func (p *Person) deceased(at time.Time) bool {
	return p != nil && p.Deceased && !at.Before(p.DeceasedAt)
}

// Attributes are named facts. The names are the data identifiers of the mDL
// and the PID (ISO/IEC 18013-5, 7.2.1; PID Rulebook, section 2); where these
// differ the registry's word is:
//
//	family_name, given_name, family_name_birth, given_name_birth   string
//	birth_date                       string, YYYY-MM-DD
//	birth_place                      string (mDL)
//	place_of_birth                   map[string]any with country, region, locality
//	nationality                      []string, ISO 3166-1 alpha-2, or QU, QS
//	sex                              int64, 0 to 6 or 9
//	height, weight                   int64, cm and kg
//	eye_colour, hair_colour          string
//	portrait, signature_usual_mark   []byte, JPEG
//	portrait_capture_date            string, YYYY-MM-DD
//	resident_address, _street, _house_number, _city, _state, _postal_code, _country   string
//	personal_administrative_number, email_address, mobile_phone_number               string
//	family_name_national_character, given_name_national_character                    string
//
// A value is a string, bool, int64, []byte, []string, []any or map[string]any.
type Attributes map[string]any

// Text gives a string attribute, "" when it is absent or of another type.
func (a Attributes) Text(name string) string {
	s, _ := a[name].(string)
	return s
}

// Bytes gives a binary attribute, nil when it is absent or of another type.
func (a Attributes) Bytes(name string) []byte {
	b, _ := a[name].([]byte)
	return b
}

// equal compares values of the types that Attributes documents; none and an
// empty set are the same.
func (a Attributes) equal(b Attributes) bool {
	return maps.EqualFunc(a, b, equalValue)
}

func equalValue(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case string:
		return a == b
	}
	return reflect.DeepEqual(a, b)
}
