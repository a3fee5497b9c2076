package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"fmt"
	"slices"
)

// algorithm is one signature algorithm with the only key that fits it.
type algorithm struct {
	name  string
	curve elliptic.Curve // nil for Ed25519
	hash  crypto.Hash    // 0 for Ed25519
	size  int            // octets of r and of s
}

// The allow-list: RFC 7518 section 3.4, RFC 8037 section 3.1 (EdDSA, here
// with Ed25519 only) and RFC 9864 section 2.2 (Ed25519).
var algorithms = []algorithm{
	{"ES256", elliptic.P256(), crypto.SHA256, 32},
	{"ES384", elliptic.P384(), crypto.SHA384, 48},
	{"ES512", elliptic.P521(), crypto.SHA512, 66},
	{"EdDSA", nil, 0, 32},
	{"Ed25519", nil, 0, 32},
}

// Algorithms is what Verify allows when it is told nothing.
func Algorithms() []string { return []string{"ES256", "ES384", "ES512", "EdDSA", "Ed25519"} }

func algorithmNamed(name string) (algorithm, bool) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		return algorithm{}, false
	}
	return algorithms[i], true
}

// fits refuses a key of another type or on another curve, so that a token
// cannot choose how a key is used.
func (a algorithm) fits(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k != nil && a.curve != nil && k.Curve == a.curve {
			return nil
		}
	case ed25519.PublicKey:
		if a.curve == nil && len(k) == ed25519.PublicKeySize {
			return nil
		}
	}
	return fmt.Errorf("%w: %s does not go with a %s key", ErrKey, a.name, describe(pub))
}

// AlgorithmFor names the algorithm that goes with a key: ES256, ES384, ES512
// or EdDSA.
func AlgorithmFor(pub crypto.PublicKey) (string, error) {
	for _, a := range algorithms {
		if a.fits(pub) == nil {
			return a.name, nil
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
