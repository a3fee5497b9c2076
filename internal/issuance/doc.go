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
// good: a wallet that asks again gets copies of the new state. Where the
// catalogue demands key attestations: a key that no trusted provider attests, or
// not at the level that is asked for, or whose attestation was revoked.
//
// A document that cannot be issued yet (a measure holds, the day of issue is to
// come), or that a person must approve, makes the wallet wait: Issue answers
// with a transaction id, and Deferred with the same until there are credentials,
// once. Who waits is bound to the grant, the client and the wallet unit. What
// will never be issued is refused with a *FinalError in the chain, so that the
// caller can revoke what led here.
//
// A copy never outlives the status of the attestations that its wallet showed.
// Their status is looked up before anything is made and by SweepWallets, which
// is to be called every day: it fails closed. A list that cannot be read is used
// as it was for a day, and then the wallet has to wait (Config.OpenStatus says
// otherwise). A sweep ends units that were revoked, never those of which nobody
// knows.
//
// Requests and answers may be encrypted: ReadRequest and EncryptResponse. The
// keys for requests follow from the secret of the office, and change with time.
//
// Written after OpenID4VCI 1.0 sections 4.1 (offers), 7 (nonces), 8
// (credentials), 9 (deferred), 10 (encryption) and 11 (notifications), and
// appendices D (key attestations) and F (proofs); EUDI TS3 1.5 for the status of
// wallets. Re-issue is a further request with a token of the same grant, or with
// a new offer.
//
// Promised: of a copy there remain person, document, configuration, status
// index, the rounded times, the signing key and a name of the wallet unit that
// nobody but this office can make; no key of the wallet, no salt, no value, no
// exact time. While a wallet waits its keys are kept under a key that only its
// transaction id gives. No log and no audit event holds a nonce, a value or the number of
// a person or document.
package issuance
