package jose

import (
	"bytes"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
)

// Signer makes tokens that differ in their payload only: the header is checked
// and encoded once. It is safe for concurrent use if its crypto.Signer is.
type Signer struct {
	signer crypto.Signer
	alg    *algorithm
	head   []byte // encoded, with the dot
}

// NewSigner takes the protected header but for alg, which follows from the
// signer's public key: values that encoding/json can write, x5c as [][]byte
// (DER, leaf first), jwk as json.RawMessage. A header that names alg must name
// that one, or Ed25519 for EdDSA. Members are written in the order of their
// names.
func NewSigner(signer crypto.Signer, header map[string]any) (*Signer, error) {
	if signer == nil {
		return nil, fmt.Errorf("signing JWS: %w: no signer", ErrKey)
	}
	pub := signer.Public()
	name, err := AlgorithmFor(pub)
	if err != nil {
		return nil, fmt.Errorf("signing JWS: %w", err)
	}
	if asked, ok := header["alg"]; ok && asked != name {
		if name != "EdDSA" || asked != "Ed25519" {
			return nil, fmt.Errorf("signing JWS: %w: alg %v does not go with a %s key", ErrKey, asked, describe(pub))
		}
		name = "Ed25519"
	}
	text, err := marshalHeader(header, map[string]any{"alg": name}, "enc", "epk", "apu", "apv")
	if err != nil {
		return nil, fmt.Errorf("signing JWS: %w", err)
	}
	a, _ := algorithmNamed(name)
	return &Signer{signer, a, append(rawURL.AppendEncode(nil, text), '.')}, nil
}

// Sign makes a compact JWS. rand goes to the crypto.Signer as it is.
func (s *Signer) Sign(payload []byte, rand io.Reader) (string, error) {
	out := make([]byte, 0, len(s.head)+rawURL.EncodedLen(len(payload))+1+rawURL.EncodedLen(2*s.alg.size))
	out = append(out, s.head...)
	out = rawURL.AppendEncode(out, payload)
	var raw [2 * 66]byte
	sig := raw[:2*s.alg.size]
	var err error
	if s.alg.curve == nil {
		sig, err = s.signer.Sign(rand, out, crypto.Hash(0))
	} else {
		// A signer that reads what it signs gets the message, every other its digest.
		var der []byte
		if reads, ok := s.signer.(crypto.MessageSigner); ok {
			der, err = reads.SignMessage(rand, out, s.alg.hash)
		} else {
			der, err = s.signer.Sign(rand, s.alg.digest(out), s.alg.hash)
		}
		if err == nil {
			err = rawSignature(sig, der)
		}
	}
	if err != nil {
		return "", fmt.Errorf("signing JWS: %w", err)
	}
	out = append(out, '.')
	return string(rawURL.AppendEncode(out, sig)), nil
}

// Sign makes one compact JWS: NewSigner and its Sign in one.
func Sign(signer crypto.Signer, header map[string]any, payload []byte, rand io.Reader) (string, error) {
	s, err := NewSigner(signer, header)
	if err != nil {
		return "", err
	}
	return s.Sign(payload, rand)
}

// rawSignature turns the DER of crypto.Signer into r||s (RFC 7518 section
// 3.4), which fills out.
func rawSignature(out, der []byte) error {
	clear(out)
	half := len(out) / 2
	body, rest, ok := element(der, 0x30)
	ok = ok && len(rest) == 0
	for _, to := range [2][]byte{out[:half], out[half:]} {
		var i []byte
		if i, body, ok = integer(body, ok); !ok || len(i) > half {
			return fmt.Errorf("%w: the signer answered with something else than a DER signature", ErrKey)
		}
		copy(to[half-len(i):], i)
	}
	if len(body) != 0 {
		return fmt.Errorf("%w: the signer answered with something else than a DER signature", ErrKey)
	}
	return nil
}

// element takes one DER element of at most 255 octets off b.
func element(b []byte, tag byte) (content, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, b := int(b[1]), b[2:]
	if n == 0x81 && len(b) > 0 && b[0] > 0x7f {
		n, b = int(b[0]), b[1:]
	} else if n > 0x7f {
		return nil, nil, false
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// integer takes one positive DER INTEGER off b, without its leading zero.
func integer(b []byte, before bool) (i, rest []byte, ok bool) {
	i, rest, ok = element(b, 0x02)
	if !before || !ok || len(i) == 0 || i[0] > 0x7f || i[0] == 0 && (len(i) == 1 || i[1] < 0x80) {
		return nil, nil, false
	}
	if i[0] == 0 {
		i = i[1:]
	}
	return i, rest, true
}

// marshalHeader writes header with the members of set on top. In header it
// refuses what parseHeader would refuse, and the names in never.
func marshalHeader(header, set map[string]any, never ...string) ([]byte, error) {
	all := make(map[string]any, len(header)+len(set))
	for name, v := range header {
		all[name] = v
	}
	for name, v := range set {
		all[name] = v
	}
	for _, name := range append(never, "crit", "b64", "zip") {
		if _, ok := header[name]; ok {
			return nil, fmt.Errorf("%w: header member %s", ErrUnsupported, name)
		}
	}
	text, err := marshalJSON(all)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("%w: header of %d bytes, at most %d", ErrLimit, len(text), maxHeader)
	}
	return text, nil
}

// marshalJSON writes without the HTML escapes of json.Marshal, which only make
// tokens longer.
func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
