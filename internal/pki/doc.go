// Package pki is the certificates of Vidimus: building, linting, reading and
// trusting them.
//
// Start with Build to make a certificate of a Profile, Lint to hold one
// against its profile, ParseCertificate to read one, and Validate (or a Cache,
// which remembers what validated) to decide whether a chain leads to an anchor
// of ours. ParseCRL reads a revocation list, BuildCRL writes one, and CRLs.Of
// says of a path whether it is good, revoked, unknown or not checked. Package pkitest makes a whole PKI in memory for tests and the demo.
//
// Implemented: the certificate profiles of ISO/IEC 18013-5:2021 Annex B with
// the second edition drafts' additions (MSO revocation list signer, EKUs of
// ISO/IEC 23220), path validation as RFC 5280 section 6.1 restricted to what
// those profiles need, and profiles of our own for the status signer, the
// OpenID access certificate and the operations keys; certificate revocation lists
// of Annex B, full and direct alone.
//
// Refused, on purpose:
//   - the system's root store: Validate knows only the anchors it is given, and
//     no anchors means no trust;
//   - trust in any self-signed certificate that travelled in a chain;
//   - names compared by meaning: issuer and subject link by their DER bytes
//     (Annex B, "same binary value"), so a DN that differs in case or string
//     type is another DN;
//   - name constraints: a CA that carries them is refused, since they are not
//     evaluated;
//   - SHA-1 signatures, RSA below 2048 bits, RSA leaves, curves other than P-256,
//     P-384 and P-521, explicit curve parameters, version 1 and 2. Brainpool
//     curves and Ed448, which the standard lists, are not implemented.
//
// Reading is as strict as crypto/x509 but for two things that real issuers get
// wrong and that no trust hangs on: a negative serial number and a malformed
// CRL distribution point stay readable and are named in Certificate.Leniencies.
// The signed bytes are always those received.
//
// The package knows neither the network nor the time of day. Validate does not
// look at revocation: a path is remembered longer than a list counts.
package pki
