// Package notice tells holders what happened to their documents: what, why,
// since when, what it means for the phone and how to appeal (Implementing
// Regulation (EU) 2024/2977, Article 5: within 24 hours).
//
// Start with New and Service.Run, which delivers what the store's outbox holds.
// Store says what it asks of a store; whoever writes a Record does so in the
// transaction of the change that it tells of.
//
// Channels: a webhook to the citizens' portal of the state, which takes a JWS
// of type TokenType (Claims), or else a plain mail to the person's email
// address. The webhook comes first when there is one; what the portal refuses
// for good, or did not take in a day, goes by mail when there is an address. A
// notice is tried again with growing pauses until Deadline after the change,
// and is then undeliverable: recorded, audited and counted, never dropped
// unseen. No channel and no address is undeliverable at once.
//
// A notice is delivered at least once: between a delivery and the record of it
// the power may fail. Its id is the same at every attempt, so that the portal
// can tell a repeat (jti), and so can a mail server (Message-ID).
//
// The subject line of a mail is one fixed sentence per language: nothing
// personal stands in it, nor does an attribute, an address or a person number
// stand in a log line or audit entry. Texts exist in English, French, German
// and Luxembourgish, in texts/.
//
// Promised: members of Claims are only added to.
package notice
