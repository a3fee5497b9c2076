// Package jose reads and writes the JSON side of the house: strict JSON,
// strict base64, JSON Web Keys, compact JWS and compact JWE.
//
// Start with Parse and Signed.Verify to check a token, with Sign to make one,
// with ParsePublicKey for a key that a peer sent, and with DecodeJSON wherever
// JSON comes from somebody else. No other package decodes base64 or hands
// signed JSON to encoding/json: the standard decoders take the last of two
// members of the same name, match names without regard to case, replace lone
// surrogates, and skip line breaks inside base64. Each of these lets one
// signed text mean two things.
//
// It implements RFC 7515 (JWS, compact serialization only), RFC 7516 and
// RFC 7518 section 4.6 (JWE with ECDH-ES in direct agreement and AES-GCM
// only), RFC 7517 (JWK), RFC 7638 (thumbprints), RFC 8037 and RFC 9864
// (Ed25519), RFC 8259 with the limits of RFC 7493 (I-JSON).
//
// It refuses: every algorithm but ES256, ES384, ES512, EdDSA and Ed25519 for
// signatures and ECDH-ES with A128GCM or A256GCM for encryption, so never
// "none" and never a MAC; the b64 header member, crit but where a caller
// of ParseCritical understands what it names, and zip but where a caller asks
// for DecryptInflating; private members in a public key; the JSON serializations. It never takes a key from
// a token's own header (jwk, jku, x5u, x5c) to verify that token: the caller
// names the key.
//
// Promised: every error matches exactly one of the sentinels with errors.Is;
// a failed parse returns nil; verification runs over the bytes as received.
package jose

import "errors"

// What a caller can branch on.
var (
	// ErrMalformed says that the text breaks the grammar of its format.
	ErrMalformed = errors.New("malformed")
	// ErrLimit says that the text is larger, deeper or longer than limits.go allows.
	ErrLimit = errors.New("over the limit")
	// ErrUnsupported says that an algorithm, key type or header member is
	// outside what this package does. Nothing cryptographic ran.
	ErrUnsupported = errors.New("unsupported")
	// ErrSignature says that the signature is not one of this key over these bytes.
	ErrSignature = errors.New("signature does not verify")
	// ErrKey says that a key is broken, missing, or not for this use.
	ErrKey = errors.New("unusable key")
	// ErrDecrypt says that the ciphertext did not open. It never says why.
	ErrDecrypt = errors.New("decryption failed")
)
