// Package authserver is the authorization server: it keeps what wallets push,
// makes codes of what people approve and offers of what an office gives,
// exchanges either for access tokens bound to a wallet's key and for refresh
// tokens bound to the wallet unit, and tells resource endpoints what a token is
// good for.
//
// Start with New. Push, Pending, Approve and Deny are the cores of the PAR and
// authorization endpoints, PreAuthorize makes a grant for an office or a
// registry, Token is the core of the token endpoint, Authenticate that of every
// endpoint which takes an access token; End takes back what a grant gave,
// Challenge, ServerNonce and ResourceNonce give what proofs must repeat. The
// package knows nothing of HTTP; what it must remember it asks of a Store, whose
// comments number the steps of everything that happens once.
//
// What it refuses: an authorization request that was not pushed, one without
// PKCE, a place to redirect to that the client may not name; a client that shows
// no attestation where they are demanded, and one that is not known elsewhere
// (anonymous ones exist in development only); a bearer token outside
// development; a proof seen before, or without the nonce that is demanded; a
// code used twice (that also ends what it gave); a refresh token in another
// wallet unit, or of a document that an event has voided; an identity document
// offered without a transaction code, and a sixth guess at one even when it is
// right. Wrong guesses are counted before they are compared, and a wrong one
// does not use the offer up.
//
// Written after OpenID4VCI 1.0 (with the errata on tx_code) sections 3.5, 5, 6
// and Appendix E, HAIP 1.0 section 4, FAPI 2.0 Security Profile section 5.3.2,
// RFC 6749, RFC 6750 section 3, RFC 7636, RFC 8252 section 7, RFC 8707, RFC
// 9126, RFC 9207, RFC 9396, RFC 9449 and
// draft-ietf-oauth-attestation-based-client-auth-07, -08 to -10 being taken too.
// Not here: attestations combined with DPoP (attest_jwt_client_auth_dpop),
// private_key_jwt, request objects. Access tokens of ours are opaque; those of
// another server, which are JWTs, are read by External (RFC 9068).
//
// Promised: the store sees digests and MACs, never a code, a transaction code
// or a token; so neither does a backup. No log and no audit event carries one.
package authserver
