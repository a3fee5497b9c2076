package status

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// identifierCapacity is how many identifiers a list of KindIdentifier gives
// out: the list grows with what is revoked, and has to stay within what a
// reader takes (10,000) even when every copy is.
const identifierCapacity = 8192

// Capacity is up to which counter a list gives out indices before it closes,
// together with the noise: 70 to 95 % of ListSize, by the key of the list.
// Open lists fill alike; with one limit for all they would be replaced
// together, and the list of a copy would tell when it was issued.
func (l List) Capacity() uint32 {
	size := uint32(ListSize)
	if l.Kind == KindIdentifier {
		size = identifierCapacity
	}
	return size/100*70 + uint32(uint64(size/100*25)*l.draw("capacity")>>32)
}

// Rotated says whether a list is so old that it closes: after half of rotate
// to one and a half, by its key, for the same reason.
func (l List) Rotated(now time.Time, rotate time.Duration) bool {
	if rotate <= 0 {
		return false
	}
	share, _ := bits.Mul64(uint64(rotate), l.draw("rotate")<<32)
	age := rotate/2 + time.Duration(share)
	return !now.Before(l.Created.Add(age))
}

// draw is an even 32 bit number that belongs to the list.
func (l List) draw(purpose string) uint64 {
	mac := hmac.New(sha256.New, l.Key)
	mac.Write([]byte("vidimus list " + purpose))
	return uint64(binary.BigEndian.Uint32(mac.Sum(nil)))
}
