package bolt

import (
	"encoding/binary"
	"fmt"
)

// flipValue is one index that is or will be INVALID.
type flipValue struct {
	version uint64   // of the list since when, 0 while it waits
	due     uint64   // moment, while it waits
	waiters []uint64 // events whose outcomes wait for it
}

// flipKey is a key of flipBucket, and the end of one of dueBucket.
func flipKey(list, index uint32) []byte {
	return binary.BigEndian.AppendUint32(short(list), index)
}

// Letters of the two forms of a flip.
const (
	flipReleased = 1
	flipWaiting  = 2
)

func (v flipValue) encode() []byte {
	p := packer{b: make([]byte, 0, sealSize+24)}
	if v.version > 0 {
		p.byte(flipReleased)
		p.uint(v.version)
		return p.b
	}
	p.byte(flipWaiting)
	p.fixed(number(v.due))
	for _, w := range v.waiters {
		p.uint(w)
	}
	return p.b
}

func decodeFlip(b []byte) (v flipValue, err error) {
	u := unpacker{b: b}
	switch u.byte() {
	case flipReleased:
		v.version = u.uint()
	case flipWaiting:
		v.due = toNumber(u.view(8))
		for len(u.b) > 0 {
			v.waiters = append(v.waiters, u.uint())
		}
	default:
		u.bad = true
	}
	if err := u.end(); err != nil {
		return v, fmt.Errorf("flip: %w", err)
	}
	return v, nil
}

func (t *tx) flip(key []byte) (v flipValue, known bool, err error) {
	b := t.get(flipBucket, key)
	if b == nil {
		return v, false, nil
	}
	v, err = decodeFlip(b)
	return v, err == nil, err
}
