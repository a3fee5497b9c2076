package pki

import (
	"encoding/asn1"
	"unicode/utf16"
	"unicode/utf8"
)

// Name is the subject of a certificate to be built. Empty members are left out.
// The attributes are written in the order C, ST, O, L, CN, serialNumber.
type Name struct {
	// Country is two upper-case letters, ISO 3166-1 alpha-2.
	Country string
	// State is the issuing jurisdiction, ISO 3166-2, for example "US-CA".
	State string
	// Organization, Locality and CommonName are free text.
	Organization, Locality, CommonName string
	// SerialNumber is the serialNumber attribute, not the certificate's serial.
	SerialNumber string
}

// marshal encodes the name as an RDNSequence, one attribute in each RDN.
// Country and serialNumber are PrintableString by Annex B, the others are where
// their text allows.
func (n Name) marshal() []byte {
	var out []byte
	add := func(id asn1.ObjectIdentifier, text string) {
		if text == "" {
			return
		}
		tag := byte(tagUTF8String)
		if printable(text) {
			tag = tagPrintableString
		}
		out = append(out, element(tagSet, element(tagSequence, mustOID(id), element(tag, []byte(text))))...)
	}
	add(oidAttrCountry, n.Country)
	add(oidAttrState, n.State)
	add(oidAttrOrganization, n.Organization)
	add(oidAttrLocality, n.Locality)
	add(oidAttrCommonName, n.CommonName)
	add(oidAttrSerialNumber, n.SerialNumber)
	return element(tagSequence, out)
}

// attribute is one AttributeTypeAndValue of a name, its value decoded.
type attribute struct {
	id   asn1.ObjectIdentifier
	tag  byte
	text string
	// valid is false when the bytes are no text of the tag's string type.
	valid bool
}

// parseName reads an RDNSequence. An attribute that is no string keeps an
// empty text and valid=false; it is for lint and for the country rule to judge.
func parseName(raw []byte) ([]attribute, bool) {
	d := der(raw)
	seq, _, ok := d.take(tagSequence)
	if !ok || len(d) != 0 {
		return nil, false
	}
	var out []attribute
	for d = der(seq); len(d) > 0; {
		set, _, ok := d.take(tagSet)
		if !ok || len(set) == 0 {
			return nil, false
		}
		for s := der(set); len(s) > 0; {
			content, _, ok := s.take(tagSequence)
			if !ok {
				return nil, false
			}
			a := der(content)
			id, ok := a.oid()
			if !ok {
				return nil, false
			}
			tag, value, _, ok := a.next()
			if !ok || len(a) != 0 {
				return nil, false
			}
			text, valid := decodeText(tag, value)
			out = append(out, attribute{id: id, tag: tag, text: text, valid: valid})
		}
	}
	return out, true
}

// decodeText decodes a DirectoryString or IA5String, so that printable and
// UTF-8 encodings of one text compare equal (presentation of country and
// state; names as links compare by bytes).
func decodeText(tag byte, b []byte) (string, bool) {
	switch tag {
	case tagUTF8String:
		return string(b), utf8.Valid(b)
	case tagPrintableString:
		return string(b), printable(string(b))
	case tagIA5String:
		for _, c := range b {
			if c >= 0x80 {
				return "", false
			}
		}
		return string(b), true
	case tagT61String: // in practice ISO 8859-1
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		return string(r), true
	case tagBMPString:
		if len(b)%2 != 0 {
			return "", false
		}
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		return string(utf16.Decode(u)), true
	case tagUniversalString:
		if len(b)%4 != 0 {
			return "", false
		}
		r := make([]rune, len(b)/4)
		for i := range r {
			r[i] = rune(b[4*i])<<24 | rune(b[4*i+1])<<16 | rune(b[4*i+2])<<8 | rune(b[4*i+3])
		}
		return string(r), true
	}
	return "", false
}

// printable is the alphabet of PrintableString, X.680 section 41.4.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == ' ', c == '\'', c == '(', c == ')', c == '+', c == ',', c == '-', c == '.', c == '/', c == ':', c == '=', c == '?':
		default:
			return false
		}
	}
	return true
}

// values gives the texts of every attribute of one type.
func values(attrs []attribute, id asn1.ObjectIdentifier) []attribute {
	var out []attribute
	for _, a := range attrs {
		if a.id.Equal(id) {
			out = append(out, a)
		}
	}
	return out
}
