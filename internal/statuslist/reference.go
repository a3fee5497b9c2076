package statuslist

import (
	"encoding/json"
	"strconv"

	"vidimus/internal/cbor"
)

// Reference points from a credential to an entry of a status list (section 6).
type Reference struct {
	Index uint64
	URI   string
	// Certificate, in an MSO, is the trust point of the list's signer, DER
	// (ISO/IEC 18013-5 second edition, 12.3.6.2); nil when absent.
	Certificate []byte
}

// IdentifierReference points from an MSO to an identifier list.
type IdentifierReference struct {
	ID          []byte
	URI         string
	Certificate []byte
}

// References is what a status member says. At least one is set; when both are,
// each alone can revoke.
type References struct {
	List       *Reference
	Identifier *IdentifierReference
}

// ParseReferencesJSON reads the value of the claim status of a JWT or SD-JWT
// VC, decoded with package jose (section 6.2). Other mechanisms beside
// status_list are ignored; without it we cannot follow, which is an error. The
// error is an *[Error] of st.index.
func ParseReferencesJSON(status any) (*References, error) {
	object, ok := status.(map[string]any)
	if !ok {
		return nil, refuse(CheckIndex, "status is not an object")
	}
	list, ok := object["status_list"].(map[string]any)
	if !ok {
		return nil, refuse(CheckIndex, "status without status_list")
	}
	n, ok := list["idx"].(json.Number)
	if !ok {
		return nil, refuse(CheckIndex, "idx is missing or not a number")
	}
	index, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil {
		return nil, refuse(CheckIndex, "idx is not a non-negative integer")
	}
	uri, _ := list["uri"].(string)
	if err := checkURI(uri); err != nil {
		return nil, err
	}
	return &References{List: &Reference{Index: index, URI: uri}}, nil
}

func checkURI(uri string) error {
	if uri == "" {
		return refuse(CheckIndex, "uri is missing or not text")
	}
	if len(uri) > maxURI {
		return refuse(CheckIndex, "%w: uri of %d bytes, at most %d", ErrLimit, len(uri), maxURI)
	}
	return nil
}

// ParseReferencesCBOR reads the member status of an MSO, or claim 65535 of a
// CWT (section 6.3). Members that are not known are ignored, as everywhere in
// these structures.
func ParseReferencesCBOR(status []byte) (*References, error) {
	var wire struct {
		List       cbor.RawMessage `cbor:"status_list"`
		Identifier cbor.RawMessage `cbor:"identifier_list"`
	}
	if err := cbor.Unmarshal(status, &wire); err != nil {
		return nil, refuse(CheckIndex, "status: %w", err)
	}
	refs := &References{}
	if wire.List != nil {
		var list struct {
			Index       *uint64         `cbor:"idx"`
			URI         string          `cbor:"uri"`
			Certificate cbor.RawMessage `cbor:"certificate"`
		}
		if err := cbor.Unmarshal(wire.List, &list); err != nil {
			return nil, refuse(CheckIndex, "status_list: %w", err)
		}
		if list.Index == nil {
			return nil, refuse(CheckIndex, "status_list without idx")
		}
		certificate, err := optionalBytes(list.Certificate)
		if err != nil {
			return nil, refuse(CheckIndex, "certificate of status_list: %w", err)
		}
		if err := checkURI(list.URI); err != nil {
			return nil, err
		}
		refs.List = &Reference{Index: *list.Index, URI: list.URI, Certificate: certificate}
	}
	if wire.Identifier != nil {
		var list struct {
			ID          cbor.RawMessage `cbor:"id"`
			URI         string          `cbor:"uri"`
			Certificate cbor.RawMessage `cbor:"certificate"`
		}
		if err := cbor.Unmarshal(wire.Identifier, &list); err != nil {
			return nil, refuse(CheckIndex, "identifier_list: %w", err)
		}
		id, err := optionalBytes(list.ID)
		if err != nil || len(id) == 0 || len(id) > maxIdentifier {
			return nil, refuse(CheckIndex, "id of identifier_list is not a byte string of 1 to %d bytes", maxIdentifier)
		}
		certificate, err := optionalBytes(list.Certificate)
		if err != nil {
			return nil, refuse(CheckIndex, "certificate of identifier_list: %w", err)
		}
		if err := checkURI(list.URI); err != nil {
			return nil, err
		}
		refs.Identifier = &IdentifierReference{ID: id, URI: list.URI, Certificate: certificate}
	}
	if refs.List == nil && refs.Identifier == nil {
		return nil, refuse(CheckIndex, "status with neither status_list nor identifier_list")
	}
	return refs, nil
}

// optionalBytes reads a byte string, or nothing.
func optionalBytes(item cbor.RawMessage) ([]byte, error) {
	if item == nil {
		return nil, nil
	}
	return byteString(item)
}
