package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"fmt"
)

// algorithm is one signature algorithm with the only key that fits it.
type algorithm struct {
	name  string
	crv   string
	curve elliptic.Curve // nil for Ed25519
	hash  crypto.Hash    // 0 for Ed25519
	size  int            // octets of r and of s
}

// The allow-list: RFC 7518 section 3.4, RFC 8037 section 3.1 (EdDSA, here
// with Ed25519 only) and RFC 9864 section 2.2 (Ed25519).
var algorithms = []algorithm{
	{"ES256", "P-256", elliptic.P256(), crypto.SHA256, 32},
	{"ES384", "P-384", elliptic.P384(), crypto.SHA384, 48},
	{"ES512", "P-521", elliptic.P521(), crypto.SHA512, 66},
	{"EdDSA", "Ed25519", nil, 0, 32},
	{"Ed25519", "Ed25519", nil, 0, 32},
}

// Algorithms is what Verify allows when it is told nothing.
func Algorithms() []string { return []string{"ES256", "ES384", "ES512", "EdDSA", "Ed25519"} }

func algorithmNamed(name string) (*algorithm, bool) {
	for i := range algorithms {
		if algorithms[i].name == name {
			return &algorithms[i], true
		}
	}
	return nil, false
}

// fits refuses a key of another type or on another curve, so that a token
// cannot choose how a key is used.
func (a *algorithm) fits(pub crypto.PublicKey) error {
	if a.is(pub) {
		return nil
	}
	return fmt.Errorf("%w: %s does not go with a %s key", ErrKey, a.name, describe(pub))
}

func (a *algorithm) is(pub crypto.PublicKey) bool {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return k != nil && a.curve != nil && k.Curve == a.curve
	case ed25519.PublicKey:
		return a.curve == nil && len(k) == ed25519.PublicKeySize
	}
	return false
}

// AlgorithmFor names the algorithm that goes with a key: ES256, ES384, ES512
// or EdDSA.
func AlgorithmFor(pub crypto.PublicKey) (string, error) {
	for i := range algorithms {
		if algorithms[i].is(pub) {
			return algorithms[i].name, nil
		}
	}
	return "", fmt.Errorf("%w: no algorithm for a %s key", ErrUnsupported, describe(pub))
}

func describe(pub crypto.PublicKey) string {
	if k, ok := pub.(*ecdsa.PublicKey); ok && k != nil && k.Curve != nil {
		return k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", pub)
}
