package cose

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"vidimus/internal/cbor"
)

// Labels of header parameters (IANA registry "COSE Header Parameters").
const (
	LabelAlgorithm   int64 = 1
	LabelCritical    int64 = 2
	LabelContentType int64 = 3
	LabelKeyID       int64 = 4
	LabelType        int64 = 16 // RFC 9596
	LabelX5Chain     int64 = 33 // RFC 9360
	LabelX5T         int64 = 34 // RFC 9360
)

// understood are the labels that may stand in crit (RFC 9052, 3.1).
var understood = map[any]bool{
	LabelAlgorithm: true, LabelContentType: true, LabelKeyID: true, LabelType: true, LabelX5Chain: true, LabelX5T: true,
}

// Header is what the two headers of a message say. Unknown labels are kept in
// the raw maps and otherwise ignored.
type Header struct {
	Algorithm   Algorithm
	Type        string // label 16 when it is text; "" otherwise
	ContentType any    // label 3: string, uint64 or nil
	KeyID       []byte // label 4, from either header

	X5Chain            [][]byte // label 33, DER, leaf first
	X5ChainProtected   bool     // ISO/IEC 18013-5 writers put it into the unprotected header
	X5ChainSingleArray bool     // an array with one certificate, where RFC 9360 asks for a byte string
	X5T                *X5T     // label 34; matches the first certificate where both are present

	Protected          cbor.RawMessage         // the protected map as received; empty for a zero-length header
	ProtectedByLabel   map[any]cbor.RawMessage // keys int64 or string
	UnprotectedByLabel map[any]cbor.RawMessage
}

// X5T is the digest of a certificate: RFC 9360, 2. Algorithm is always -16, SHA-256.
type X5T struct {
	Algorithm int64
	Hash      []byte
}

const algorithmSHA256 = -16

// Matches reports whether the digest is that of a certificate in DER.
func (x *X5T) Matches(certificate []byte) bool {
	sum := sha256.Sum256(certificate)
	return x.Algorithm == algorithmSHA256 && bytes.Equal(x.Hash, sum[:])
}

// X5ChainValue returns the value of header label 33 for a chain, leaf first: a
// byte string for one certificate, an array for more (RFC 9360, 2).
func X5ChainValue(chain [][]byte) any {
	if len(chain) == 1 {
		return chain[0]
	}
	return chain
}

// parseHeader reads both headers: the content of the protected byte string and
// the unprotected map.
func parseHeader(protected, unprotected []byte) (*Header, error) {
	h := &Header{Protected: protected}
	var err error
	if len(protected) == 0 { // RFC 9052, 3: a zero-length map is a zero-length string
		h.ProtectedByLabel = map[any]cbor.RawMessage{}
	} else if h.ProtectedByLabel, err = byLabel(protected); err != nil {
		return nil, fmt.Errorf("protected header: %w", err)
	}
	if h.UnprotectedByLabel, err = byLabel(unprotected); err != nil {
		return nil, fmt.Errorf("unprotected header: %w", err)
	}
	for label := range h.UnprotectedByLabel {
		if _, both := h.ProtectedByLabel[label]; both {
			return nil, fmt.Errorf("%w: label %v in both headers", ErrMalformed, label)
		}
	}
	for _, step := range headerSteps {
		if err := step(h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

var headerSteps = []func(*Header) error{
	(*Header).readAlgorithm, (*Header).readCritical, (*Header).readTypes, (*Header).readKeyID, (*Header).readX5Chain, (*Header).readX5T,
}

// byLabel reads a header map. Labels are integers or text (RFC 9052, 1.4).
func byLabel(data []byte) (map[any]cbor.RawMessage, error) {
	entries, err := entriesOf(data)
	if err != nil {
		return nil, err
	}
	labels := make(map[any]cbor.RawMessage, len(entries))
	for _, entry := range entries {
		label, err := parseLabel(entry.Key)
		if err != nil {
			return nil, err
		}
		labels[label] = entry.Value
	}
	return labels, nil
}

// entriesOf reads a map of at most MaxHeaders labels.
func entriesOf(data []byte) ([]cbor.Entry, error) {
	entries, err := cbor.MapEntries(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(entries) > MaxHeaders {
		return nil, fmt.Errorf("%w: %d labels, at most %d", ErrMalformed, len(entries), MaxHeaders)
	}
	return entries, nil
}

// parseLabel returns an int64 or a string.
func parseLabel(item []byte) (any, error) {
	n, text, ok := integerOrText(item)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: label is neither integer nor text", ErrMalformed)
	case text != nil:
		return *text, nil
	}
	return n, nil
}

// integerOrText reads an item that is one of the two, an integer when text is nil.
func integerOrText(item []byte) (n int64, text *string, ok bool) {
	if len(item) > 0 && item[0]>>5 == 3 {
		s, err := cbor.Text(item)
		return 0, &s, err == nil
	}
	n, err := cbor.Int(item)
	return n, nil, err == nil
}

// either returns the value of a label from the header that has it.
func (h *Header) either(label int64) (value cbor.RawMessage, protected bool) {
	if value, protected = h.ProtectedByLabel[label]; protected {
		return value, true
	}
	return h.UnprotectedByLabel[label], false
}

// readAlgorithm takes alg from the protected header alone: in the other one,
// whoever carries the message could change it.
func (h *Header) readAlgorithm() error {
	if _, ok := h.UnprotectedByLabel[LabelAlgorithm]; ok {
		return fmt.Errorf("%w: alg in the unprotected header", ErrMalformed)
	}
	value, ok := h.ProtectedByLabel[LabelAlgorithm]
	if !ok {
		return fmt.Errorf("%w: no alg in the protected header", ErrMalformed)
	}
	alg, text, ok := integerOrText(value)
	switch {
	case !ok:
		return fmt.Errorf("%w: alg is neither integer nor text", ErrMalformed)
	case text != nil:
		return fmt.Errorf("%w: alg %.32q", ErrUnsupported, *text)
	}
	h.Algorithm = Algorithm(alg)
	if !h.Algorithm.signature() && h.Algorithm != HMAC256 {
		return fmt.Errorf("%w: %v", ErrUnsupported, h.Algorithm)
	}
	return nil
}

// readCritical refuses critical labels that are absent, unprotected or not
// understood (RFC 9052, 3.1).
func (h *Header) readCritical() error {
	if _, ok := h.UnprotectedByLabel[LabelCritical]; ok {
		return fmt.Errorf("%w: crit in the unprotected header", ErrMalformed)
	}
	value, ok := h.ProtectedByLabel[LabelCritical]
	if !ok {
		return nil
	}
	items, err := cbor.ArrayItems(value)
	if err != nil {
		return fmt.Errorf("%w: crit: %w", ErrMalformed, err)
	}
	if len(items) == 0 {
		return fmt.Errorf("%w: crit is empty", ErrMalformed)
	}
	for _, item := range items {
		label, err := parseLabel(item)
		if err != nil {
			return fmt.Errorf("crit: %w", err)
		}
		if _, ok := h.ProtectedByLabel[label]; !ok {
			return fmt.Errorf("%w: critical label %.32v is not in the protected header", ErrMalformed, label)
		}
		if !understood[label] {
			return fmt.Errorf("%w: critical label %.32v", ErrUnsupported, label)
		}
	}
	return nil
}

// readTypes reads typ and content type: text or unsigned integers.
func (h *Header) readTypes() error {
	for _, label := range []int64{LabelType, LabelContentType} {
		item, _ := h.either(label)
		if item == nil {
			continue
		}
		n, text, ok := integerOrText(item)
		switch {
		case !ok || n < 0:
			return fmt.Errorf("%w: label %d is neither text nor unsigned integer", ErrMalformed, label)
		case text == nil && label == LabelContentType:
			h.ContentType = uint64(n)
		case text == nil:
		case len(*text) > MaxText:
			return fmt.Errorf("%w: label %d has %d bytes, at most %d", ErrMalformed, label, len(*text), MaxText)
		case label == LabelType:
			h.Type = *text
		default:
			h.ContentType = *text
		}
	}
	return nil
}

func (h *Header) readKeyID() error {
	item, _ := h.either(LabelKeyID)
	if item == nil {
		return nil
	}
	var err error
	if h.KeyID, err = cbor.Bytes(item); err != nil || len(h.KeyID) > MaxKeyID {
		return fmt.Errorf("%w: kid", ErrMalformed)
	}
	return nil
}

func (h *Header) readX5Chain() error {
	var item cbor.RawMessage
	if item, h.X5ChainProtected = h.either(LabelX5Chain); item == nil {
		return nil
	}
	certificates := []cbor.RawMessage{item}
	if item[0]>>5 == 4 {
		var err error
		if certificates, err = cbor.ArrayItems(item); err != nil {
			return fmt.Errorf("%w: x5chain: %w", ErrMalformed, err)
		}
		h.X5ChainSingleArray = len(certificates) == 1
	}
	if len(certificates) == 0 || len(certificates) > MaxChain {
		return fmt.Errorf("%w: x5chain of %d certificates", ErrMalformed, len(certificates))
	}
	h.X5Chain = make([][]byte, len(certificates))
	for i, certificate := range certificates {
		var err error
		if h.X5Chain[i], err = cbor.Bytes(certificate); err != nil {
			return fmt.Errorf("%w: x5chain: %w", ErrMalformed, err)
		}
		if n := len(h.X5Chain[i]); n == 0 || n > MaxCertificate {
			return fmt.Errorf("%w: x5chain: certificate of %d bytes", ErrMalformed, n)
		}
	}
	return nil
}

// readX5T reads x5t and compares it with the first certificate of x5chain. It
// follows readX5Chain.
func (h *Header) readX5T() error {
	item, _ := h.either(LabelX5T)
	if item == nil {
		return nil
	}
	parts, err := cbor.ArrayItems(item)
	if err != nil || len(parts) != 2 {
		return fmt.Errorf("%w: x5t", ErrMalformed)
	}
	algorithm, err := parseLabel(parts[0])
	if err != nil {
		return fmt.Errorf("x5t: %w", err)
	}
	if algorithm != int64(algorithmSHA256) {
		return fmt.Errorf("%w: x5t with hash algorithm %.32v", ErrUnsupported, algorithm)
	}
	h.X5T = &X5T{Algorithm: algorithmSHA256}
	if h.X5T.Hash, err = cbor.Bytes(parts[1]); err != nil || len(h.X5T.Hash) != sha256.Size {
		return fmt.Errorf("%w: x5t", ErrMalformed)
	}
	if len(h.X5Chain) > 0 && !h.X5T.Matches(h.X5Chain[0]) {
		return fmt.Errorf("%w: x5t does not match the first certificate", ErrMalformed)
	}
	return nil
}
