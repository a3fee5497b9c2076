package mdoc

import "vidimus/internal/cbor"

// Status is the `status` member of an MSO (second edition of ISO/IEC 18013-5):
// where to ask whether the copy was revoked.
type Status struct {
	StatusList     *StatusListInfo
	IdentifierList *IdentifierListInfo
	Other          []string // names of mechanisms that are not known here
}

// StatusListInfo refers to one entry of a Token Status List.
type StatusListInfo struct {
	Index       uint64
	URI         string
	Certificate []byte // DER; trust point of the list's x5chain, nil when absent
}

// IdentifierListInfo refers to one identifier that a list of revoked ones may
// hold.
type IdentifierListInfo struct {
	ID          []byte
	URI         string
	Certificate []byte // DER; nil when absent
}

// parseStatus reads the map. A mechanism that is known must be well formed: a
// reference that cannot be followed must not read as none.
func parseStatus(b []byte, n *notes) (*Status, error) {
	s := &Status{}
	err := eachMember(CheckFormat, "Status", b, func(name, value []byte) error {
		switch string(name) {
		case "status_list":
			s.StatusList = &StatusListInfo{}
			ref := &reference{structure: "StatusListInfo", key: "idx", uri: &s.StatusList.URI, certificate: &s.StatusList.Certificate}
			ref.take = func(value []byte) (ok bool) {
				s.StatusList.Index, ok = uintOf(value)
				return ok
			}
			return ref.parse(value, n)
		case "identifier_list":
			s.IdentifierList = &IdentifierListInfo{}
			ref := &reference{structure: "IdentifierListInfo", key: "id", uri: &s.IdentifierList.URI, certificate: &s.IdentifierList.Certificate}
			ref.take = func(value []byte) (ok bool) {
				s.IdentifierList.ID, ok = bytesOf(value)
				return ok && len(s.IdentifierList.ID) > 0
			}
			return ref.parse(value, n)
		}
		if len(s.Other) < maxNotes {
			s.Other = append(s.Other, string(name))
		}
		n.unknown("Status", name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.StatusList == nil && s.IdentifierList == nil {
		n.warn(CheckFormat, "status names no known mechanism")
	}
	return s, nil
}

// reference is what both mechanisms share: a place in a list, its address, and
// perhaps a certificate.
type reference struct {
	structure, key string
	take           func(value []byte) bool
	uri            *string
	certificate    *[]byte
	seen           bool
}

func (r *reference) parse(b []byte, n *notes) error {
	err := eachMember(CheckFormat, r.structure, b, func(name, value []byte) error {
		switch string(name) {
		case r.key:
			if r.seen = r.take(value); !r.seen {
				return refuse(CheckFormat, "%s: %s of the wrong type", r.structure, r.key)
			}
		case "uri":
			text, ok := textOf(value)
			if !ok || len(text) == 0 {
				return refuse(CheckFormat, "%s: uri is no text", r.structure)
			}
			*r.uri = string(text)
		case "certificate":
			der, ok := bytesOf(value)
			if !ok || len(der) == 0 {
				return refuse(CheckFormat, "%s: certificate is no byte string", r.structure)
			}
			*r.certificate = der
		default:
			n.unknown(r.structure, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !r.seen || *r.uri == "" {
		return refuse(CheckFormat, "%s without %s or uri", r.structure, r.key)
	}
	return nil
}

// encode returns the member's map, nil for no status.
func (s *Status) encode() (cbor.RawMessage, error) {
	if s == nil {
		return nil, nil
	}
	if s.StatusList == nil && s.IdentifierList == nil {
		return nil, ruleBroken("status without a mechanism")
	}
	if len(s.Other) > 0 {
		return nil, ruleBroken("status with the unknown mechanism %.64q", s.Other[0])
	}
	wire := statusWire{StatusList: (*statusListWire)(s.StatusList), IdentifierList: (*identifierListWire)(s.IdentifierList)}
	if l := s.StatusList; l != nil && l.URI == "" {
		return nil, ruleBroken("status_list without uri")
	}
	if l := s.IdentifierList; l != nil && (l.URI == "" || len(l.ID) == 0) {
		return nil, ruleBroken("identifier_list without id or uri")
	}
	return cbor.Marshal(wire)
}

// The wire forms carry the member names.
type (
	statusWire struct {
		StatusList     *statusListWire     `cbor:"status_list,omitempty"`
		IdentifierList *identifierListWire `cbor:"identifier_list,omitempty"`
	}
	statusListWire struct {
		Index       uint64 `cbor:"idx"`
		URI         string `cbor:"uri"`
		Certificate []byte `cbor:"certificate,omitempty"`
	}
	identifierListWire struct {
		ID          []byte `cbor:"id"`
		URI         string `cbor:"uri"`
		Certificate []byte `cbor:"certificate,omitempty"`
	}
)
