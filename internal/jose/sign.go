package jose

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
)

// Sign makes a compact JWS. header holds the other protected members: values
// that encoding/json can write, x5c as [][]byte (DER, leaf first), jwk as
// json.RawMessage. alg is set from the signer's public key; a header that
// names one must name that one, or Ed25519 for EdDSA. Members are written in
// the order of their names. rand goes to the signer as it is.
func Sign(signer crypto.Signer, header map[string]any, payload []byte, rand io.Reader) (string, error) {
	if signer == nil {
		return "", fmt.Errorf("signing JWS: %w: no signer", ErrKey)
	}
	pub := signer.Public()
	name, err := AlgorithmFor(pub)
	if err != nil {
		return "", fmt.Errorf("signing JWS: %w", err)
	}
	if asked, ok := header["alg"]; ok && asked != name {
		if name != "EdDSA" || asked != "Ed25519" {
			return "", fmt.Errorf("signing JWS: %w: alg %v does not go with a %s key", ErrKey, asked, describe(pub))
		}
		name = "Ed25519"
	}
	a, _ := algorithmNamed(name)
	text, err := marshalHeader(header, map[string]any{"alg": name}, "enc", "epk", "apu", "apv")
	if err != nil {
		return "", fmt.Errorf("signing JWS: %w", err)
	}
	n := rawURL.EncodedLen(len(text)) + 1 + rawURL.EncodedLen(len(payload))
	out := make([]byte, 0, n+1+rawURL.EncodedLen(2*a.size))
	out = rawURL.AppendEncode(out, text)
	out = append(out, '.')
	out = rawURL.AppendEncode(out, payload)

	var sig []byte
	if a.curve == nil {
		sig, err = signer.Sign(rand, out, crypto.Hash(0))
	} else {
		h := a.hash.New()
		h.Write(out)
		if sig, err = signer.Sign(rand, h.Sum(nil), a.hash); err == nil {
			sig, err = rawSignature(sig, a.size)
		}
	}
	if err != nil {
		return "", fmt.Errorf("signing JWS: %w", err)
	}
	out = append(out, '.')
	return string(rawURL.AppendEncode(out, sig)), nil
}

// rawSignature turns the DER of crypto.Signer into r||s (RFC 7518 section 3.4).
func rawSignature(der []byte, size int) ([]byte, error) {
	var v struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &v)
	if err != nil || len(rest) != 0 || v.R.Sign() <= 0 || v.S.Sign() <= 0 || v.R.BitLen() > 8*size || v.S.BitLen() > 8*size {
		return nil, fmt.Errorf("%w: the signer answered with something else than a DER signature", ErrKey)
	}
	out := make([]byte, 2*size)
	v.R.FillBytes(out[:size])
	v.S.FillBytes(out[size:])
	return out, nil
}

// marshalHeader writes header with the members of set on top, and refuses
// what parseHeader would refuse, and the names in never.
func marshalHeader(header, set map[string]any, never ...string) ([]byte, error) {
	all := make(map[string]any, len(header)+len(set))
	for name, v := range header {
		all[name] = v
	}
	for name, v := range set {
		all[name] = v
	}
	for _, name := range append(never, "crit", "b64", "zip") {
		if _, ok := all[name]; ok {
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
