package mdoc

import "encoding/binary"

// Reading of single items without copies. Package cbor checks a message once,
// as a whole and inside its tag-24 items; these functions then only read heads.
// They stay inside their input whatever it holds, and report false for what
// they cannot read.

// Major types of RFC 8949, 3.1.
const (
	majorUnsigned byte = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// head reads the head of an item: its major type, argument and size in bytes.
// Indefinite lengths are refused.
func head(item []byte) (major byte, arg uint64, size int, ok bool) {
	if len(item) == 0 {
		return 0, 0, 0, false
	}
	major, info := item[0]>>5, item[0]&31
	switch {
	case info < 24:
		return major, uint64(info), 1, true
	case info == 24 && len(item) >= 2:
		return major, uint64(item[1]), 2, true
	case info == 25 && len(item) >= 3:
		return major, uint64(binary.BigEndian.Uint16(item[1:])), 3, true
	case info == 26 && len(item) >= 5:
		return major, uint64(binary.BigEndian.Uint32(item[1:])), 5, true
	case info == 27 && len(item) >= 9:
		return major, binary.BigEndian.Uint64(item[1:]), 9, true
	}
	return 0, 0, 0, false
}

// appendHead appends the shortest head of a major type and an argument: the
// reverse of head.
func appendHead(b []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(b, major|byte(arg))
	case arg < 1<<8:
		return append(b, major|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), arg)
}

// span returns the number of bytes of the first item in data.
func span(data []byte) (int, bool) {
	at := 0
	for left := uint64(1); left > 0; left-- {
		major, arg, size, ok := head(data[at:])
		if !ok {
			return 0, false
		}
		at += size
		switch major {
		case majorBytes, majorText:
			if arg > uint64(len(data)-at) {
				return 0, false
			}
			at += int(arg)
		case majorArray, majorMap:
			if arg > uint64(len(data)) {
				return 0, false
			}
			if left += arg; major == majorMap {
				left += arg
			}
		case majorTag:
			left++
		}
	}
	return at, true
}

// cursor walks over the items of an array, or over the keys and values of a map.
type cursor struct {
	rest []byte
	left int // items to come
}

// next returns the next item; false at the end, and where the input is cut off:
// then left is not 0.
func (c *cursor) next() ([]byte, bool) {
	if c.left == 0 {
		return nil, false
	}
	n, ok := span(c.rest)
	if !ok {
		return nil, false
	}
	item := c.rest[:n:n]
	c.rest = c.rest[n:]
	c.left--
	return item, true
}

// members opens a map of n pairs.
func members(item []byte) (c cursor, n int, ok bool) {
	major, arg, size, ok := head(item)
	if !ok || major != majorMap || arg > uint64(len(item)) {
		return cursor{}, 0, false
	}
	return cursor{item[size:], int(arg) * 2}, int(arg), true
}

// elementsOf opens an array of n items.
func elementsOf(item []byte) (c cursor, n int, ok bool) {
	major, arg, size, ok := head(item)
	if !ok || major != majorArray || arg > uint64(len(item)) {
		return cursor{}, 0, false
	}
	return cursor{item[size:], int(arg)}, int(arg), true
}

// textOf returns the bytes of a text string.
func textOf(item []byte) ([]byte, bool) { return stringOf(item, majorText) }

// bytesOf returns the content of a byte string, as a slice of item.
func bytesOf(item []byte) ([]byte, bool) { return stringOf(item, majorBytes) }

func stringOf(item []byte, want byte) ([]byte, bool) {
	major, arg, size, ok := head(item)
	if !ok || major != want || arg != uint64(len(item)-size) {
		return nil, false
	}
	return item[size:], true
}

// uintOf returns an unsigned integer.
func uintOf(item []byte) (uint64, bool) {
	major, arg, size, ok := head(item)
	return arg, ok && major == majorUnsigned && size == len(item)
}

// intOf returns an integer that fits int64.
func intOf(item []byte) (int64, bool) {
	major, arg, size, ok := head(item)
	if !ok || major > majorNegative || size != len(item) || arg > 1<<63-1 {
		return 0, false
	}
	if major == majorNegative {
		return -1 - int64(arg), true
	}
	return int64(arg), true
}

// boolOf returns a boolean.
func boolOf(item []byte) (value, ok bool) {
	if len(item) != 1 || item[0]&^1 != 0xf4 {
		return false, false
	}
	return item[0] == 0xf5, true
}

// embeddedOf returns the content of 24(<<content>>), as a slice of item.
func embeddedOf(item []byte) ([]byte, bool) {
	major, arg, size, ok := head(item)
	if !ok || major != majorTag || arg != 24 {
		return nil, false
	}
	return bytesOf(item[size:])
}

// eachMember calls f for every pair of a map with text keys, which is what all
// structures here are but valueDigests. Errors name the structure.
func eachMember(check, structure string, item []byte, f func(name, value []byte) error) error {
	c, _, ok := members(item)
	if !ok {
		return refuse(check, "%s is no map", structure)
	}
	for {
		key, ok := c.next()
		if !ok {
			break
		}
		name, ok := textOf(key)
		if !ok {
			return refuse(check, "%s: member name is no text", structure)
		}
		value, ok := c.next()
		if !ok {
			break
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	return c.complete(check, structure)
}

// eachItem calls f for every item of an array.
func eachItem(check, structure string, item []byte, f func(i int, item []byte) error) error {
	c, n, ok := elementsOf(item)
	if !ok {
		return refuse(check, "%s is no array", structure)
	}
	for i := range n {
		item, ok := c.next()
		if !ok {
			break
		}
		if err := f(i, item); err != nil {
			return err
		}
	}
	return c.complete(check, structure)
}

// complete refuses a container that was cut off or is followed by something.
func (c *cursor) complete(check, structure string) error {
	if c.left != 0 || len(c.rest) != 0 {
		return refuse(check, "%s is cut off", structure)
	}
	return nil
}
