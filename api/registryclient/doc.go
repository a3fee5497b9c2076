// Package registryclient is how a state registry speaks to a Vidimus office:
// the events it may send, and a small client that signs and pushes them.
//
// Start with Client. Sign makes a Security Event Token (RFC 8417) of an Event,
// Push delivers one (RFC 8935), PushBatch up to 500. What became of them:
// Receipt fetches the receipt of one, Receipts all since the last look,
// ReceiptHandler takes them as they come; VerifyReceipt checks who says so.
//
//	c := registryclient.Client{Endpoint: "https://office.example:8443", Source: "https://registry.example",
//		Audience: "https://office.example", KeyID: "2026-1", Signer: key}
//	set, err := c.Sign(registryclient.Event{Subject: "P-1", Seq: 1, Payload: registryclient.PersonPut{...}})
//	err = c.Push(ctx, set)
//
// A registry numbers its events from 1 without a gap and keeps each signed
// token until it is acknowledged: an answer that did not come, or one of
// status 429 or 5xx, is followed by the same token again, which never takes
// effect twice. A Refusal is final for the token: the event is corrected,
// signed under a new jti, and takes the same number, which is still free.
//
// The package imports the standard library alone, so that it can be copied.
// Promised: the members of the wire types are only added to.
package registryclient
