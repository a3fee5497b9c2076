package socket

import (
	"bufio"
	"io"
	"sync"
)

// buffers are those of frames that were written or whose messages were signed: a batch
// of copies takes 30 to 80 KiB, which is much to make and to clear for each.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// buffer gives one of no bytes with room for at least n, if n is that of a small frame.
func buffer(n int) *[]byte {
	b := buffers.Get().(*[]byte)
	if cap(*b) < n {
		*b = make([]byte, 0, n)
	}
	*b = (*b)[:0]
	return b
}

// release gives one back, unless it has grown large.
func release(b *[]byte) {
	if cap(*b) <= smallFrame+4<<10 {
		buffers.Put(b)
	}
}

// readSmall reads the rest of a small frame into a buffer, which the caller releases.
func readSmall(in *bufio.Reader, n int) (*[]byte, error) {
	b := buffer(n)
	*b = (*b)[:n]
	if _, err := io.ReadFull(in, *b); err != nil {
		release(b)
		return nil, err
	}
	return b, nil
}
