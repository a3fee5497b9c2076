package pki

import "encoding/asn1"

// Tags that certificates use, with class and constructed bits.
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagOID             = 0x06
	tagUTF8String      = 0x0c
	tagSequence        = 0x30
	tagSet             = 0x31
	tagPrintableString = 0x13
	tagT61String       = 0x14
	tagIA5String       = 0x16
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
	tagContext0        = 0xa0
	tagContext1        = 0xa1
	tagContext2        = 0xa2
	tagContext3        = 0xa3
)

// der walks DER elements without copying. The zero value is empty. A method
// that reports false has consumed nothing that may be used.
type der []byte

// next takes one element: its tag, its content, and the whole of it. Only tag
// numbers below 31 and definite, minimal lengths are DER for a certificate.
func (d *der) next() (tag byte, content, whole []byte, ok bool) {
	b := *d
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, nil, false
	}
	head, n := 2, int(b[1])
	if n >= 0x80 {
		count := n & 0x7f
		if count == 0 || count > 3 || len(b) < 2+count {
			return 0, nil, nil, false
		}
		n = 0
		for _, x := range b[2 : 2+count] {
			n = n<<8 | int(x)
		}
		if n < 0x80 || n>>(8*(count-1)) == 0 { // not the shortest form
			return 0, nil, nil, false
		}
		head += count
	}
	if len(b)-head < n {
		return 0, nil, nil, false
	}
	*d = b[head+n:]
	return b[0], b[head : head+n], b[:head+n], true
}

// take is next for a known tag.
func (d *der) take(tag byte) (content, whole []byte, ok bool) {
	got, content, whole, ok := d.next()
	return content, whole, ok && got == tag
}

// has reports whether the next element has the tag.
func (d der) has(tag byte) bool { return len(d) > 0 && d[0] == tag }

// oid takes an OBJECT IDENTIFIER.
func (d *der) oid() (asn1.ObjectIdentifier, bool) {
	_, whole, ok := d.take(tagOID)
	if !ok {
		return nil, false
	}
	var id asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(whole, &id)
	return id, err == nil && len(rest) == 0
}

// element encodes one element around its parts.
func element(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := make([]byte, 0, n+5)
	out = append(out, tag)
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// mustOID encodes one of this package's own object identifiers.
func mustOID(id asn1.ObjectIdentifier) []byte {
	b, err := asn1.Marshal(id)
	if err != nil {
		panic("pki: object identifier " + id.String() + ": " + err.Error())
	}
	return b
}
