package jose

import (
	"crypto/sha256"
	"encoding/binary"
)

// concatKDF is the Concat KDF of NIST SP 800-56A section 5.8.1 as RFC 7518
// section 4.6.2 fills it in for direct agreement: SHA-256, the algorithm
// identifier is enc, SuppPubInfo the key length in bits. One round gives 32
// octets, as many as any content key here needs.
func concatKDF(z []byte, enc string, apu, apv []byte, size int) []byte {
	info := binary.BigEndian.AppendUint32(nil, 1) // round
	info = append(info, z...)
	for _, field := range [][]byte{[]byte(enc), apu, apv} {
		info = binary.BigEndian.AppendUint32(info, uint32(len(field)))
		info = append(info, field...)
	}
	info = binary.BigEndian.AppendUint32(info, uint32(size*8))
	sum := sha256.Sum256(info)
	return sum[:size]
}
