// Package audit is the append-only record of what was done: who did what to
// which thing, when, and with what outcome.
//
// Start with Event and Writer. A record is a chain: each line carries the
// SHA-256 of the line before it, so that a line changed, dropped, inserted or
// moved is found by Verify, which names it. A chain can be recomputed by
// whoever can write all of it. Therefore Tree builds a Merkle tree over the
// lines, signs a Checkpoint of it with a key of its own, and appends that to
// files elsewhere: VerifyRecord and Tree.Verify compare, and Tree signs
// nothing that does not continue what was signed. Prove shows one line to
// somebody who may not see the others. What was written since the last
// checkpoint is protected by the chain alone.
//
// Never in a record: attribute values of people, tokens, codes, keys, person
// numbers. A person stands there as a pseudonym under a key per month
// (PeriodKeys); when the key is destroyed, nobody can join the lines to the
// person any more. Subject is an identifier or a digest, and the keys of
// Detail are a closed list (DetailKeys); both are bounded and hold no control
// characters, so that a peer cannot write lines of its own. Denials are
// recorded as well as deeds, look-ups with their purpose (Purposes).
//
// Memory keeps the chain for tests, File in one file with one fsync for all
// who wait. A store that keeps its record inside its own transaction uses
// Pseudonymise, Head.Next and Verify, and is a TreeStore. Whoever cannot append
// must not act.
//
// Hashes of the tree are those of RFC 6962, section 2.1, a leaf being a line
// without its newline. A checkpoint is a compact JWS (RFC 7515) of type
// vidimus-checkpoint+jwt with the claims iss, iat, size, root (base64url), head
// (SHA-256 of the last line, hexadecimal) and, after a backup was put back,
// restored: how many lines of the record before are still there.
//
// Promised: the form of a line, docs in Head.Next, of a checkpoint and of a
// proof. Those of today verify with every later version.
package audit
