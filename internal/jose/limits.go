package jose

const (
	// maxDepth bounds nesting. The deepest documents that we read (issuer
	// metadata, DCQL queries) stay under 10.
	maxDepth = 16

	// maxJSON bounds a document handed to DecodeJSON and Members. The largest
	// legitimate one is the payload of a status list token of 2^20 entries of
	// 8 bits, 1.4 MiB before compression.
	maxJSON = 4 << 20

	// maxValues bounds the number of values in a document, because a decoded
	// value takes far more memory than the two bytes that it can cost to send.
	maxValues = 100_000

	// maxMembers bounds the members of one object. Issuer metadata with every
	// configuration that anyone publishes stays under 1,000.
	maxMembers = 10_000

	// maxNumber bounds the text of a number; a float64 never needs more than
	// 25 digits, the longest number of a known test suite is 80.
	maxNumber = 128

	// maxToken bounds a compact JWS unless Parse is told otherwise. A status
	// list of 2^20 single bits takes 175 KiB.
	maxToken = 1 << 20

	// maxHeader bounds a decoded JWS header: room for 8 certificates in x5c
	// and a key attestation that itself carries a chain.
	maxHeader = 64 << 10

	// maxCertificates bounds x5c: leaf, intermediates, and slack.
	maxCertificates = 8

	// maxEncrypted bounds a compact JWE: a batch of 50 credentials with
	// portraits in one credential response.
	maxEncrypted = 8 << 20

	// maxJWEHeader bounds a JWE header. It holds an ephemeral key and a kid.
	maxJWEHeader = 8 << 10

	// maxPartyInfo bounds apu and apv, each hashed once: they hold a nonce or
	// a thumbprint.
	maxPartyInfo = 1 << 10

	// maxKey bounds the text of one JWK: room for x5c.
	maxKey = 64 << 10

	// maxKeys bounds a JWK Set: current and retired keys of one party.
	maxKeys = 100
)
