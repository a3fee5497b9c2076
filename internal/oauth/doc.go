// Package oauth holds the rules of OAuth that need no state and no network:
// form parameters, redirect URIs, PKCE, DPoP proofs and attestation-based
// client authentication.
//
// Start with ParseForm for the body of a token or PAR request, VerifyDPoP for
// the DPoP header, VerifyClientAttestation for the two attestation headers,
// VerifyPKCE at the token endpoint, CheckRedirectURI and MatchRedirectURI for
// where answers may go. SignDPoP, SignAttestation, SignAttestationPoP and
// NewPKCE are the wallet's half, for tests and the demo.
//
// It implements RFC 6749 appendix B and section 3.2 (parameters), RFC 7636
// (S256 only), RFC 9449 (DPoP), draft-ietf-oauth-attestation-based-client-auth
// -07 and -08 to -10 (with and without iss), RFC 6750 section 2.1, RFC 8252
// section 7 (loopback addresses, private-use schemes), in the narrower reading
// of FAPI 2.0 and HAIP 1.0.
//
// It refuses repeated parameters, the plain PKCE method, symmetric algorithms,
// private keys in headers, audiences in an array, claims of the wrong JSON
// type. One-time use (jti, codes, challenges) needs a store: the functions
// return what to remember and until when.
//
// Promised: refusals are problem.Error values, whose kind is the protocol's
// error code and whose detail names the rule and no secret; a refusal returns
// nil beside it.
package oauth
