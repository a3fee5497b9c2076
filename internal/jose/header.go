package jose

import (
	"encoding/json"
	"fmt"
)

// Header is the protected header of a token. Nothing in it is trusted before
// the token verifies, and its keys are for the caller to look up or to bind,
// never to verify the token that carries them.
type Header struct {
	Algorithm   string
	Type        string // typ, as received: compare exactly
	KeyID       string
	ContentType string
	X5C         [][]byte // DER, leaf first
	JWK         *Key     // public, from the jwk member
	Critical    []string // nil but from ParseCritical: elsewhere a token with crit is refused
	Raw         []byte   // decoded header text
	Members     map[string]json.RawMessage
}

// wireHeader names every registered member that some reader acts upon, so that
// a case variant of any is refused.
type wireHeader struct {
	Alg     string   `json:"alg"`
	Typ     string   `json:"typ"`
	Kid     string   `json:"kid"`
	Cty     string   `json:"cty"`
	X5C     []string `json:"x5c"`
	JWK     presence `json:"jwk"`
	JKU     span     `json:"jku"` // never followed
	X5U     span     `json:"x5u"` // never followed
	X5T     span     `json:"x5t"`
	X5TS256 span     `json:"x5t#S256"`
	Crit    presence `json:"crit"`
	B64     presence `json:"b64"`
	Zip     presence `json:"zip"`
	Enc     string   `json:"enc"`
	EPK     presence `json:"epk"`
	APU     string   `json:"apu"`
	APV     string   `json:"apv"`
}

// parseHeader decodes the first part of a compact token that is not
// compressed. What it refuses, it refuses for JWS and JWE alike.
func parseHeader(part string, max int) (Header, *wireHeader, error) {
	h, w, err := parseZipHeader(part, max)
	if err == nil && bool(w.Zip) {
		return Header{}, nil, fmt.Errorf("%w: header member zip", ErrUnsupported)
	}
	return h, w, err
}

// parseZipHeader is parseHeader for a JWE that may have zip.
func parseZipHeader(part string, max int) (Header, *wireHeader, error) {
	return parseExtendedHeader(part, max, nil)
}

// parseExtendedHeader is parseZipHeader for tokens that may have the extensions
// which their reader understands.
func parseExtendedHeader(part string, max int, understood []string) (Header, *wireHeader, error) {
	raw, err := DecodeBase64URL(part)
	if err != nil {
		return Header{}, nil, fmt.Errorf("header: %w", err)
	}
	var w wireHeader
	members := make(map[string]json.RawMessage, 8)
	if err := decode(raw, &w, max, func(name, value []byte) { members[string(name)] = value }); err != nil {
		return Header{}, nil, fmt.Errorf("header: %w", err)
	}
	var critical []string
	if w.Crit {
		if critical, err = criticalMembers(members, understood); err != nil {
			return Header{}, nil, err
		}
	}
	switch {
	case bool(w.B64):
		return Header{}, nil, fmt.Errorf("%w: header member b64", ErrUnsupported)
	case w.Alg == "":
		return Header{}, nil, fmt.Errorf("%w: header without alg", ErrMalformed)
	}
	h := Header{Algorithm: w.Alg, Type: w.Typ, KeyID: w.Kid, ContentType: w.Cty, Critical: critical, Raw: raw, Members: members}
	if w.X5C != nil {
		if len(w.X5C) == 0 {
			return Header{}, nil, fmt.Errorf("%w: empty x5c", ErrMalformed)
		}
		if h.X5C, err = certificates(w.X5C); err != nil {
			return Header{}, nil, fmt.Errorf("header: %w", err)
		}
	}
	if w.JWK {
		if h.JWK, err = ParsePublicKey(members["jwk"]); err != nil {
			return Header{}, nil, fmt.Errorf("header: %w", err)
		}
	}
	return h, &w, nil
}
