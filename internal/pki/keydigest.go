package pki

import (
	"crypto/fips140"
	"crypto/sha1"
)

// keyDigest is SHA-1 also where FIPS 140-3 is enforced: it makes a name, and is no
// security function (SP 800-131A).
func keyDigest(bits []byte) (sum [sha1.Size]byte) {
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(bits) })
	return sum
}
