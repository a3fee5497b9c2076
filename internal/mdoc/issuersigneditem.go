package mdoc

import (
	"strings"

	"vidimus/internal/cbor"
)

// IssuerSignedItem is one data element as the issuer signed it (ISO/IEC
// 18013-5, 8.3.2.1.2.2).
type IssuerSignedItem struct {
	DigestID          uint64          // names the digest in the MSO, within the namespace
	Random            []byte          // salt of the digest
	ElementIdentifier string          // "family_name"
	ElementValue      cbor.RawMessage // the value as received
	Raw               []byte          // the whole item as received, d8 18 ...: what is hashed
}

// Decode decodes the element's value strictly into v: *string, *bool, *uint64,
// *[]byte, *cbor.FullDate (tag 1004 demanded), *cbor.DateTime (tag 0 demanded)
// or a struct. An error wraps ErrMalformed.
func (i *IssuerSignedItem) Decode(v any) error {
	return within(cbor.Unmarshal(i.ElementValue, v), "element %.64q", i.ElementIdentifier)
}

// parse reads 24(<<IssuerSignedItem>>). names takes the identifiers of many items,
// so that they need memory once.
func (i *IssuerSignedItem) parse(b []byte, names *strings.Builder, n *notes) error {
	content, ok := embeddedOf(b)
	if !ok {
		return refuse(CheckStrict, "item is not embedded in tag 24")
	}
	i.Raw = b
	var haveID, haveRandom, haveIdentifier bool
	err := eachMember(CheckStrict, "IssuerSignedItem", content, func(name, value []byte) error {
		switch string(name) {
		case "digestID":
			if i.DigestID, haveID = uintOf(value); !haveID {
				return refuse(CheckDigest, "digestID is no unsigned integer")
			}
		case "random":
			if i.Random, haveRandom = bytesOf(value); !haveRandom {
				return refuse(CheckStrict, "random is no byte string")
			}
		case "elementIdentifier":
			var text []byte
			if text, haveIdentifier = textOf(value); !haveIdentifier {
				return refuse(CheckStrict, "elementIdentifier is no text")
			}
			start := names.Len()
			names.Write(text)
			i.ElementIdentifier = names.String()[start:]
		case "elementValue":
			i.ElementValue = value
		default:
			n.unknown("IssuerSignedItem", name)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !haveID:
		return refuse(CheckDigest, "item without digestID")
	case !haveRandom || !haveIdentifier || i.ElementValue == nil:
		return refuse(CheckStrict, "item without random, elementIdentifier or elementValue")
	}
	if i.DigestID >= maxDigestID {
		n.warn(CheckFormat, "digestID of %.64q is %d, not below 2^31", i.ElementIdentifier, i.DigestID)
	}
	if len(i.Random) < MinSalt {
		n.warn(CheckFormat, "random of %.64q has %d bytes, at least %d expected", i.ElementIdentifier, len(i.Random), MinSalt)
	}
	return nil
}
