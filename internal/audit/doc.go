// Package audit is the append-only record of what was done: who did what to
// which thing, when, and with what outcome.
//
// Start with Event and Writer. A record is a chain: each line carries the
// SHA-256 of the line before it, so that a line changed, dropped, inserted or
// moved is found by Verify, which names it. A tail cut off is not seen by the
// chain itself: compare the Head with one that was kept elsewhere.
//
// Never in a record: attribute values of people, tokens, codes, keys. Subject
// is an identifier or a digest, and the keys of Detail are a closed list
// (DetailKeys); both are bounded and hold no control characters, so that a
// peer cannot write lines of its own. Denials are recorded as well as deeds.
//
// Memory keeps the chain for tests, File in one file with one fsync for all
// who wait. A store that keeps its record inside its own transaction uses
// Head.Next and Verify alone. Whoever cannot append must not act.
//
// Promised: the form of a line, docs in Head.Next. Lines of today verify with
// every later version.
package audit
