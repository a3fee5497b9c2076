package bulk

import "time"

const (
	// MaxLine is the largest line in octets: as one registry event, so that a
	// portrait within the line fits too.
	MaxLine = 1 << 20
	// MaxBlockLines bounds one block, which is one transaction: larger ones
	// hold up the events that come meanwhile.
	MaxBlockLines = 5_000
	// DefaultBlockLines is how many lines Survey puts in a block: a commit per
	// 2,000 persons costs nothing, and two blocks with portraits fit in memory
	// several times.
	DefaultBlockLines = 2_000
	// MaxBlock bounds the octets of a block; three are in memory at a time.
	MaxBlock = 64 << 20
	// MaxBlockImages bounds the pictures of one block that are read from the
	// folder.
	MaxBlockImages = 256 << 20
	// MaxBlocks bounds a manifest: the persons of a large state in 17,000
	// blocks.
	MaxBlocks = 20_000
	// MaxManifest bounds the manifest as a token: MaxBlocks of 110 octets each
	// in base64.
	MaxManifest = 4 << 20
	// MaxDigests bounds the persons that a comparison remembers, at 16 octets
	// each 400 MB.
	MaxDigests = 25_000_000

	// DefaultMaxAge is how old a manifest may be: a large load takes days when
	// it is interrupted.
	DefaultMaxAge = 30 * 24 * time.Hour
	// DefaultSkew is how far a source's clock may run ahead.
	DefaultSkew = 60 * time.Second

	// maxID bounds jti and iss, as in events.
	maxID = 128
	// maxItems bounds the arrays of a line; each of its payloads has limits of
	// its own and so has the subject.
	maxItems = 1_000
	// lookup is how many subjects a comparison asks for at once.
	lookup = 500
	// maxImageName is the length of a digest in hexadecimal.
	maxImageName = 64
)
