package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
)

// CKA_EC_PARAMS of the curves that we serve: an object identifier in DER.
var (
	oidP256 = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	oidP384 = []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}
)

func paramsOf(curve elliptic.Curve) ([]byte, error) {
	switch curve {
	case elliptic.P256():
		return oidP256, nil
	case elliptic.P384():
		return oidP384, nil
	}
	return nil, fmt.Errorf("%w: not on P-256 or P-384", ErrKey)
}

func curveOf(params []byte) (elliptic.Curve, error) {
	switch {
	case bytes.Equal(params, oidP256):
		return elliptic.P256(), nil
	case bytes.Equal(params, oidP384):
		return elliptic.P384(), nil
	}
	return nil, fmt.Errorf("%w: not on P-256 or P-384", ErrKey)
}

// publicKey reads CKA_EC_POINT: an uncompressed point in a DER OCTET STRING, or
// bare, as some tokens have it.
func publicKey(curve elliptic.Curve, point []byte) (*ecdsa.PublicKey, error) {
	n := 1 + 2*fieldSize(curve)
	if len(point) == n+2 && point[0] == 0x04 && int(point[1]) == n {
		point = point[2:]
	}
	if len(point) != n {
		return nil, fmt.Errorf("%w: its public half has %d bytes, an uncompressed point has %d", ErrKey, len(point), n)
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("%w: its public half is not a point of the curve", ErrKey)
	}
	return pub, nil
}

func fieldSize(curve elliptic.Curve) int { return (curve.Params().BitSize + 7) / 8 }

// derSignature makes the ASN.1 form of r and s side by side, each as long as the
// field (PKCS #11 v2.40 current mechanisms, 2.3.1); nil for another length.
// Whether it is a signature is for the verification to say.
func derSignature(raw []byte, field int) []byte {
	if len(raw) != 2*field {
		return nil
	}
	der := make([]byte, 2, 2*field+8) // below 128 bytes for both curves
	der[0] = 0x30
	for _, x := range [2][]byte{raw[:field], raw[field:]} {
		for len(x) > 1 && x[0] == 0 {
			x = x[1:]
		}
		if x[0] >= 0x80 {
			der = append(der, 0x02, byte(len(x)+1), 0)
		} else {
			der = append(der, 0x02, byte(len(x)))
		}
		der = append(der, x...)
	}
	der[1] = byte(len(der) - 2)
	return der
}
