package cose

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"vidimus/internal/cbor"
)

// Mac0 is a COSE_Mac0 message (RFC 9052, 6.2) as received. Its algorithm is
// HMAC 256/256, the only one of ISO/IEC 18013-5, 9.1.3.5.
type Mac0 struct {
	Header         Header
	ProtectedBytes []byte // content of the protected byte string as received
	Payload        []byte // nil when detached
	MAC            []byte // 32 bytes
	Tagged         bool
}

// ParseMac0 reads a COSE_Mac0, tagged (17) or not. It verifies no MAC.
func ParseMac0(data []byte) (*Mac0, error) {
	e, err := parseEnvelope(data, tagMac0, cbor.MaxMessage)
	if err != nil {
		return nil, fmt.Errorf("parsing COSE_Mac0: %w", err)
	}
	if e.header.Algorithm != HMAC256 {
		return nil, fmt.Errorf("parsing COSE_Mac0: %w: %v in a MAC", ErrUnsupported, e.header.Algorithm)
	}
	return &Mac0{Header: e.header, ProtectedBytes: e.protected, Payload: e.payload, MAC: e.proof, Tagged: e.tagged}, nil
}

// Verify verifies the MAC over the attached payload with a key of 32 bytes.
func (m *Mac0) Verify(key []byte) error {
	payload, err := attached(m.Payload)
	if err != nil {
		return err
	}
	return m.verify(key, payload)
}

// VerifyDetached verifies the MAC over a payload that the caller has built, and
// refuses a message that carries one of its own. The key has 32 bytes.
func (m *Mac0) VerifyDetached(key, payload []byte) error {
	payload, err := detached(m.Payload, payload)
	if err != nil {
		return err
	}
	return m.verify(key, payload)
}

func (m *Mac0) verify(key, payload []byte) error {
	want, err := mac(key, m.ProtectedBytes, payload)
	if err != nil {
		return err
	}
	if !hmac.Equal(m.MAC, want) {
		return fmt.Errorf("%w: %v", ErrSignature, m.Header.Algorithm)
	}
	return nil
}

// Mac0Detached makes an untagged COSE_Mac0 with a detached payload and a key of
// 32 bytes, as deviceMac asks for.
func Mac0Detached(key, payload []byte) ([]byte, error) {
	protected := cbor.MustMarshal(map[int64]int64{LabelAlgorithm: int64(HMAC256)})
	tag, err := mac(key, protected, payload)
	if err != nil {
		return nil, fmt.Errorf("making COSE_Mac0: %w", err)
	}
	return assemble(false, tagMac0, protected, cbor.RawMessage{0xa0}, nil, tag), nil
}

// mac computes HMAC 256/256 over the MAC_structure. The key has the length of
// the hash's output (RFC 9053, 3.1).
func mac(key, protected, payload []byte) ([]byte, error) {
	if len(key) != sha256.Size {
		return nil, fmt.Errorf("%w: %v with a key of %d bytes", ErrKey, HMAC256, len(key))
	}
	return hmac256(key, structure("MAC0", protected, payload)), nil
}

func hmac256(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
