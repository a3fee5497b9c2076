package cbor

import (
	"fmt"
	"math"
)

// Bytes, Text, Uint and Int read exactly one item of exactly one type. Unmarshal into
// []byte, string or uint64 is wider: it also takes null, an array of small
// integers for bytes, and a bignum for an integer.

// Bytes returns the content of a byte string as a slice of item, never nil
// without an error.
func Bytes(item []byte) ([]byte, error) {
	return content(item, majorBytes)
}

// BytesLimit is [Bytes] with another bound on the length of item.
func BytesLimit(item []byte, max int) ([]byte, error) {
	h, err := typedLimit(item, majorBytes, max)
	if err != nil {
		return nil, err
	}
	return item[h.size:len(item):len(item)], nil
}

// Text returns the content of a text string.
func Text(item []byte) (string, error) {
	b, err := content(item, majorText)
	return string(b), err
}

// Uint returns an unsigned integer.
func Uint(item []byte) (uint64, error) {
	h, err := typed(item, majorUnsigned)
	return h.arg, err
}

// Int returns an integer that fits int64.
func Int(item []byte) (int64, error) {
	major := byte(majorUnsigned)
	if len(item) > 0 && item[0]>>5 == majorNegative {
		major = majorNegative
	}
	h, err := typed(item, major)
	switch {
	case err != nil:
		return 0, err
	case h.arg > math.MaxInt64:
		return 0, fmt.Errorf("%w: integer of more than 64 bits", ErrLimit)
	case major == majorNegative:
		return -1 - int64(h.arg), nil
	}
	return int64(h.arg), nil
}

// scalar reports whether item is exactly the integer or string of its head, so that
// no walk has to find that out.
func scalar(item []byte, h head) bool {
	switch {
	case h.major <= majorNegative:
		return h.size == len(item)
	case h.major > majorText || h.indefinite || h.arg != uint64(len(item)-h.size):
		return false
	}
	return h.major == majorBytes || plain(item[h.size:])
}

func content(item []byte, major byte) ([]byte, error) {
	h, err := typed(item, major)
	if err != nil {
		return nil, err
	}
	return item[h.size:len(item):len(item)], nil
}

// typed checks item and returns its head if it is of the major type.
func typed(item []byte, major byte) (head, error) { return typedLimit(item, major, MaxMessage) }

func typedLimit(item []byte, major byte, max int) (head, error) {
	if err := bounded(item, max); err != nil {
		return head{}, err
	}
	h, err := readHead(item, 0, len(item))
	if err == nil && h.major == major && scalar(item, h) {
		return h, nil
	}
	if err := check(item); err != nil {
		return head{}, err
	}
	if err != nil {
		return head{}, err
	}
	if h.major != major {
		return head{}, fmt.Errorf("%w: %s expected, %s found", ErrMalformed, majorNames[major], majorNames[h.major])
	}
	return h, nil
}
