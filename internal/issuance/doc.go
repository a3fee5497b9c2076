// Package issuance makes credentials: it wraps grants into offers, hands out
// nonces, verifies that a wallet holds its keys, and signs batches of copies.
//
// Start with New. Issue is the core of the credential endpoint; it is Prepare
// and then Sign. Prepare judges the request, resolves the record, records what
// will be signed together with the status indices, and builds and checks the
// exact bytes of every copy. Only its result can Sign, and only once: nothing
// can be signed that was not recorded and checked before.
//
// What it refuses: a configuration or identifier that the token does not
// cover, a batch of which one proof is bad (nothing is consumed then), two
// proofs with one key, a nonce that is not ours, too old or used, a record
// that changed meanwhile, a document that may not be issued, an access token
// that has drawn its share. A batch whose signature failed is burned: its
// indices are never given to another. A grant that was given before a fact
// that ended all grants, and a wallet unit that was revoked or lost, get
// nothing. After a fact that merely changed the state, the tokens of before stay
// good: a wallet that asks again gets copies of the new state.
//
// Written after OpenID4VCI 1.0 sections 4.1 (offers), 7 (nonces), 8
// (credentials) and 11 (notifications), and appendix F (proofs). Not here yet:
// deferred issuance, encryption, key attestations. Re-issue is a further
// request with a token of the same grant, or with a new offer.
//
// Promised: of a copy there remain person, document, configuration, status
// index, the rounded times, the signing key and a name of the wallet unit that
// nobody but this office can make; no key of the wallet, no salt, no value, no
// exact time. No log and no audit event holds a nonce, a value or the number of
// a person or document.
package issuance
