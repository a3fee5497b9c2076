package status

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// identifierSize is the length of an identifier, in octets: none is guessed,
// and none meets another.
const identifierSize = 16

// identifierLabel keeps these uses of a list's key apart from the permutation.
const identifierLabel = "vidimus identifier list"

// Identifier is what stands for an index in the copies and in an identifier
// list (ISO/IEC 18013-5 second edition, 12.3.6.4): 16 octets of HMAC-SHA-256
// under the key of the list. Who sees some of them learns nothing of the
// others, not even how many there are.
func Identifier(key []byte, index uint32) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(identifierLabel))
	mac.Write(binary.BigEndian.AppendUint32(nil, index))
	return mac.Sum(nil)[:identifierSize]
}

// Identifiers gives those of several indices, in their order.
func Identifiers(key []byte, indices []uint32) [][]byte {
	out := make([][]byte, len(indices))
	for i, index := range indices {
		out[i] = Identifier(key, index)
	}
	return out
}
