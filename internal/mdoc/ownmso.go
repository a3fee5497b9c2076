package mdoc

import "vidimus/internal/cbor"

// ReadMSO reads 24(<<MSO>>) as an issuer would write it: exactly that item, encoded
// deterministically, and nothing in it that a verifier would have to be lenient
// about. It is for whoever signs what another process has built; of the digests it
// can say no more than how long they are. An error wraps ErrRule.
func ReadMSO(payload []byte) (*MobileSecurityObject, error) {
	content, deterministic, err := cbor.CheckEncoded(payload)
	if err != nil {
		return nil, ruleBroken("encoding: %w", err)
	}
	if !deterministic {
		return nil, ruleBroken("encoding: not deterministic")
	}
	var n notes
	m, err := parseMSOContent(content, &n)
	if err != nil {
		return nil, ruleBroken("%w", err)
	}
	if err := n.broken(); err != nil {
		return nil, err
	}
	m.deterministic = true
	return m, lintValidity(m.ValidityInfo, m.ValidityInfo)
}
