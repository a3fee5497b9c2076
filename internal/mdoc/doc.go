// Package mdoc is ISO/IEC 18013-5 data: what an issuer signs (IssuerSigned with
// its MobileSecurityObject), what a holder adds (DeviceSigned), how a reader
// asks (DeviceRequest) and what comes back (DeviceResponse), and the
// SessionTranscript that binds an answer to its question.
//
// Where to start:
//   - verifying: [ParseDeviceResponse], then [Document.Verify], or the single
//     checks that it is made of;
//   - issuing: [NewTemplate] once per batch, [Template.Prepare] per copy,
//     [Prepared.Sign] once;
//   - holding: [ParseIssuerSigned], [Satisfy], [IssuerSigned.Select],
//     [SignDevice] or [MACDevice], [BuildDeviceResponse];
//   - asking: [BuildDeviceRequest], [QRTranscript] and its siblings.
//
// It implements ISO/IEC 18013-5:2021, clauses 8.3.2.1 (request and response),
// 9.1.2 (issuer data authentication), 9.1.3 (mdoc authentication) and 9.1.4
// (reader authentication); of the second edition's drafts the `status` member
// of the MSO and the members of DeviceRequest 1.1, which are read and kept raw;
// and the two handovers of OpenID4VP 1.0, B.2.6. Digests and signatures are
// checked over the bytes as received; nothing that was received is ever encoded
// again before hashing.
//
// It refuses what is malformed with a [ParseError] that names the failed check,
// and names whatever it tolerates in the Notes of the parsed value. It never
// takes a key, a docType or a transcript from the holder's word: the caller
// gives the leaf key of a path that it has validated, the transcript of the
// flow that it started, and the instant. It builds no certificate path, asks
// for no revocation list, and knows no data element by name.
//
// Not supported: zkDocuments and encryptedDocuments (kept raw, noted),
// brainpool curves, Ed448 and X448 (refused with [ErrUnsupported]), the
// handovers of ISO/IEC TS 18013-7 and of OpenID4VP drafts ([DescribeHandover]
// names them).
//
// Promised to stay: the check ids of [Finding], and that a copy prepared from
// the same template with the same random bytes has the same bytes.
package mdoc
