package bolt

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

// errRecord: a value has a good checksum and is not what we write: another
// program, or a mistake of ours.
var errRecord = errors.New("a record is not in the form of this version")

// packer writes a compact value: numbers as varints, text behind its length.
type packer struct{ b []byte }

func (p *packer) byte(b byte)     { p.b = append(p.b, b) }
func (p *packer) uint(n uint64)   { p.b = binary.AppendUvarint(p.b, n) }
func (p *packer) fixed(b []byte)  { p.b = append(p.b, b...) }
func (p *packer) octets(b []byte) { p.uint(uint64(len(b))); p.b = append(p.b, b...) }
func (p *packer) text(s string)   { p.uint(uint64(len(s))); p.b = append(p.b, s...) }

func (p *packer) bool(v bool) {
	if v {
		p.byte(1)
		return
	}
	p.byte(0)
}

// time writes an instant: a letter for none, whole seconds, or nanoseconds.
func (p *packer) time(t time.Time) {
	switch {
	case t.IsZero():
		p.byte(0)
	case t.Nanosecond() == 0:
		p.byte(1)
		p.b = binary.AppendVarint(p.b, t.Unix())
	default:
		p.byte(2)
		p.b = binary.AppendVarint(p.b, t.Unix())
		p.uint(uint64(t.Nanosecond()))
	}
}

// texts writes a list; an empty one is none.
func (p *packer) texts(list []string) {
	p.uint(uint64(len(list)))
	for _, s := range list {
		p.text(s)
	}
}

// pairs writes a map, sorted; an empty one is none.
func (p *packer) pairs(m map[string]string) {
	p.uint(uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		p.text(k)
		p.text(m[k])
	}
}

// moments writes a map of instants, sorted; an empty one is none.
func (p *packer) moments(m map[string]time.Time) {
	p.uint(uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		p.text(k)
		p.time(m[k])
	}
}

// unpacker reads what a packer wrote. What it gives after bad is set is
// nothing; strings and octets are copies.
type unpacker struct {
	b   []byte
	bad bool
}

func (u *unpacker) byte() byte {
	if len(u.b) == 0 {
		u.bad = true
		return 0
	}
	b := u.b[0]
	u.b = u.b[1:]
	return b
}

func (u *unpacker) bool() bool { return u.byte() == 1 }

func (u *unpacker) uint() uint64 {
	n, size := binary.Uvarint(u.b)
	if size <= 0 {
		u.bad, u.b = true, nil
		return 0
	}
	u.b = u.b[size:]
	return n
}

func (u *unpacker) int() int64 {
	n, size := binary.Varint(u.b)
	if size <= 0 {
		u.bad, u.b = true, nil
		return 0
	}
	u.b = u.b[size:]
	return n
}

// view gives the next n octets without copying them.
func (u *unpacker) view(n uint64) []byte {
	if n > uint64(len(u.b)) {
		u.bad, u.b = true, nil
		return nil
	}
	b := u.b[:n]
	u.b = u.b[n:]
	return b
}

func (u *unpacker) fixed(into []byte) { copy(into, u.view(uint64(len(into)))) }
func (u *unpacker) octets() []byte    { return append([]byte(nil), u.view(u.uint())...) }
func (u *unpacker) text() string      { return string(u.view(u.uint())) }

func (u *unpacker) time() time.Time {
	switch u.byte() {
	case 0:
		return time.Time{}
	case 1:
		return time.Unix(u.int(), 0).UTC()
	case 2:
		seconds := u.int()
		return time.Unix(seconds, int64(u.uint())).UTC()
	}
	u.bad = true
	return time.Time{}
}

// count reads the number of things that follow, each of at least one octet.
func (u *unpacker) count() int {
	n := u.uint()
	if n > uint64(len(u.b)) {
		u.bad, u.b = true, nil
		return 0
	}
	return int(n)
}

func (u *unpacker) texts() []string {
	n := u.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = u.text()
	}
	return list
}

func (u *unpacker) pairs() map[string]string {
	n := u.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := u.text()
		m[k] = u.text()
	}
	return m
}

func (u *unpacker) moments() map[string]time.Time {
	n := u.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]time.Time, n)
	for range n {
		k := u.text()
		m[k] = u.time()
	}
	return m
}

// end reports a value that is too short or too long.
func (u *unpacker) end() error {
	if u.bad || len(u.b) > 0 {
		return errRecord
	}
	return nil
}
