// Package cose reads, verifies and makes COSE_Sign1 and COSE_Mac0 messages and
// COSE_Key public keys (RFC 9052, RFC 9053, RFC 9360, RFC 9596, RFC 9864) as ISO/IEC 18013-5
// and the Token Status List use them, on the cryptography of the standard library.
//
// Start with [ParseSign1] and [Sign1.Verify] (or [Sign1.VerifyDetached]) and with [SignSign1].
// Keys come from the caller: a key or certificate named inside a message is
// data, never trust.
//
// Refused: an algorithm outside the protected header, a label present in both
// headers, critical labels that are not understood, MAC algorithms in a
// signature and the reverse, DER signatures and every length but the curve's,
// keys whose type or curve does not fit the algorithm, points off their curve,
// private keys. ES256 is accepted with P-256 alone: RFC 9053 would let it stand
// with a brainpool curve too, for which Go has no constant-time arithmetic; such
// keys and algorithms are named in an [ErrUnsupported].
//
// The external data of a Sig_structure or MAC_structure is always empty, as both
// documents prescribe. Signatures are verified over the protected header as received.
package cose
