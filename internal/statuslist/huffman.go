package statuslist

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// word is a code word as it is written: the lowest bit first.
type word struct {
	bits  uint64
	width uint
}

// huffman is a prefix code: a length and a word for every symbol, 0 for those
// that do not occur.
type huffman struct {
	lengths []uint8
	words   []word
}

// newCode makes the code for these counts, no word longer than limit. Where the
// best code has longer ones, counts are made more alike until it has not.
func newCode(counts []int, limit uint8) huffman {
	weights := slices.Clone(counts)
	for {
		lengths := codeLengths(weights)
		if slices.Max(lengths) <= limit {
			return huffman{lengths, codeWords(lengths)}
		}
		for i, n := range weights {
			if n > 0 {
				weights[i] = n/2 + 1
			}
		}
	}
}

// codeLengths is Huffman's algorithm with two queues: leaves by weight, and
// inner nodes, which come up by weight of themselves.
func codeLengths(weights []int) []uint8 {
	type node struct{ weight, left, right int }
	var nodes []node
	var symbols []int
	for symbol, n := range weights {
		if n > 0 {
			symbols = append(symbols, symbol)
		}
	}
	slices.SortStableFunc(symbols, func(a, b int) int { return cmp.Compare(weights[a], weights[b]) })
	for _, symbol := range symbols {
		nodes = append(nodes, node{weight: weights[symbol], left: -1, right: symbol})
	}
	lengths := make([]uint8, len(weights))
	if len(symbols) == 1 { // a code has at least one bit
		lengths[symbols[0]] = 1
	}
	leaf, inner := 0, len(symbols)
	lightest := func() int {
		if leaf < len(symbols) && (inner == len(nodes) || nodes[leaf].weight <= nodes[inner].weight) {
			leaf++
			return leaf - 1
		}
		inner++
		return inner - 1
	}
	for range max(len(symbols)-1, 0) {
		a, b := lightest(), lightest()
		nodes = append(nodes, node{nodes[a].weight + nodes[b].weight, a, b})
	}
	depth := make([]uint8, len(nodes))
	for i := len(nodes) - 1; i >= len(symbols); i-- {
		for _, child := range []int{nodes[i].left, nodes[i].right} {
			depth[child] = depth[i] + 1
			if child < len(symbols) {
				lengths[nodes[child].right] = depth[child]
			}
		}
	}
	return lengths
}

// codeWords gives the canonical words (RFC 1951, 3.2.2), turned round as they
// are written.
func codeWords(lengths []uint8) []word {
	var perLength, next [17]int
	for _, n := range lengths {
		if n > 0 {
			perLength[n]++
		}
	}
	for n := 1; n < len(next); n++ {
		next[n] = (next[n-1] + perLength[n-1]) << 1
	}
	words := make([]word, len(lengths))
	for symbol, n := range lengths {
		if n > 0 {
			words[symbol] = word{uint64(bits.Reverse16(uint16(next[n])) >> (16 - n)), uint(n)}
			next[n]++
		}
	}
	return words
}

// bitWriter writes words one after the other, from the lowest bit of each byte.
type bitWriter struct {
	out    []byte
	buffer uint64
	filled uint
}

func (w *bitWriter) put(x word) {
	w.buffer |= x.bits << w.filled
	w.filled += x.width
	if w.filled >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.buffer))
		w.buffer >>= 32
		w.filled -= 32
	}
}

// putTokens is put for many, with the state where the processor has it.
func (w *bitWriter) putTokens(tokens []uint16, words *[tokenKinds]word) {
	out, buffer, filled := w.out, w.buffer, w.filled
	for _, t := range tokens {
		x := words[t]
		buffer |= x.bits << (filled & 63)
		filled += x.width
		if filled >= 32 {
			out = binary.LittleEndian.AppendUint32(out, uint32(buffer))
			buffer >>= 32
			filled -= 32
		}
	}
	w.out, w.buffer, w.filled = out, buffer, filled
}

// flush fills the last byte with zeros.
func (w *bitWriter) flush() {
	for w.filled > 0 {
		w.out = append(w.out, byte(w.buffer))
		w.buffer >>= 8
		w.filled -= min(w.filled, 8)
	}
}

// lengthOrder is the order in which the code of the lengths is written.
var lengthOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// header begins a block and writes its code (RFC 1951, 3.2.7). There is one
// distance code, of one bit.
func (w *bitWriter) header(lengths []uint8, last bool) {
	used := len(lengths)
	for used > firstLength && lengths[used-1] == 0 {
		used--
	}
	runs := lengthRuns(append(slices.Clone(lengths[:used]), 1))
	counts := make([]int, len(lengthOrder))
	for _, r := range runs {
		counts[r.symbol]++
	}
	code := newCode(counts, 7)
	written := len(lengthOrder)
	for written > 4 && code.lengths[lengthOrder[written-1]] == 0 {
		written--
	}
	final := uint64(0)
	if last {
		final = 1
	}
	w.put(word{final | 2<<1, 3}) // a block with a code of its own
	w.put(word{uint64(used - firstLength), 5})
	w.put(word{0, 5}) // distance codes, less 1
	w.put(word{uint64(written - 4), 4})
	for _, symbol := range lengthOrder[:written] {
		w.put(word{uint64(code.lengths[symbol]), 3})
	}
	for _, r := range runs {
		w.put(code.words[r.symbol])
		w.put(word{uint64(r.extra), r.width})
	}
}

// lengthRun is one symbol of the code of lengths: a length, or 16 to 18 with
// how often one is repeated.
type lengthRun struct {
	symbol, extra int
	width         uint
}

func lengthRuns(lengths []uint8) []lengthRun {
	var runs []lengthRun
	for at := 0; at < len(lengths); {
		n := 1
		for at+n < len(lengths) && lengths[at+n] == lengths[at] {
			n++
		}
		length := int(lengths[at])
		at += n
		if length > 0 {
			runs = append(runs, lengthRun{symbol: length})
			n--
		}
		for n > 0 {
			switch {
			case length == 0 && n >= 11:
				k := min(n, 138)
				runs, n = append(runs, lengthRun{18, k - 11, 7}), n-k
			case length == 0 && n >= 3:
				runs, n = append(runs, lengthRun{17, n - 3, 3}), 0
			case n >= 3:
				k := min(n, 6)
				runs, n = append(runs, lengthRun{16, k - 3, 2}), n-k
			default:
				runs, n = append(runs, lengthRun{symbol: length}), n-1
			}
		}
	}
	return runs
}
