package statuslist

import (
	"bytes"
	"fmt"
)

// List is an array of statuses of 1, 2, 4 or 8 bits each. Entry i lies in byte
// i*bits/8, the first entries in the low bits (section 4.1). It is not safe for
// use while somebody sets.
type List struct {
	bits int
	data []byte
}

// New makes a list of size entries, all valid. The entries must fill whole
// bytes.
func New(bits, size int) (*List, error) {
	if !goodBits(bits) {
		return nil, fmt.Errorf("status list of %d bits: 1, 2, 4 or 8", bits)
	}
	if size <= 0 || size > MaxEntries || size*bits%8 != 0 {
		return nil, fmt.Errorf("status list of %d entries: at least one, at most %d, in whole bytes", size, MaxEntries)
	}
	return &List{bits: bits, data: make([]byte, size*bits/8)}, nil
}

// FromBytes makes a list of a copy of its bytes.
func FromBytes(bits int, data []byte) (*List, error) {
	if !goodBits(bits) || len(data) == 0 || len(data) > MaxEntries/8*bits {
		return nil, fmt.Errorf("status list of %d bits in %d bytes", bits, len(data))
	}
	return &List{bits: bits, data: bytes.Clone(data)}, nil
}

func goodBits(bits int) bool { return bits == 1 || bits == 2 || bits == 4 || bits == 8 }

// Bits is the width of an entry.
func (l *List) Bits() int { return l.bits }

// Size is the number of entries.
func (l *List) Size() int { return len(l.data) * 8 / l.bits }

// Bytes is the array itself: what is compressed. Not to be written to.
func (l *List) Bytes() []byte { return l.data }

// place gives the byte of an entry and the shift within.
func (l *List) place(index uint64) (at uint64, shift uint) {
	perByte := uint64(8 / l.bits)
	return index / perByte, uint(index%perByte) * uint(l.bits)
}

func (l *List) mask() byte { return byte(1<<l.bits - 1) }

// Get reads an entry. An index outside of the list is an error of st.index: it
// is no statement about any credential (section 8.3, step 7).
func (l *List) Get(index uint64) (Status, error) {
	if index >= uint64(l.Size()) {
		return 0, refuse(CheckIndex, "index outside of the list of %d entries", l.Size())
	}
	at, shift := l.place(index)
	return Of(l.data[at] >> shift & l.mask()), nil
}

// Set writes an entry.
func (l *List) Set(index uint64, s Status) error {
	if index >= uint64(l.Size()) {
		return refuse(CheckIndex, "index outside of the list of %d entries", l.Size())
	}
	value, ok := s.Value()
	if !ok || value > l.mask() {
		return refuse(CheckIndex, "status %s does not fit into %d bits", s, l.bits)
	}
	at, shift := l.place(index)
	l.data[at] = l.data[at]&^(l.mask()<<shift) | value<<shift
	return nil
}

// Count gives the number of entries that are not valid.
func (l *List) Count() (n int) {
	for _, b := range l.data {
		if b == 0 {
			continue
		}
		for shift := 0; shift < 8; shift += l.bits {
			if b>>shift&l.mask() != 0 {
				n++
			}
		}
	}
	return n
}
