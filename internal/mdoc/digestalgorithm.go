package mdoc

import (
	"crypto/sha256"
	"crypto/sha512"
)

// Names of the digest algorithms of an MSO (ISO/IEC 18013-5, 9.1.2.5), compared
// with exact case.
const (
	SHA256 = "SHA-256"
	SHA384 = "SHA-384"
	SHA512 = "SHA-512"
)

// digestSize returns the bytes of a digest, 0 for an unknown algorithm.
func digestSize(algorithm string) int {
	switch algorithm {
	case SHA256:
		return sha256.Size
	case SHA384:
		return sha512.Size384
	case SHA512:
		return sha512.Size
	}
	return 0
}

// appendDigest appends the digest of data; nothing for an unknown algorithm.
func appendDigest(b []byte, algorithm string, data []byte) []byte {
	switch algorithm {
	case SHA256:
		sum := sha256.Sum256(data)
		return append(b, sum[:]...)
	case SHA384:
		sum := sha512.Sum384(data)
		return append(b, sum[:]...)
	case SHA512:
		sum := sha512.Sum512(data)
		return append(b, sum[:]...)
	}
	return b
}
