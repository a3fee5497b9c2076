// Package registry is the inbox of the office: state registries push signed
// events, each takes effect exactly once, and a signed receipt says what was
// done and since when it is visible.
//
// Start with New and Inbox.Accept; Inbox.AcceptBatch takes up to 500 at once,
// Inbox.Receipt answers what became of one, Inbox.Feed of all in order, and a
// Pusher brings the same to webhooks. Inbox.RunDue brings about what time alone
// does. Store says what the inbox asks of a store. SETError gives the words of
// RFC 8935 for a refusal. docs/REGISTRY.md is for those who send.
//
// An event is a Security Event Token (RFC 8417) delivered as in RFC 8935:
// typ secevent+jwt, ES256, a kid of the source; iss the source, aud the
// office, iat, jti, sub_id (RFC 9493, format opaque: a person number; for
// document-* also the document number; for wallet-unit-revoked the unit),
// optional txn and toe; events with exactly one member
// urn:vidimus:event:NAME:1 that holds seq, optional prev and the event's own
// members (package document).
//
// Order: seq counts the events of one source from 1 without a gap. What was
// refused has not used up its seq. What comes too early is held in memory
// while its request waits, within bounds of time, number and octets, and is
// then refused with the gap named; nothing is acknowledged that is not
// durable. prev, when given, is the version of the person's record that the
// source believes to change; another version is a conflict, so that no update
// is lost unseen.
//
// Once: the same jti with the same token gets the same answer, for ever and
// without an effect; the same jti with another token is refused. Accept
// returns nil only after the store has made the event, the new state, the
// flips of every copy concerned, the audit entry, the outcome and its receipt
// row durable, all in one transaction. So a source that got no answer sends the
// same again, and a receipt never precedes what it speaks of.
//
// It refuses what a source may not say: each source has a list of events, of
// document types, of kinds of entitlement and of kinds of measure. What only
// the state tells, such as the kind of a measure that is to be lifted, is
// judged in the transaction.
package registry
