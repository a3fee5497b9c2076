package statuslist

import (
	"encoding/binary"
	"hash/adler32"
	"math/bits"
)

// DEFLATE (RFC 1951) for lists in which few entries are set: long runs of zero
// bytes between single bytes that are not. Such data has nothing else to find,
// so the encoder looks for nothing else: its words are bytes, and runs of zero
// as copies from one byte before. It is some 5 to 50 times as fast as
// compress/zlib at its default level, and makes no more.

const (
	// blockSize is how many bytes share one Huffman code.
	blockSize = 1 << 20

	endOfBlock   = 256
	firstLength  = 257
	literalCodes = 286
	shortestCopy = 3
	longestCopy  = 258
)

// lengthCode gives the symbol of a copy, the value of its extra bits and their
// number (RFC 1951, 3.2.5).
func lengthCode(n int) (symbol, extra, width int) {
	switch {
	case n == longestCopy:
		return literalCodes - 1, 0, 0
	case n < 11:
		return firstLength + n - shortestCopy, 0, 0
	}
	n -= shortestCopy
	width = bits.Len(uint(n)) - 3
	return firstLength + 4*width + n>>width, n & (1<<width - 1), width
}

// zeros counts the zero bytes at the start of data.
func zeros(data []byte) int {
	n := 0
	for len(data)-n >= 8 {
		if word := binary.LittleEndian.Uint64(data[n:]); word != 0 {
			return n + bits.TrailingZeros64(word)/8
		}
		n += 8
	}
	for n < len(data) && data[n] == 0 {
		n++
	}
	return n
}

const (
	// copyToken plus a length is the token of a copy; below it are literals.
	copyToken  = 256
	tokenKinds = copyToken + longestCopy + 1
)

// cut makes tokens of a block. A run of zeros begins with a literal zero, since
// what stands before it may be another byte.
func cut(tokens []uint16, block []byte) []uint16 {
	for at := 0; at < len(block); {
		// A literal stands for itself, and so does the first zero of a run.
		b := block[at]
		tokens = append(tokens, uint16(b))
		at++
		if b != 0 || at == len(block) || block[at] != 0 {
			continue
		}
		run := zeros(block[at:])
		at += run
		for run >= shortestCopy {
			n := min(run, longestCopy)
			if rest := run - n; rest > 0 && rest < shortestCopy {
				n -= shortestCopy - rest // leave enough for one more copy
			}
			tokens = append(tokens, uint16(copyToken+n))
			run -= n
		}
		for ; run > 0; run-- {
			tokens = append(tokens, 0)
		}
	}
	return tokens
}

// deflateSparse makes zlib data (RFC 1950) of a list, but for its checksum.
func deflateSparse(raw []byte) []byte {
	// Deflate with a window of 32 KiB, no dictionary.
	w := &bitWriter{out: append(make([]byte, 0, len(raw)/8+64), 0x78, 0x9c)}
	tokens := make([]uint16, 0, min(len(raw), blockSize))
	for more := true; more; {
		n := min(len(raw), blockSize)
		more = n < len(raw)
		tokens = cut(tokens[:0], raw[:n])
		w.block(tokens, !more)
		raw = raw[n:]
	}
	w.flush()
	return w.out
}

// block writes one block with a code of its own.
func (w *bitWriter) block(tokens []uint16, last bool) {
	var seen [tokenKinds]int
	for _, t := range tokens {
		seen[t]++
	}
	var counts [literalCodes]int
	copy(counts[:], seen[:copyToken])
	counts[endOfBlock] = 1
	for n := shortestCopy; n <= longestCopy; n++ {
		symbol, _, _ := lengthCode(n)
		counts[symbol] += seen[copyToken+n]
	}
	code := newCode(counts[:], 15)
	w.header(code.lengths, last)

	// One look-up writes a copy: its symbol, its extra bits, and the one bit of
	// the only distance, 1.
	var words [tokenKinds]word
	copy(words[:], code.words[:copyToken])
	for n := shortestCopy; n <= longestCopy; n++ {
		symbol, extra, width := lengthCode(n)
		s := code.words[symbol]
		words[copyToken+n] = word{s.bits | uint64(extra)<<s.width, s.width + uint(width) + 1}
	}
	w.putTokens(tokens, &words)
	w.put(code.words[endOfBlock])
}

// checksum ends the zlib data.
func checksum(out, raw []byte) []byte {
	return binary.BigEndian.AppendUint32(out, adler32.Checksum(raw))
}
