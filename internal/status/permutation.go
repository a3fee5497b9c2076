package status

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

// ListSize is the number of entries of every list: 2^20 compresses to 2 to
// 15 KiB and hides one holder among a million.
const ListSize = 1 << indexBits

const (
	indexBits = 20
	halfBits  = indexBits / 2
	halfMask  = 1<<halfBits - 1
	// rounds of the Feistel network: on so small a domain FF1 (NIST SP
	// 800-38G) asks for ten.
	rounds = 10
)

// KeySize is the length of a list's allocation key, in octets.
const KeySize = 32

// Permutation orders the indices of one list so that who sees some of them
// learns nothing of the others: index n is the n-th one to be given out. The
// key belongs to one list alone and stays secret; whoever has it can tell in
// what order the indices were given.
//
// A store that keeps a counter per list and never lets it go back gives each
// index once, with nothing else to remember.
type Permutation struct{ block cipher.Block }

// NewPermutation takes a key of KeySize random octets.
func NewPermutation(key []byte) (*Permutation, error) {
	if len(key) != KeySize {
		return nil, errors.New("status: the key of a list has 32 octets")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &Permutation{block: block}, nil
}

// Index gives the index for a counter below ListSize. Two counters never give
// the same index.
func (p *Permutation) Index(counter uint32) uint32 {
	if counter >= ListSize {
		panic("status: counter beyond the list")
	}
	return p.index(counter, make([]byte, aes.BlockSize))
}

// index is Index with a buffer of one block to work in.
func (p *Permutation) index(counter uint32, buf []byte) uint32 {
	left, right := counter>>halfBits, counter&halfMask
	for round := uint32(0); round < rounds; round++ {
		clear(buf)
		binary.BigEndian.PutUint32(buf, round)
		binary.BigEndian.PutUint32(buf[4:], right)
		p.block.Encrypt(buf, buf)
		left, right = right, left^binary.BigEndian.Uint32(buf)&halfMask
	}
	return left<<halfBits | right
}

// Noise gives the index of the n-th flip that stands for no copy. It counts
// from the end, where Take arrives last: a store keeps both counters, and gives
// out no more when they meet.
func (p *Permutation) Noise(n uint32) uint32 { return p.Index(ListSize - 1 - n) }

// Take gives n indices from counter on, no two of them side by side, and the
// next counter that is free. Counters whose index would stand beside another
// of the batch are passed over for ever. ok is false when the list has not
// enough left; nothing is to be used then.
func (p *Permutation) Take(counter uint32, n int) (indices []uint32, next uint32, ok bool) {
	indices = make([]uint32, 0, n)
	taken := make(map[uint32]bool, n)
	buf := make([]byte, aes.BlockSize)
	for ; len(indices) < n; counter++ {
		if counter >= ListSize {
			return nil, counter, false
		}
		// The wrap-around of 0 - 1 lies outside the list and is never taken.
		if i := p.index(counter, buf); !taken[i-1] && !taken[i+1] {
			indices, taken[i] = append(indices, i), true
		}
	}
	return indices, counter, true
}
