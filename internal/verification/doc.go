// Package verification is the one core of every verifier: the command line,
// the reader at the roadside and the web page turn to it.
//
// Start with DeviceResponse, IssuerSigned or SDJWT: bytes and Options in, a
// Report out. A Report always comes back, also for garbage: it has one entry
// per check, with the check's id, the clause that asks for it, its result and
// a detail, and a verdict on four axes that are never collapsed (package
// policy). Checks that could not be made are "not done", with the reason; they
// are never left out and never count as passed.
//
// It refuses nothing with an error: what cannot be parsed is a failed check.
// It does no input or output, keeps nothing, and takes the instant from
// Options. Trust comes only from Options.Anchors, never from certificates that
// a message carries, and never from the system.
//
// It implements ISO/IEC 18013-5:2021, 9.1 and 9.3 with the second edition's
// MSO revocation, RFC 9901 section 7.3, SD-JWT VC, and the Token Status List
// draft -21 section 8.3. Check ids are promised to stay: they are what tools
// and people quote.
package verification
