package cbor

import "fmt"

// WrapEncoded returns 24(<<content>>): tag 24 around a byte string that holds
// content (RFC 8949, 3.4.5.1). Its bytes start d8 18.
func WrapEncoded(content []byte) RawMessage {
	item := make([]byte, 0, len(content)+11)
	item = appendHead(item, majorTag, tagEncoded)
	item = appendHead(item, majorBytes, uint64(len(content)))
	return append(item, content...)
}

// UnwrapEncoded returns the content of 24(<<content>>), as a slice of item. It
// refuses anything but exactly one tag 24 around one byte string that holds
// exactly one acceptable item.
func UnwrapEncoded(item []byte) (content []byte, err error) {
	if err := check(item); err != nil {
		return nil, err
	}
	return unwrap(item)
}

// unwrap is UnwrapEncoded of an item that has been checked.
func unwrap(item []byte) (content []byte, err error) {
	tag, err := readHead(item, 0, len(item))
	if err != nil {
		return nil, err
	}
	if tag.major != majorTag || tag.arg != tagEncoded {
		return nil, fmt.Errorf("%w: not an embedded item (tag 24)", ErrMalformed)
	}
	str, err := readHead(item, tag.size, len(item))
	if err != nil {
		return nil, err
	}
	return item[tag.size+str.size:], nil
}
