// Package cbor is the only door to CBOR (RFC 8949) of this project: strict
// decoding, deterministic encoding, and the embedded items (tag 24) whose bytes
// are hashed and signed as they were received.
//
// Start with [Unmarshal] and [Marshal]; walk unknown structures with
// [MapEntries] and [ArrayItems]; open and close embedded items with
// [UnwrapEncoded] and [WrapEncoded].
//
// Every decoding function first walks the whole input, including the content of
// every tag-24 byte string, and refuses:
//   - indefinite lengths, reserved additional information, truncated or trailing
//     bytes, duplicate map keys (also 1 beside 0x1801), map keys other than
//     integers, text and byte strings (RFC 8949, 5.6: so neither bignum 1 nor
//     float 1.0 can stand beside integer 1, and no NaN key exists);
//   - text that is not UTF-8 or contains U+0000, undefined, unassigned simple
//     values, NaN and infinities;
//   - more than the limits of limits.go.
//
// Non-shortest integers and unsorted maps are accepted, since real wallets send
// them; [Lint] names them. Unknown members of a map are ignored, as ISO/IEC
// 18013-5 asks for members reserved for future use; member names are compared
// with exact case. After a failed Unmarshal the target holds its zero value.
//
// Encoding follows RFC 8949, 4.2.1 (core deterministic): shortest forms,
// definite lengths, map keys in bytewise order of their encodings.
//
// The functions hold no state and may be called concurrently. Nothing here
// hashes, signs or re-encodes what was received.
package cbor
