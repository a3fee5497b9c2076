// Package proximity opens and runs the session between a wallet and a reader
// that stand beside each other: device engagement by QR code, session
// encryption, termination (ISO/IEC 18013-5:2021, clauses 8 and 9.1.1; the second
// edition where it says so).
//
// A reader starts with [ParseEngagementURI], [NewReader] and [RunReader]; a
// holder with [NewEngagement], [NewHolder] and [RunHolder]. [Run] is the same with
// limits in time and with [Progress] for a screen. Both speak over a [Transport],
// which carries whole messages; [Pipe] is one in memory, package gatt makes one of
// a Bluetooth connection. [Reader] and [Holder] are the session state machines
// alone, for callers that move the bytes themselves. Package handover reads and
// writes engagements by NFC.
//
// Refused: cipher suites other than 1, engagements of another major version,
// device keys that agree on no secret or lie off their curve, compressed reader
// keys, a second SessionEstablishment, messages that do not decrypt under the
// next counter of the other side's key. Each refusal ends the session: keys are
// wiped, and [StatusFor] names the status code to send.
//
// What was decrypted is one CBOR item from a peer that nothing has authenticated
// yet: package mdoc verifies it, over the transcript of the session. Neither the
// Ident value nor the radio proves that the peer is near (a photographed QR code
// can be relayed).
//
// Readers and holders are for one goroutine. The engagement, the transcript and
// the keys are never logged here and should not be logged by callers.
package proximity
