// Package fleet is the readers of an authority: who they are, what certificate
// each asks with, which bundle each was last seen with, and which are no more.
//
// Start with New. Invite makes a one-time code for a named reader; the reader
// makes its own key and sends Enrol its certificate request with the code; a
// human compares the fingerprint of the key and calls Approve, which signs the
// reader's certificate (ISO/IEC 18013-5, B.1.7); the reader asks Enrol again and
// gets it. Revoke ends a reader, and RevocationList is the CRL of the reader CA
// (B.1.8 with RFC 5280, section 5) that wallets look at.
//
// A code has 100 bits, is kept as a digest, works once and for one key, and ends
// with its time: of two readers with one code one is enrolled. A wrong code, a
// used one, an expired one and that of a reader who was revoked are one answer.
// The private key never leaves the reader.
//
// A revocation is not taken back: what a list has said, whoever keeps it (Lists), is
// said by every later one, also after the store came back from a backup (Adopt).
//
// Promised: no code and no key reaches a log, the record or the store. Each deed
// is in the record, in the step that does it.
package fleet
