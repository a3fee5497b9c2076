// Package oid4vci holds the messages and rules of OpenID for Verifiable
// Credential Issuance 1.0 (Final, with the wording of errata set 1), in the
// profile of HAIP 1.0, without any I/O and without state.
//
// Start, as an issuer, with ParseCredentialRequest and
// CredentialRequest.VerifyProofs, NonceCodec for the nonce endpoint,
// CredentialOffer.URI for offers and IssuerMetadata for the well-known
// document. As a wallet, with ParseOfferURI, ParseIssuerMetadata,
// ParseServerMetadata, SignProof and ParseCredentialResponse.
//
// It implements sections 4 (offer), 5.1.1 (authorization_details), 6 (token
// response), 7 (nonce), 8 (credential), 9 (deferred), 10 (encryption),
// 11 (notification), 12 (metadata), appendix A.2 and A.3 (formats mso_mdoc and
// dc+sd-jwt), appendix D (key attestations) and F.1, F.3 (proof types jwt and
// attestation).
//
// It refuses what went before 1.0 Final (the singular proof but by
// ParseDraft15Request, c_nonce in token responses, format in credential
// requests), the di_vp proof type, binding by kid or x5c without a key
// attestation, audiences in an array, and messages that inflate beyond what they
// may have in clear. Unknown members of any message are ignored, as section 1.2 of the
// standard demands.
//
// Promised: refusals that go to a peer are problem.Error values whose kind is
// the protocol's error code; a refusal returns nil beside it; one-time use is
// left to the caller, who is told what to remember and until when.
package oid4vci
