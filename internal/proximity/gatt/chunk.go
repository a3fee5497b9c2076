package gatt

import (
	"bytes"
	"fmt"
	"iter"

	"vidimus/internal/proximity"
)

// Prefix bytes of a value that carries a part of a message (8.3.3.1.1.6).
const (
	prefixLast = 0x00
	prefixMore = 0x01
)

// valueSize is how many bytes a value may have, prefix included.
func valueSize(mtu int) int { return min(maxValue, mtu-attHeader) }

// chunks cuts a message into values of at most size bytes. A value lives until
// the next one.
func chunks(message []byte, size int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		value := make([]byte, 0, size)
		for {
			n := min(len(message), size-1)
			prefix := byte(prefixLast)
			if n < len(message) {
				prefix = prefixMore
			}
			value = append(append(value[:0], prefix), message[:n]...)
			if !yield(value) || prefix == prefixLast {
				return
			}
			message = message[n:]
		}
	}
}

// assembly puts the values of one direction together.
type assembly struct {
	parts []byte
	empty int  // values without content
	open  bool // within a message
}

// add takes a value and returns the message that it completes, nil when more
// follows. Values of every size are taken, full or not (8.3.3.1.1.6).
func (a *assembly) add(value []byte) (message []byte, err error) {
	if len(value) == 0 {
		return nil, fmt.Errorf("%w: empty value", proximity.ErrMalformed)
	}
	prefix, content := value[0], value[1:]
	if prefix != prefixLast && prefix != prefixMore {
		return nil, fmt.Errorf("%w: prefix %#02x", proximity.ErrMalformed, prefix)
	}
	if len(a.parts)+len(content) > proximity.MaxMessage {
		return nil, fmt.Errorf("%w: message of more than %d bytes", proximity.ErrLimit, proximity.MaxMessage)
	}
	if len(content) == 0 && prefix == prefixMore {
		if a.empty++; a.empty > MaxEmpty {
			return nil, fmt.Errorf("%w: more than %d empty values in a message", proximity.ErrLimit, MaxEmpty)
		}
	}
	a.parts, a.open = append(a.parts, content...), true
	if prefix == prefixMore {
		return nil, nil
	}
	message = bytes.Clone(a.parts)
	if message == nil {
		message = []byte{}
	}
	*a = assembly{parts: a.parts[:0]}
	return message, nil
}
