package mdoc

import (
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// IssuerSigned is what an issuer hands out and a holder shows in part (ISO/IEC
// 18013-5, 8.3.2.1.2.2): items, and the signed object that holds their digests.
type IssuerSigned struct {
	NameSpaces    []NameSpace           // in the order received; may be empty
	IssuerAuth    *cose.Sign1           // payload: 24(<<MSO>>)
	IssuerAuthRaw []byte                // its item as received
	MSO           *MobileSecurityObject // decoded payload of IssuerAuth, not yet verified
	Raw           []byte                // the whole item as received
	Notes         []Finding             // leniencies met while parsing, all Warn
}

// NameSpace is the items of one namespace, in the order received.
type NameSpace struct {
	Name  string
	Items []IssuerSignedItem
}

// ParseIssuerSigned reads one IssuerSigned of at most MaxResponse bytes. It
// verifies nothing: neither signature nor digests. The result refers to b.
//
// A missing or empty nameSpaces is accepted (and the latter noted), since a
// holder may show nothing but the signed object.
func ParseIssuerSigned(b []byte) (*IssuerSigned, error) {
	if _, err := checkMessage(b, MaxResponse, "IssuerSigned"); err != nil {
		return nil, err
	}
	return parseIssuerSigned(b)
}

// checkMessage walks a whole message once; everything after reads heads only.
//
// deterministic says that cbor.canonical has nothing to find in it; what lies in
// byte strings without a tag is not looked into.
func checkMessage(b []byte, max int, structure string) (deterministic bool, err error) {
	if len(b) > max {
		return false, refuseKind(ErrLimit, CheckStrict, "%s of %d bytes, at most %d", structure, len(b), max)
	}
	if deterministic, err = cbor.CheckMap(b, cbor.MaxMessage); err != nil {
		return false, within(err, "%s", structure)
	}
	return deterministic, nil
}

// parseIssuerSigned reads an item that has been checked.
func parseIssuerSigned(b []byte) (*IssuerSigned, error) {
	s := &IssuerSigned{Raw: b}
	n := (*notes)(&s.Notes)
	var nameSpaces []byte
	err := eachMember(CheckStrict, "IssuerSigned", b, func(name, value []byte) error {
		switch string(name) {
		case "nameSpaces":
			nameSpaces = value
		case "issuerAuth":
			s.IssuerAuthRaw = value
		default:
			n.unknown("IssuerSigned", name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.IssuerAuthRaw == nil {
		return nil, refuse(CheckStrict, "IssuerSigned without issuerAuth")
	}
	if nameSpaces != nil {
		if s.NameSpaces, err = parseNameSpaces(nameSpaces, n); err != nil {
			return nil, err
		}
	}
	if s.IssuerAuth, s.MSO, err = parseIssuerAuth(s.IssuerAuthRaw, n); err != nil {
		return nil, within(err, "issuerAuth")
	}
	return s, nil
}

// usualName is the length of an identifier, for which room is made.
const usualName = 16

// parseNameSpaces reads { + namespace => [ + IssuerSignedItemBytes ] }.
func parseNameSpaces(b []byte, n *notes) ([]NameSpace, error) {
	_, count, ok := members(b)
	switch {
	case !ok:
		return nil, refuse(CheckStrict, "nameSpaces is no map")
	case count > MaxNameSpaces:
		return nil, refuseKind(ErrLimit, CheckStrict, "%d namespaces, at most %d", count, MaxNameSpaces)
	case count == 0:
		n.warn(CheckStrict, "nameSpaces is empty")
		return nil, nil
	}
	nameSpaces := make([]NameSpace, 0, count)
	err := eachMember(CheckStrict, "nameSpaces", b, func(name, value []byte) error {
		ns := NameSpace{Name: string(name)}
		_, count, ok := elementsOf(value)
		switch {
		case !ok || count == 0:
			return refuse(CheckStrict, "namespace %.64q holds no items", name)
		case count > MaxItems:
			return refuseKind(ErrLimit, CheckStrict, "namespace %.64q holds %d items, at most %d", name, count, MaxItems)
		}
		ns.Items = make([]IssuerSignedItem, count)
		var names strings.Builder
		names.Grow(count * usualName)
		err := eachItem(CheckStrict, "namespace", value, func(i int, item []byte) error {
			return within(ns.Items[i].parse(item, &names, n), "item %d", i)
		})
		nameSpaces = append(nameSpaces, ns)
		return within(err, "namespace %.64q", name)
	})
	if err != nil {
		return nil, err
	}
	return nameSpaces, nil
}

// Item returns the item of an element, and nil when there is none or more than
// one: two items for one element are never a choice (see [CheckDuplicate]).
func (s *IssuerSigned) Item(nameSpace, identifier string) *IssuerSignedItem {
	var found *IssuerSignedItem
	for i := range s.NameSpaces {
		if s.NameSpaces[i].Name != nameSpace {
			continue
		}
		for j := range s.NameSpaces[i].Items {
			item := &s.NameSpaces[i].Items[j]
			if item.ElementIdentifier != identifier {
				continue
			}
			if found != nil {
				return nil
			}
			found = item
		}
	}
	return found
}
