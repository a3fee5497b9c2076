package oauth

import "time"

const (
	// maxForm bounds a form body. A PAR request with a long state and
	// authorization_details stays under 8 KiB.
	maxForm = 64 << 10

	// maxParameters bounds the parameters of a form; the richest registered
	// request has about 20.
	maxParameters = 64

	// maxName bounds a parameter name; the longest registered one has 31.
	maxName = 64

	// maxProof bounds a DPoP proof: a P-521 key and a long URL come to 1.5 KiB.
	maxProof = 8 << 10

	// maxAttestation bounds a client attestation: claims and a chain of
	// certificates.
	maxAttestation = 32 << 10

	// maxJTI bounds a jti in bytes. Replay stores keep a hash, so this only
	// keeps nonsense out.
	maxJTI = 256

	// maxRedirectURI bounds a redirect_uri; browsers cut longer addresses.
	maxRedirectURI = 2 << 10

	// maxStatusURI bounds the address of a status list.
	maxStatusURI = 2 << 10

	// maxAccessToken bounds an access token in an Authorization header.
	maxAccessToken = 8 << 10

	// DefaultMaxAge is how long ago a proof may have been made. RFC 9449
	// section 11.1 speaks of seconds or minutes; the conformance suite sends
	// proofs 10 s off in either direction.
	DefaultMaxAge = 300 * time.Second

	// DefaultMaxSkew is how far ahead the sender's clock may be. FAPI 2.0
	// section 5.3.2.1 demands that 10 s pass.
	DefaultMaxSkew = 10 * time.Second
)
