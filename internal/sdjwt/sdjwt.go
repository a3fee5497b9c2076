package sdjwt

import (
	"strings"

	"vidimus/internal/jose"
)

// SDJWT is an SD-JWT, or an SD-JWT+KB when KeyBinding is set. Nothing of it has
// been verified. It does not change after parsing and may be used concurrently.
type SDJWT struct {
	Issuer      *jose.Signed
	Disclosures []Disclosure // in the order received
	KeyBinding  *jose.Signed // nil when there is none
	Compact     string       // as received; for JSON, the same content in compact form

	payload map[string]any // the issuer's, unprocessed
	bound   string         // what sd_hash covers: Compact up to and with the last "~"
}

// Parse reads the compact form, with or without key binding JWT (RFC 9901,
// section 4). The error is an *[Error] of sd.parse, sd.disclosure or sd.kb.
func Parse(compact string) (*SDJWT, error) {
	if len(compact) > maxSize {
		return nil, refuse(CheckParse, "%w: %d bytes, at most %d", ErrLimit, len(compact), maxSize)
	}
	n := strings.Count(compact, "~")
	if n == 0 {
		return nil, refuse(CheckParse, "no \"~\": not an SD-JWT")
	}
	if n-1 > maxDisclosures {
		return nil, refuse(CheckParse, "%w: %d disclosures, at most %d", ErrLimit, n-1, maxDisclosures)
	}
	token, rest, _ := strings.Cut(compact, "~")
	s := &SDJWT{Compact: compact}
	if err := s.readIssuer(token); err != nil {
		return nil, err
	}
	if n > 1 {
		s.Disclosures = make([]Disclosure, 0, n-1)
	}
	for range n - 1 {
		var encoded string
		encoded, rest, _ = strings.Cut(rest, "~")
		d, err := parseDisclosure(encoded)
		if err != nil {
			return nil, err
		}
		s.Disclosures = append(s.Disclosures, d)
	}
	s.bound = compact[:len(compact)-len(rest)]
	if rest != "" {
		if err := s.readKeyBinding(rest); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *SDJWT) readIssuer(token string) error {
	signed, err := jose.Parse(token, maxSize)
	if err != nil {
		return refuse(CheckParse, "issuer-signed JWT: %w", err)
	}
	if s.payload, err = decodeObject(signed.Payload); err != nil {
		return refuse(CheckParse, "payload of the issuer-signed JWT: %w", err)
	}
	s.Issuer = signed
	return nil
}

// readKeyBinding reads what follows the last "~". Without two dots it is a
// disclosure whose "~" was lost rather than a broken key binding JWT.
func (s *SDJWT) readKeyBinding(token string) error {
	if strings.Count(token, ".") != 2 {
		return refuse(CheckParse, "what follows the last \"~\" is no JWT")
	}
	signed, err := jose.Parse(token)
	if err != nil {
		return refuse(CheckKB, "key binding JWT: %w", err)
	}
	s.KeyBinding = signed
	return nil
}
