package cose

import (
	"crypto"
	"fmt"
	"io"

	"vidimus/internal/cbor"
)

// Sign1 is a COSE_Sign1 message (RFC 9052, 4.2) as received.
type Sign1 struct {
	Header         Header
	ProtectedBytes []byte // content of the protected byte string as received
	Payload        []byte // nil when detached
	Signature      []byte
	Tagged         bool
}

// ParseSign1 reads a COSE_Sign1, tagged (18) or not. It verifies no signature.
func ParseSign1(data []byte) (*Sign1, error) { return ParseSign1Limit(data, cbor.MaxMessage) }

// ParseSign1Limit is [ParseSign1] with another bound on the length of data.
func ParseSign1Limit(data []byte, max int) (*Sign1, error) {
	e, err := parseEnvelope(data, tagSign1, max)
	if err != nil {
		return nil, fmt.Errorf("parsing COSE_Sign1: %w", err)
	}
	if !e.header.Algorithm.signature() {
		return nil, fmt.Errorf("parsing COSE_Sign1: %w: %v in a signature", ErrUnsupported, e.header.Algorithm)
	}
	return &Sign1{Header: e.header, ProtectedBytes: e.protected, Payload: e.payload, Signature: e.proof, Tagged: e.tagged}, nil
}

// Verify verifies the signature over the attached payload. pub is
// *ecdsa.PublicKey or ed25519.PublicKey and must fit the message's algorithm.
func (s *Sign1) Verify(pub crypto.PublicKey) error {
	payload, err := attached(s.Payload)
	if err != nil {
		return err
	}
	return s.verify(pub, payload)
}

// VerifyDetached verifies the signature over a payload that the caller has
// built, and refuses a message that carries one of its own.
func (s *Sign1) VerifyDetached(pub crypto.PublicKey, payload []byte) error {
	payload, err := detached(s.Payload, payload)
	if err != nil {
		return err
	}
	return s.verify(pub, payload)
}

func (s *Sign1) verify(pub crypto.PublicKey, payload []byte) error {
	return verify(s.Header.Algorithm, pub, structure("Signature1", s.ProtectedBytes, payload), s.Signature)
}

// SignOptions says what stands around the payload.
type SignOptions struct {
	// Protected and Unprotected are header parameters by label (int, int64 or
	// string) without alg, which is added to the protected header.
	Protected, Unprotected map[any]any
	Tagged                 bool      // write tag 18
	Detached               bool      // write null instead of the payload
	Algorithm              Algorithm // 0: AlgorithmFor the key
}

// SignSign1 makes a COSE_Sign1 with any signer whose key is P-256, P-384, P-521
// or Ed25519. The headers are checked as ParseSign1 would before the signer is called.
func SignSign1(signer crypto.Signer, payload []byte, opt SignOptions, rand io.Reader) ([]byte, error) {
	h, err := NewSign1Headers(signer.Public(), opt)
	if err != nil {
		return nil, err
	}
	return h.Sign(signer, payload, rand)
}

// Sign1Headers are what stands around the payloads of many messages by one key,
// encoded and checked once. They may be used by several goroutines.
type Sign1Headers struct {
	alg              Algorithm
	protected        []byte
	unprotected      cbor.RawMessage
	tagged, detached bool
}

// NewSign1Headers makes the headers of a key that SignSign1 takes.
func NewSign1Headers(pub crypto.PublicKey, opt SignOptions) (*Sign1Headers, error) {
	alg, err := signingAlgorithm(pub, opt.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("making COSE_Sign1: %w", err)
	}
	h := &Sign1Headers{alg: alg, tagged: opt.Tagged, detached: opt.Detached}
	if h.protected, h.unprotected, err = buildHeaders(alg, opt.Protected, opt.Unprotected); err != nil {
		return nil, fmt.Errorf("making COSE_Sign1: %w", err)
	}
	return h, nil
}

// Sign makes one message. The key of signer must fit the algorithm of the headers.
func (h *Sign1Headers) Sign(signer crypto.Signer, payload []byte, rand io.Reader) ([]byte, error) {
	if _, err := signingAlgorithm(signer.Public(), h.alg); err != nil {
		return nil, fmt.Errorf("making COSE_Sign1: %w", err)
	}
	if payload == nil {
		payload = []byte{}
	}
	signature, err := sign(h.alg, signer, structure("Signature1", h.protected, payload), rand)
	if err != nil {
		return nil, fmt.Errorf("making COSE_Sign1: %w", err)
	}
	if h.detached {
		payload = nil
	}
	return assemble(h.tagged, tagSign1, h.protected, h.unprotected, payload, signature), nil
}

// signingAlgorithm returns the wanted algorithm, or the key's own, if they fit.
func signingAlgorithm(pub crypto.PublicKey, wanted Algorithm) (Algorithm, error) {
	own, err := AlgorithmFor(pub)
	if err != nil {
		return 0, err
	}
	if wanted == 0 {
		return own, nil
	}
	if s, ok := suites[wanted]; !ok || s != suites[own] {
		return 0, fmt.Errorf("%w: %v with a key for %v", ErrKey, wanted, own)
	}
	return wanted, nil
}

// buildHeaders encodes both headers and reads them back.
func buildHeaders(alg Algorithm, protected, unprotected map[any]any) ([]byte, cbor.RawMessage, error) {
	protectedLabels, err := normalLabels(protected)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := protectedLabels[LabelAlgorithm]; ok {
		return nil, nil, fmt.Errorf("%w: alg is set by the key", ErrMalformed)
	}
	protectedLabels[LabelAlgorithm] = int64(alg)
	unprotectedLabels, err := normalLabels(unprotected)
	if err != nil {
		return nil, nil, err
	}
	protectedBytes, err := cbor.Marshal(protectedLabels)
	if err != nil {
		return nil, nil, err
	}
	unprotectedBytes, err := cbor.Marshal(unprotectedLabels)
	if err != nil {
		return nil, nil, err
	}
	if _, err := parseHeader(protectedBytes, unprotectedBytes); err != nil {
		return nil, nil, err
	}
	return protectedBytes, unprotectedBytes, nil
}

// normalLabels makes every integer label an int64, so that equal labels are equal keys.
func normalLabels(header map[any]any) (map[any]any, error) {
	labels := make(map[any]any, len(header)+1)
	for label, value := range header {
		switch l := label.(type) {
		case int:
			label = int64(l)
		case int64, string:
		default:
			return nil, fmt.Errorf("%w: label of type %T", ErrMalformed, label)
		}
		if _, ok := labels[label]; ok {
			return nil, fmt.Errorf("%w: label %v twice", ErrMalformed, label)
		}
		labels[label] = value
	}
	return labels, nil
}
