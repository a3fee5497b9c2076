// Package statuslist holds the status of credentials in bit arrays, and reads
// and makes the signed tokens that publish them: the Token Status List
// (draft-ietf-oauth-status-list-20) as JWT and CWT, and the identifier list of
// ISO/IEC 18013-5 second edition (draft of 2025-09, 12.3.6.4).
//
// To publish, fill a [List], make a [Body] of it with [Build] and sign the same
// body as both tokens with [Body.SignJWT] and [Body.SignCWT].
//
// To look up, read the token with [ParseToken], verify its signature with
// [Token.Verify] and a key whose certificate path somebody else has validated,
// and ask [Token.Lookup], or [Token.Evaluate] for findings by check id (st.sig,
// st.sub, st.exp, st.ttl, st.inflate, st.index; st.path belongs to the room
// that knows trust anchors). [IdentifierList] works likewise. Who is asked about
// the same token again and again keeps it as [Opened], and does the work of its
// signature ahead with [Envelope.Prove].
//
// It refuses: to answer from a token that was not verified; an index outside of
// the list; a list that inflates beyond its limit, is cut off, damaged or goes
// on after its end; bits other than 1, 2, 4 or 8; tokens without their typ; a
// CWT without tag 18; every mechanism but compact JWS and COSE_Sign1.
//
// Promised: a status is never guessed. What cannot be known is an error, the
// zero [Status] is no status, and values that this package does not name stay
// apart from those that it does. Signatures are verified over the bytes as
// received; a failed parse returns nil. Nothing here fetches.
package statuslist
