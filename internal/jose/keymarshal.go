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
	m, err := publicMembers(pub)
	if err != nil {
		return nil, err
	}
	return []byte("{" + m + "}"), nil
}

// MarshalPrivateKey makes a private JWK: the members of MarshalPublicKey and d.
// Whoever writes it out writes a secret.
func MarshalPrivateKey(key crypto.PrivateKey) ([]byte, error) {
	var m string
	var d []byte
	var err error
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if m, err = publicMembers(&k.PublicKey); err == nil {
			d, err = k.Bytes()
		}
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("%w: Ed25519 private key of %d octets", ErrKey, len(k))
		}
		m, err = publicMembers(k.Public())
		d = k.Seed()
	default:
		return nil, fmt.Errorf("%w: private key of type %T", ErrUnsupported, key)
	}
	if err != nil {
		return nil, err
	}
	return []byte("{" + m + `,"d":"` + EncodeBase64URL(d) + `"}`), nil
}

func publicMembers(pub crypto.PublicKey) (string, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			break
		}
		if _, err := AlgorithmFor(k); err != nil {
			return "", err
		}
		point, err := k.Bytes()
		if err != nil {
			return "", fmt.Errorf("%w: the point is not on its curve", ErrKey)
		}
		return ecMembers(k.Curve.Params().Name, point), nil
	case *ecdh.PublicKey:
		if k == nil {
			break
		}
		if crv, ok := ecdhCurves[k.Curve()]; ok {
			return ecMembers(crv, k.Bytes()), nil
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return `"crv":"Ed25519","kty":"OKP","x":"` + EncodeBase64URL(k) + `"`, nil
		}
	}
	return "", fmt.Errorf("%w: public key of type %T", ErrUnsupported, pub)
}

var ecdhCurves = map[ecdh.Curve]string{ecdh.P256(): "P-256", ecdh.P384(): "P-384", ecdh.P521(): "P-521"}

// ecMembers takes a point in the uncompressed form of SEC 1.
func ecMembers(crv string, point []byte) string {
	size := len(point) / 2
	return `"crv":"` + crv + `","kty":"EC","x":"` + EncodeBase64URL(point[1:1+size]) + `","y":"` + EncodeBase64URL(point[1+size:]) + `"`
}

// Thumbprint is the SHA-256 thumbprint of RFC 7638: 32 octets.
func Thumbprint(pub crypto.PublicKey) ([]byte, error) {
	jwk, err := MarshalPublicKey(pub)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(jwk)
	return sum[:], nil
}
