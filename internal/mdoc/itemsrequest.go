package mdoc

import (
	"slices"

	"vidimus/internal/cbor"
)

// ItemsRequest asks for elements of one document (ISO/IEC 18013-5, 8.3.2.1.2.1).
type ItemsRequest struct {
	DocType     string
	NameSpaces  []RequestedNameSpace
	RequestInfo cbor.RawMessage // the map as received, nil when absent; second edition, not interpreted
}

// RequestedNameSpace is the wanted elements of one namespace, in the order
// received.
type RequestedNameSpace struct {
	Name     string
	Elements []RequestedElement
}

// RequestedElement is one wanted element. IntentToRetain false obliges the
// reader to keep neither the value nor its digest beyond the transaction.
type RequestedElement struct {
	Identifier     string
	IntentToRetain bool
}

// parse reads the content of ItemsRequestBytes, which has been checked.
func (r *ItemsRequest) parse(b []byte, n *notes) error {
	var nameSpaces []byte
	err := eachMember(CheckStrict, "ItemsRequest", b, func(name, value []byte) error {
		switch string(name) {
		case "docType":
			text, ok := textOf(value)
			if !ok || len(text) == 0 {
				return refuse(CheckStrict, "docType is no text")
			}
			r.DocType = string(text)
		case "nameSpaces":
			nameSpaces = value
		case "requestInfo":
			if _, _, ok := members(value); !ok {
				return refuse(CheckStrict, "requestInfo is no map")
			}
			r.RequestInfo = value
		default:
			n.unknown("ItemsRequest", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, count, ok := members(nameSpaces)
	switch {
	case r.DocType == "":
		return refuse(CheckStrict, "no docType")
	case !ok || count == 0:
		return refuse(CheckStrict, "no nameSpaces")
	case count > MaxNameSpaces:
		return refuseKind(ErrLimit, CheckStrict, "%d namespaces, at most %d", count, MaxNameSpaces)
	}
	return eachMember(CheckStrict, "nameSpaces", nameSpaces, func(name, value []byte) error {
		_, count, ok := members(value)
		switch {
		case !ok || count == 0:
			return refuse(CheckStrict, "namespace %.64q asks for nothing", name)
		case count > MaxItems:
			return refuseKind(ErrLimit, CheckStrict, "%d elements, at most %d", count, MaxItems)
		}
		ns := RequestedNameSpace{Name: string(name), Elements: make([]RequestedElement, 0, count)}
		err := eachMember(CheckStrict, "DataElements", value, func(name, value []byte) error {
			retain, ok := boolOf(value)
			if !ok {
				return refuse(CheckStrict, "intentToRetain of %.64q is no boolean", name)
			}
			ns.Elements = append(ns.Elements, RequestedElement{string(name), retain})
			return nil
		})
		r.NameSpaces = append(r.NameSpaces, ns)
		return err
	})
}

// encode returns ItemsRequestBytes, 24(<<ItemsRequest>>).
func (r *ItemsRequest) encode() (cbor.RawMessage, error) {
	wire := struct {
		DocType     string                     `cbor:"docType"`
		NameSpaces  map[string]map[string]bool `cbor:"nameSpaces"`
		RequestInfo cbor.RawMessage            `cbor:"requestInfo,omitempty"`
	}{r.DocType, map[string]map[string]bool{}, r.RequestInfo}
	for _, ns := range r.NameSpaces {
		if _, ok := wire.NameSpaces[ns.Name]; ok {
			return nil, ruleBroken("namespace %.64q occurs twice", ns.Name)
		}
		elements := map[string]bool{}
		for _, e := range ns.Elements {
			if _, ok := elements[e.Identifier]; ok {
				return nil, ruleBroken("element %.64q occurs twice", e.Identifier)
			}
			elements[e.Identifier] = e.IntentToRetain
		}
		wire.NameSpaces[ns.Name] = elements
	}
	content, err := cbor.Marshal(wire)
	if err != nil {
		return nil, err
	}
	return cbor.WrapEncoded(content), nil
}

// Asks reports whether the request names an element.
func (r *ItemsRequest) Asks(nameSpace, identifier string) bool {
	return slices.ContainsFunc(r.NameSpaces, func(ns RequestedNameSpace) bool {
		return ns.Name == nameSpace && slices.ContainsFunc(ns.Elements, func(e RequestedElement) bool { return e.Identifier == identifier })
	})
}
