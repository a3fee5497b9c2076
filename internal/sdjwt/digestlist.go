package sdjwt

import (
	"bytes"
	"slices"
)

// appendDigests writes the member _sd. Sorting hides in which order the claims
// stood, and which of the digests are decoys (RFC 9901, section 4.2.4.1).
func appendDigests(dst []byte, digests [][]byte) []byte {
	slices.SortFunc(digests, bytes.Compare)
	dst = append(dst, `"_sd":[`...)
	for i, digest := range digests {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), digest...), '"')
	}
	return append(dst, ']')
}
