package bulk

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
)

// persons remembers who stands in a dump, 16 octets each: half of a SHA-256,
// so that no two of them are taken for one.
type persons struct{ list [][16]byte }

func personDigest(number string) [16]byte {
	d := sha256.Sum256([]byte(number))
	return [16]byte(d[:16])
}

var errPersons = errors.New("the dump has more persons than a comparison remembers")

func (p *persons) add(number string) error {
	if len(p.list) >= MaxDigests {
		return errPersons
	}
	p.list = append(p.list, personDigest(number))
	return nil
}

// sort makes has work, and gives how many were added twice.
func (p *persons) sort() (twice int) {
	slices.SortFunc(p.list, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	n := len(p.list)
	p.list = slices.Compact(p.list)
	return n - len(p.list)
}

func (p *persons) has(number string) bool {
	_, ok := slices.BinarySearchFunc(p.list, personDigest(number), func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	return ok
}
