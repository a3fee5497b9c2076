// Package registry is the inbox of the office: state registries push signed
// events, each takes effect exactly once, and a signed receipt says what was
// done and since when it is visible.
//
// Start with New and Inbox.Accept; Inbox.AcceptBatch takes up to 500 at once,
// Inbox.Receipt answers what became of one. Store says what the inbox asks of
// a store. SETError gives the words of RFC 8935 for a refusal.
//
// An event is a Security Event Token (RFC 8417) delivered as in RFC 8935:
// typ secevent+jwt, ES256, a kid of the source; iss the source, aud the
// office, iat, jti, sub_id (RFC 9493, format opaque: a person number, or for
// document-annulled also the document number), optional txn and toe; events
// with exactly one member urn:vidimus:event:NAME:1 that holds seq, optional
// prev and the event's own members (package document).
//
// Order: seq counts the events of one source from 1 without a gap. What was
// refused has not used up its seq. A gap is refused and named: holding later
// events until the missing one comes is not done yet. prev, when given, is the
// version of the person's record that the source believes to change; another
// version is a conflict, so that no update is lost unseen.
//
// Once: the same jti with the same token gets the same answer, for ever and
// without an effect; the same jti with another token is refused. Accept
// returns nil only after the store has made the event, the new state, the
// flips of every copy concerned, the audit entry and the outcome durable, all
// in one transaction. So a source that got no answer sends the same again.
//
// It refuses what a source may not say: each source has a list of events and
// of document types. Facts that take effect in the future are refused as not
// supported yet, like the events that document.Planned lists.
package registry
