// Package backup writes an office into one encrypted archive and takes it out
// again.
//
// Start with Write, and with Unpack for the way back. An archive is a tar
// inside an age file (age-encryption.org/v1, X25519 recipients). In the tar:
// manifest.json, which says whose backup it is; the files of the office below
// state/, in pieces of at most 4 MiB (the first has the name of the file, the
// others end in .part-000002 and so on: joined in order they are the file);
// last, digests.jws, a compact JWS of type vidimus-backup+jwt with name, size
// and SHA-256 of every file and with the digest of the manifest. So a database
// of unknown size streams through with one piece in memory, and anybody with
// age, tar and cat can take an archive apart without this program.
//
// The encryption says nothing of who made an archive: everybody who knows the
// recipient can. That is what the signature is for; Unpack checks it when it is
// told the keys.
//
// What Unpack refuses, before anything of the office is touched: what is no
// archive of ours, another recipient's (ErrRecipient), one cut short or changed
// in any byte (ErrDamaged), one of a later version (ErrFormat, ErrSchema), of
// another office (ErrIssuer), of another signer (ErrSignature), one with names
// that lead elsewhere, links, or more than the bounds of limits.go
// (ErrContents). Everything is unpacked into a folder of its own first, and
// synced; Install then renames file by file. What was there before is kept
// aside. While Install has not ended, Unfinished says so, and the office must
// not start.
//
// Promised: archives of today can be unpacked by every later version.
package backup
