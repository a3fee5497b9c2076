// Package elements knows the data elements of the mobile driving licence and of
// the PID and of proofs of age: their names in both formats, their encodings and
// their rules.
//
// Start with [MDL], [PID] and [AgeAttestation], the tables, and with [Element]: Normalize
// checks a value, Encode and Claim write it, Decode and DecodeClaim read it
// back for a verifier. [MayDrive] and [AgeAnswer] turn values into the answers
// that a verdict rests on, [Render] turns any encoded value into JSON for
// output.
//
// A value has one neutral Go form, whatever the wire: string for text, dates
// (YYYY-MM-DD) and instants (YYYY-MM-DDThh:mm:ssZ), []byte for bytes and
// pictures, uint64, bool, []string for lists of text, map[string]string for a
// place, []Privilege for driving privileges.
//
// The package is strict when it writes and says so when it reads: what would
// make an element ambiguous or deceptive to a reader (wrong type, a date
// without its tag, a date that does not exist, text that reorders itself on the
// screen) is an error, a broken rule of the data model (150 characters, Latin-1
// repertoire, an unknown colour) a warning, since a genuine document of another
// state may break it.
//
// What it refuses to do: it never cuts or guesses a value, and no error ever
// contains one.
//
// Sources: ISO/IEC 18013-5:2021, 7.2 with the second-edition draft of
// 2025-09-14; PID Rulebook 1.7 (2026-07-20), data model and encodings;
// Directive 2006/126/EC, article 6 for equivalent categories.
//
// Promised: identifiers and neutral forms are only ever added.
package elements
