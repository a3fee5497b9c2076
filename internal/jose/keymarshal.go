package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// MarshalPublicKey makes a JWK with the required members only, in the order
// of RFC 7638 section 3.2 and without white space: crv, kty, x and for EC y.
// pub is a *ecdsa.PublicKey, an *ecdh.PublicKey on a NIST curve, or an
// ed25519.PublicKey.
func MarshalPublicKey(pub crypto.PublicKey) ([]byte, error) {
	out, err := appendPublic(make([]byte, 0, 256), pub)
	if err != nil {
		return nil, err
	}
	return append(out, '}'), nil
}

// MarshalPrivateKey makes a private JWK: the members of MarshalPublicKey and d.
// Whoever writes it out writes a secret.
func MarshalPrivateKey(key crypto.PrivateKey) ([]byte, error) {
	var out, d []byte
	var err error
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if out, err = appendPublic(nil, &k.PublicKey); err == nil {
			d, err = k.Bytes()
		}
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("%w: Ed25519 private key of %d octets", ErrKey, len(k))
		}
		out, err = appendPublic(nil, k.Public())
		d = k.Seed()
	default:
		return nil, fmt.Errorf("%w: private key of type %T", ErrUnsupported, key)
	}
	if err != nil {
		return nil, err
	}
	out = rawURL.AppendEncode(append(out, `,"d":"`...), d)
	return append(out, `"}`...), nil
}

// appendPublic writes the JWK of a key but for its last brace.
func appendPublic(out []byte, pub crypto.PublicKey) ([]byte, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			break
		}
		if _, err := AlgorithmFor(k); err != nil {
			return nil, err
		}
		point, err := k.Bytes()
		if err != nil {
			return nil, fmt.Errorf("%w: the point is not on its curve", ErrKey)
		}
		return appendEC(out, k.Curve.Params().Name, point), nil
	case *ecdh.PublicKey:
		if k == nil {
			break
		}
		if crv, ok := ecdhCurves[k.Curve()]; ok {
			return appendEC(out, crv, k.Bytes()), nil
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			out = rawURL.AppendEncode(append(out, `{"crv":"Ed25519","kty":"OKP","x":"`...), k)
			return append(out, '"'), nil
		}
	}
	return nil, fmt.Errorf("%w: public key of type %T", ErrUnsupported, pub)
}

var ecdhCurves = map[ecdh.Curve]string{ecdh.P256(): "P-256", ecdh.P384(): "P-384", ecdh.P521(): "P-521"}

// appendEC takes a point in the uncompressed form of SEC 1.
func appendEC(out []byte, crv string, point []byte) []byte {
	size := len(point) / 2
	out = append(append(out, `{"crv":"`...), crv...)
	out = rawURL.AppendEncode(append(out, `","kty":"EC","x":"`...), point[1:1+size])
	out = rawURL.AppendEncode(append(out, `","y":"`...), point[1+size:])
	return append(out, '"')
}

// Thumbprint is the SHA-256 thumbprint of RFC 7638: 32 octets.
func Thumbprint(pub crypto.PublicKey) ([]byte, error) {
	var buf [256]byte
	jwk, err := appendPublic(buf[:0], pub)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(jwk, '}'))
	return sum[:], nil
}
