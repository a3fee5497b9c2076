package mdoc

import "vidimus/internal/cbor"

// Names in the handovers of OpenID4VP 1.0, B.2.6.
const (
	handoverOpenID4VP      = "OpenID4VPHandover"
	handoverOpenID4VPDCAPI = "OpenID4VPDCAPIHandover"
)

// namedHandovers are handovers that start with a text. Only the two of OpenID4VP
// 1.0 are made and accepted here.
var namedHandovers = map[string]string{
	handoverOpenID4VP:            "OpenID4VP 1.0 redirect",
	handoverOpenID4VPDCAPI:       "OpenID4VP Digital Credentials API (1.0, or draft 24, which looks the same)",
	"dcapi":                      "ISO/IEC TS 18013-7 Annex C (Digital Credentials API)",
	"AndroidHandoverv1":          "Android preview of the Digital Credentials API",
	"BrowserHandoverv1":          "browser preview of the Digital Credentials API",
	"AppleIdentityPresentment_1": "Apple identity presentment",
}

// DescribeHandover names the handover of a session transcript, tagged or not,
// for diagnostics: which flow a holder thought it was in. It names forms that
// are never accepted, too. A name grants nothing.
func DescribeHandover(transcript []byte) string {
	if content, err := cbor.UnwrapEncoded(transcript); err == nil {
		transcript = content
	}
	parts, err := cbor.ArrayItems(transcript)
	if err != nil || len(parts) != 3 {
		return "no session transcript"
	}
	name, _ := describe(parts[0], parts[1], parts[2])
	return name
}

// describe names a handover and says whether it is one of those made here.
func describe(engagement, reader, handover []byte) (name string, supported bool) {
	proximity := isEmbedded(engagement) && isEmbedded(reader)
	online := cbor.IsNull(engagement) && cbor.IsNull(reader)
	if cbor.IsNull(handover) {
		return "QR", proximity
	}
	if content, ok := bytesOf(handover); ok && len(content) == 32 {
		return "ISO/IEC TS 18013-7 Annex A (REST)", false
	}
	items, n, ok := elementsOf(handover)
	if !ok {
		return "unknown handover", false
	}
	if n == 0 || n > 3 {
		return "unknown handover", false
	}
	parts := make([][]byte, n)
	for i := range parts {
		parts[i], _ = items.next()
	}
	if text, ok := textOf(parts[0]); ok {
		return describeNamed(string(text), parts[1:], online)
	}
	first, firstOK := bytesOf(parts[0])
	switch {
	case n == 2 && firstOK && cbor.IsNull(parts[1]):
		return "NFC, static", proximity
	case n == 2 && firstOK:
		_, ok := bytesOf(parts[1])
		return "NFC, negotiated", proximity && ok
	case n == 3 && len(first) == 32:
		return "ISO/IEC TS 18013-7 Annex B (OpenID4VP draft 18)", false
	}
	return "unknown handover", false
}

// describeNamed names a handover that starts with a text. Apple's carries a
// minor version in its name.
func describeNamed(text string, rest [][]byte, online bool) (string, bool) {
	name, ok := namedHandovers[text]
	if !ok && len(text) > 2 {
		name, ok = namedHandovers[text[:len(text)-2]]
	}
	if !ok {
		return "unknown handover", false
	}
	if text != handoverOpenID4VP && text != handoverOpenID4VPDCAPI {
		return name, false
	}
	if !online || len(rest) != 1 {
		return name + ", malformed", false
	}
	digest, ok := bytesOf(rest[0])
	if !ok || len(digest) != 32 {
		return name + ", malformed", false
	}
	return name, true
}

func isEmbedded(item []byte) bool {
	_, ok := embeddedOf(item)
	return ok
}
