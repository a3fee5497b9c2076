// Package bulk loads whole registries into the office and compares them with
// it: one file of subjects, one line a person, and a signed manifest beside it.
//
// Start with Importer.Run, which loads, and Reconciler.Run, which compares a
// dump with the subjects of the office and with what is published, and whose
// Result.Sign is the proof that nothing is missing. Survey and Manifest.Sign
// make the manifest of a file; Writer and AppendSubject make the file from the
// subjects of an office. docs/BULK.md is the format for those who write such
// files.
//
// The file is JSON lines. The manifest is a JWS of type ManifestType by a key
// of the source: it has the digest of each block of at most MaxBlockLines
// lines, so that the lines themselves need no signature. A block is read into
// memory, compared with its digest, and only then parsed, from that memory:
// nobody can change the file between the check and the use.
//
// A line is held to the rules of registry events, through document.ParsePayload,
// and becomes a subject through document.Table.Apply, as if a person-put, the
// entitlement-puts, document-puts and measures had come one after the other. The
// matrix of what the source may say applies (Rights). No copies exist of what
// is new, so nothing is revoked and nobody is told.
//
// It refuses: a manifest of another source, office, key or type, or an old
// one; a file that is not the one of the manifest; a block with one bad line,
// whole, so that what is loaded is always a beginning of the file that ends
// with a block. With Importer.Refused bad lines are left out and told instead.
// A person who is known already is left alone: events change persons, a file
// only makes them known. A refusal names line and member, never a value.
//
// Promised: a file that loads today loads with every later version.
package bulk
