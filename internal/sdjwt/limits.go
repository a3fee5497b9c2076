package sdjwt

import "time"

const (
	// maxSize bounds a whole SD-JWT, 1 MiB: a portrait in a disclosure takes
	// 27 KiB for 20 KiB of JPEG, and a credential may hold several pictures.
	maxSize = 1 << 20

	// maxDisclosures bounds the disclosures of one SD-JWT. A PID in which every
	// property and array entry stands alone has about 35.
	maxDisclosures = 512

	// maxDigests bounds the digests, decoys included, met while processing: 8
	// for each possible disclosure.
	maxDigests = 8 * maxDisclosures

	// maxDepth bounds nesting of the processed claims, counted through
	// disclosures inside disclosures, which no parser limit sees.
	maxDepth = 16

	// minSalt is the length of 128 bits in base64url, RFC 9901 section 9.3.
	// Shorter salts are reported, not refused: the issuer signed them.
	minSalt = 22

	// saltBytes is the randomness of each salt that we make. 16 bytes are 128
	// bits, and 22 characters: with the opening of the array a multiple of 3,
	// so that the rest of a disclosure encodes the same for every copy.
	saltBytes = 16

	// maxDecoys bounds the decoys asked for per array of digests.
	maxDecoys = 64

	// maxChain bounds x5c: leaf, intermediates, and slack.
	maxChain = 6

	// maxTypeMetadata bounds one type metadata document, 256 KiB: names and
	// labels in 24 languages for 60 claims take about 150 KiB.
	maxTypeMetadata = 256 << 10

	// maxExtends bounds a chain of types. Real ones: a domestic PID extends
	// the European one.
	maxExtends = 8

	// maxTypeClaims bounds the claims of one type.
	maxTypeClaims = 1024

	// DefaultMaxAge is how old a key binding JWT may be unless the options say
	// otherwise: a wallet signs it while the verifier's user waits.
	DefaultMaxAge = 5 * time.Minute
)
