package mdoc

import (
	"slices"

	"vidimus/internal/cbor"
)

// Select returns what a holder shows: the items of the named elements
// (namespace => identifiers) with the signed object, every item and the
// signature with their bytes untouched. Elements that are not held are left
// out; without any the result has no nameSpaces.
func (s *IssuerSigned) Select(want map[string][]string) *IssuerSigned {
	shown := &IssuerSigned{IssuerAuth: s.IssuerAuth, IssuerAuthRaw: s.IssuerAuthRaw, MSO: s.MSO, Notes: s.Notes}
	for _, ns := range s.NameSpaces {
		var items []IssuerSignedItem
		for _, item := range ns.Items {
			if slices.Contains(want[ns.Name], item.ElementIdentifier) {
				items = append(items, item)
			}
		}
		if len(items) > 0 {
			shown.NameSpaces = append(shown.NameSpaces, NameSpace{ns.Name, items})
		}
	}
	shown.Raw = encodeIssuerSigned(encodeNameSpaces(shown.NameSpaces), s.IssuerAuthRaw)
	return shown
}

// encodeNameSpaces encodes the map of namespaces, its keys sorted, the items as
// they are; nil for none.
func encodeNameSpaces(nameSpaces []NameSpace) []byte {
	if len(nameSpaces) == 0 {
		return nil
	}
	sorted := slices.Clone(nameSpaces)
	slices.SortFunc(sorted, func(a, b NameSpace) int { return compareText(a.Name, b.Name) })
	size := 16
	for _, ns := range sorted {
		size += len(ns.Name) + 16
		for _, item := range ns.Items {
			size += len(item.Raw)
		}
	}
	b := cbor.AppendMap(make([]byte, 0, size), len(sorted))
	for _, ns := range sorted {
		b = cbor.AppendText(b, ns.Name)
		b = cbor.AppendArray(b, len(ns.Items))
		for _, item := range ns.Items {
			b = append(b, item.Raw...)
		}
	}
	return b
}

// encodeIssuerSigned encodes the map: issuerAuth sorts before nameSpaces.
func encodeIssuerSigned(nameSpaces, issuerAuth []byte) []byte {
	n := 1
	if nameSpaces != nil {
		n = 2
	}
	b := cbor.AppendMap(make([]byte, 0, len(nameSpaces)+len(issuerAuth)+32), n)
	b = append(cbor.AppendText(b, "issuerAuth"), issuerAuth...)
	if nameSpaces != nil {
		b = append(cbor.AppendText(b, "nameSpaces"), nameSpaces...)
	}
	return b
}

// compareText orders texts as their encodings (RFC 8949, 4.2.1): the shorter
// first, then bytewise.
func compareText(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}
