package fetch

import "time"

// Limits of size, in bytes, and of time.
const (
	// MaxStatusList bounds a status list token: 2^20 entries of one bit that
	// do not compress take 175 kB, of eight bits 1.4 MB.
	MaxStatusList = 4 << 20

	// MaxMetadata bounds a metadata document. Inline logos make the largest.
	MaxMetadata = 1 << 20

	// maxHeader bounds the header of an answer.
	maxHeader = 64 << 10

	// maxURL bounds an address.
	maxURL = 2 << 10

	// maxRedirects is how often one origin may send us on within itself.
	maxRedirects = 3

	// DefaultTimeout is for the whole of one request. A credential request
	// waits for 50 signatures of a key token.
	DefaultTimeout = 30 * time.Second

	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
	idleTimeout = 30 * time.Second
)
