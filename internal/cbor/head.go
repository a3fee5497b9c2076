package cbor

import (
	"encoding/binary"
	"fmt"
)

// Major types of RFC 8949, 3.1.
const (
	majorUnsigned = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Tag numbers that the walker knows (RFC 8949, 3.4; RFC 8943).
const (
	tagDateTime        = 0
	tagEpoch           = 1
	tagUnsignedBignum  = 2
	tagNegativeBignum  = 3
	tagDecimalFraction = 4
	tagBigfloat        = 5
	tagEncoded         = 24
	tagFullDate        = 1004
)

// head is the initial byte of an item and its argument.
type head struct {
	major      byte
	info       byte   // additional information, 0..31
	arg        uint64 // the argument; for floats its bits
	size       int    // bytes of the head itself
	indefinite bool   // additional information 31 of major types 2..5, and break
}

// readHead reads the head at data[off:limit].
func readHead(data []byte, off, limit int) (head, error) {
	if off >= limit {
		return head{}, fmt.Errorf("%w: byte %d: item expected, input ends", ErrMalformed, off)
	}
	h := head{major: data[off] >> 5, info: data[off] & 31, size: 1}
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
		return h, nil
	case h.info < 28:
		h.size += 1 << (h.info - 24)
	case h.info == 31 && (h.major >= majorBytes && h.major <= majorMap || h.major == majorSimple):
		h.indefinite = true
		return h, nil
	default:
		return head{}, fmt.Errorf("%w: byte %d: reserved additional information %d", ErrMalformed, off, h.info)
	}
	if h.size > limit-off {
		return head{}, fmt.Errorf("%w: byte %d: head cut off", ErrMalformed, off)
	}
	switch arg := data[off+1 : off+h.size]; h.info {
	case 24:
		h.arg = uint64(arg[0])
	case 25:
		h.arg = uint64(binary.BigEndian.Uint16(arg))
	case 26:
		h.arg = uint64(binary.BigEndian.Uint32(arg))
	case 27:
		h.arg = binary.BigEndian.Uint64(arg)
	}
	return h, nil
}

// shortest reports whether no shorter head states the same argument. It does
// not speak of floats, whose argument is no number.
func (h head) shortest() bool {
	switch h.info {
	case 24:
		return h.arg >= 24
	case 25:
		return h.arg > 0xff
	case 26:
		return h.arg > 0xffff
	case 27:
		return h.arg > 0xffff_ffff
	}
	return true
}

// appendHead appends the shortest head of a major type and an argument.
func appendHead(b []byte, major byte, arg uint64) []byte {
	m := major << 5
	switch {
	case arg < 24:
		return append(b, m|byte(arg))
	case arg <= 0xff:
		return append(b, m|24, byte(arg))
	case arg <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, m|25), uint16(arg))
	case arg <= 0xffff_ffff:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, m|27), arg)
}
