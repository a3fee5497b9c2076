package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha256" // linked for crypto.Hash
	_ "crypto/sha512"
	"errors"
	"fmt"
)

// Sentinels of this package; every error matches one of them, or one of package
// cbor where the encoding itself is refused.
var (
	ErrMalformed   = errors.New("malformed COSE message")
	ErrUnsupported = errors.New("unsupported by COSE profile")
	ErrSignature   = errors.New("COSE signature or MAC does not verify")
	ErrKey         = errors.New("unsuitable COSE key")
)

// Algorithm is a value of the IANA registry of COSE algorithms.
type Algorithm int

// The algorithms that are supported. RFC 9053, 2 and 3; RFC 9864 for the fully
// specified ESP256, ESP384, ESP512 and Ed25519.
const (
	ES256   Algorithm = -7
	ES384   Algorithm = -35
	ES512   Algorithm = -36
	EdDSA   Algorithm = -8
	ESP256  Algorithm = -9
	ESP384  Algorithm = -51
	ESP512  Algorithm = -52
	Ed25519 Algorithm = -19
	HMAC256 Algorithm = 5
)

// named are the names of algorithms, refused ones too, so that a refusal says
// what was asked for. What counts is in suites, and HMAC256.
var named = map[Algorithm]string{
	ES256: "ES256", ES384: "ES384", ES512: "ES512", EdDSA: "EdDSA",
	ESP256: "ESP256", ESP384: "ESP384", ESP512: "ESP512", Ed25519: "Ed25519", HMAC256: "HMAC 256/256",
	-53:  "Ed448",
	-265: "ESB256 (brainpoolP256r1)", -266: "ESB320 (brainpoolP320r1)",
	-267: "ESB384 (brainpoolP384r1)", -268: "ESB512 (brainpoolP512r1)",
	4: "HMAC 256/64", 6: "HMAC 384/384", 7: "HMAC 512/512",
	-47: "ES256K", -37: "PS256", -38: "PS384", -39: "PS512", -257: "RS256", -258: "RS384", -259: "RS512", -65535: "RS1",
}

func (a Algorithm) String() string {
	if name, ok := named[a]; ok {
		return name
	}
	return fmt.Sprintf("algorithm %d", int(a))
}

// suite is what a signature algorithm prescribes. A nil curve means Ed25519.
type suite struct {
	curve elliptic.Curve
	hash  crypto.Hash
}

// suites maps each signature algorithm to one curve. RFC 9053, 2.1 leaves the
// curve of ES256, ES384 and ES512 open; ISO/IEC 18013-5, 9.1.2.4 ties them.
var suites = map[Algorithm]suite{
	ES256: {elliptic.P256(), crypto.SHA256}, ESP256: {elliptic.P256(), crypto.SHA256},
	ES384: {elliptic.P384(), crypto.SHA384}, ESP384: {elliptic.P384(), crypto.SHA384},
	ES512: {elliptic.P521(), crypto.SHA512}, ESP512: {elliptic.P521(), crypto.SHA512},
	EdDSA: {}, Ed25519: {},
}

// AlgorithmFor returns the algorithm with which a key signs: ES256, ES384 or
// ES512 by the curve, EdDSA for Ed25519.
func AlgorithmFor(pub crypto.PublicKey) (Algorithm, error) {
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return ES256, nil
		case elliptic.P384():
			return ES384, nil
		case elliptic.P521():
			return ES512, nil
		}
		return 0, fmt.Errorf("%w: elliptic curve %s", ErrUnsupported, key.Curve.Params().Name)
	case ed25519.PublicKey:
		return EdDSA, nil
	}
	return 0, fmt.Errorf("%w: key of type %T signs nothing here", ErrUnsupported, pub)
}

// signature reports whether a is a supported signature algorithm.
func (a Algorithm) signature() bool {
	_, ok := suites[a]
	return ok
}
