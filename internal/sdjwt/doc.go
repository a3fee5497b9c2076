// Package sdjwt issues, presents and verifies SD-JWTs (RFC 9901) and the
// credentials made of them, SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-19).
//
// To verify, start with [Parse], then call the checks one by one:
// [SDJWT.VerifyType], [SDJWT.VerifySignature], [SDJWT.VerifyDisclosures] (which
// gives the [Payload]), [Payload.VerifyValidity], [Payload.VerifyVCT] and
// [SDJWT.KeyBindingFindings]. Each returns findings by check id (sd.parse to
// sd.iat); the path of the certificate chain (sd.path) and the status (st.*)
// belong to the rooms that know trust anchors and lists.
//
// To issue, make a [Template] per batch with [NewTemplate], then for every copy
// [Template.Prepare], which builds the exact bytes and processes its own output
// as a verifier would, and [Prepared.Sign], once.
//
// A holder calls [SDJWT.Present]. Type metadata is read with
// [ParseTypeMetadata] and [ResolveTypeMetadata]; nothing here fetches.
//
// Implemented: RFC 9901 with object properties, array elements, recursive
// disclosures, decoys, sha-256, sha-384 and sha-512, key binding, and, for
// reading, the flattened and the general JSON serialization with one signature.
// SD-JWT VC sections 2 and 4 (type metadata, integrity, extends).
//
// It refuses, beyond what the documents ask: anything over limits.go; claims
// named "_sd" or "..." for another purpose; disclosures, or places for them,
// inside the members that decide whether a credential is valid (iss, nbf, exp,
// cnf, vct, vct#integrity, aka_vcts, status), since a holder could hide them;
// general JSON with more than one signature; unprotected header members other
// than disclosures, kb_jwt and kid; cnf without a public jwk.
//
// Promised: verification runs over the bytes as received; a failed parse
// returns nil; findings keep their ids. An error of this package is an *[Error]
// that names the check; text in details never holds claim values.
package sdjwt
