// Package authserver is the authorization server: it makes pre-authorized
// grants, exchanges their codes for access tokens bound to a wallet's key, and
// tells resource endpoints what a token is good for.
//
// Start with New. PreAuthorize makes a grant for an office or a registry,
// Token is the core of the token endpoint, Authenticate that of every endpoint
// which takes an access token. The package knows nothing of HTTP; what it must
// remember it asks of a Store.
//
// What it refuses: an identity document without a transaction code, a client
// that is not known (anonymous ones exist in development only), a bearer token
// outside development, a DPoP proof seen before, a code used twice, a sixth
// guess at a transaction code even when it is right. Wrong guesses are counted
// before they are compared, and a wrong one does not use the offer up.
//
// Written after OpenID4VCI 1.0 (with the errata on tx_code) sections 3.5, 5.1.1
// and 6, RFC 6749 section 5, RFC 6750 section 3, RFC 9396 and RFC 9449. Not
// here yet: the authorization code flow, refresh tokens, wallet attestation,
// server nonces for DPoP.
//
// Promised: the store sees digests and MACs, never a code, a transaction code
// or a token; so neither does a backup. No log and no audit event carries one.
package authserver
