package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Compress is the one place that makes zlib data (RFC 1950) of a list. Lists
// are made by an encoder of our own, which is fast because it knows what they
// look like; what does not look like one by compress/zlib.
func Compress(raw []byte) ([]byte, error) {
	if isSparse(raw) {
		return checksum(deflateSparse(raw), raw), nil
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return b.Bytes(), nil
}

// isSparse says what the encoder is for: enough data that a code of its own
// pays, and at most one bit in eight set.
func isSparse(raw []byte) bool {
	if len(raw) < leastSparse {
		return false
	}
	set, rest := 0, raw
	for ; len(rest) >= 8; rest = rest[8:] {
		set += bits.OnesCount64(binary.LittleEndian.Uint64(rest))
	}
	for _, b := range rest {
		set += bits.OnesCount8(b)
	}
	return set <= len(raw)
}

// Decompress reads exactly one zlib stream of at most max bytes inflated. It
// never holds much more than max bytes, whatever the stream promises; deflate
// reaches 1:1030, so a small token proves nothing. The error is an *[Error] of
// st.inflate.
func Decompress(compressed []byte, max int) ([]byte, error) {
	if len(compressed) > max+max/1000+deflateSlack {
		return nil, refuse(CheckInflate, "%w: %d bytes compressed for at most %d inflated", ErrLimit, len(compressed), max)
	}
	in := bytes.NewReader(compressed)
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, refuse(CheckInflate, "list is not zlib data: %w", err)
	}
	raw, err := readAtMost(z, max, len(compressed))
	if err != nil {
		if errors.Is(err, ErrLimit) {
			return nil, refuse(CheckInflate, "%w: list inflates to more than %d bytes", ErrLimit, max)
		}
		return nil, refuse(CheckInflate, "inflating: %w", err)
	}
	if in.Len() != 0 {
		return nil, refuse(CheckInflate, "%d bytes after the end of the zlib data", in.Len())
	}
	return raw, nil
}

// readAtMost reads to the end of r, which checks the checksum there, or fails
// once more than max bytes came.
func readAtMost(r io.Reader, max, hint int) ([]byte, error) {
	buf := make([]byte, 0, min(max, 64*hint)+1)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > max:
			return nil, ErrLimit
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*cap(buf), max)+1)
			copy(grown, buf)
			buf = grown
		}
	}
}
