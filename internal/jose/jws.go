package jose

import (
	"fmt"
	"strings"
)

// Signed is a compact JWS as received. Parsing says nothing of who signed it:
// nothing of Payload may be believed before Verify returns nil.
type Signed struct {
	Header       Header
	Payload      []byte
	SigningInput string // header and payload part with the dot between
	Signature    []byte
	Token        string
}

// Parse takes a compact JWS apart without verifying it. limits, when given, is
// the greatest length of the token in bytes; it is 1 MiB otherwise.
func Parse(token string, limits ...int) (*Signed, error) {
	max := maxToken
	if len(limits) > 0 {
		max = limits[0]
	}
	return parse(token, max, parseHeader)
}

func parse(token string, max int, header func(part string, max int) (Header, *wireHeader, error)) (*Signed, error) {
	if len(token) > max {
		return nil, fmt.Errorf("parsing JWS: %w: %d bytes, at most %d", ErrLimit, len(token), max)
	}
	// Counted before anything is split, so that a million dots cost nothing.
	if strings.Count(token, ".") != 2 {
		return nil, fmt.Errorf("parsing JWS: %w: a compact JWS has three parts", ErrMalformed)
	}
	first, last := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	h, _, err := header(token[:first], maxHeader)
	if err != nil {
		return nil, fmt.Errorf("parsing JWS: %w", err)
	}
	if _, ok := algorithmNamed(h.Algorithm); !ok {
		return nil, fmt.Errorf("parsing JWS: %w: alg %s", ErrUnsupported, quote([]byte(h.Algorithm)))
	}
	if _, ok := h.Members["enc"]; ok {
		return nil, fmt.Errorf("parsing JWS: %w: header member enc", ErrUnsupported)
	}
	s := &Signed{Header: h, SigningInput: token[:last], Token: token}
	if s.Payload, err = DecodeBase64URL(token[first+1 : last]); err != nil {
		return nil, fmt.Errorf("parsing JWS: payload: %w", err)
	}
	if s.Signature, err = DecodeBase64URL(token[last+1:]); err != nil {
		return nil, fmt.Errorf("parsing JWS: signature: %w", err)
	}
	if len(s.Signature) == 0 {
		return nil, fmt.Errorf("parsing JWS: %w: no signature", ErrMalformed)
	}
	return s, nil
}
