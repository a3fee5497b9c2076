package statuslist

import "time"

const (
	// DefaultEntries is the size of a list unless a caller allows more: 2^20
	// hide one holder among a million, in 2 to 15 KiB.
	DefaultEntries = 1 << 20

	// MaxEntries is the most that a caller may allow: 2^27 entries of one bit
	// are 16 MiB, more than the credentials of any country in one list.
	MaxEntries = 1 << 27

	// deflateSlack is what zlib may add to data that it cannot compress: 5
	// bytes per block of 16 KiB and more, header and checksum.
	deflateSlack = 1<<10 + 64

	// leastSparse is from how many bytes on lists are compressed by our own
	// encoder: its code takes some 60 bytes to write.
	leastSparse = 4 << 10

	// tokenSlack is room for header, x5c and the other claims of a token.
	tokenSlack = 64 << 10

	// maxIdentifiers bounds an identifier list: the limit of the CBOR reader
	// for one map. Larger ones would be split, or a status list.
	maxIdentifiers = 10_000

	// maxIdentifier bounds one identifier. They are random or digests.
	maxIdentifier = 64

	// maxURI bounds sub and uri.
	maxURI = 2 << 10

	// minTTL and maxTTL are what a ttl is brought to: a list that wants to be
	// fetched every second, or never again, gets neither.
	minTTL = time.Minute
	maxTTL = 24 * time.Hour

	// lastInstant is 9999-12-31T23:59:59Z, the last that RFC 3339 can write.
	lastInstant = 253402300799
)
