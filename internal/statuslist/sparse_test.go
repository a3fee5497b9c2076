package statuslist

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// zlibOf compresses with the standard library.
func zlibOf(tb testing.TB, raw []byte, level int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// stdInflate reads with the standard library alone.
func stdInflate(tb testing.TB, z []byte) []byte {
	tb.Helper()
	in := bytes.NewReader(z)
	r, err := zlib.NewReader(in)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil || in.Len() != 0 {
		tb.Fatalf("inflating: %v, %d bytes left", err, in.Len())
	}
	return raw
}

// randomBits sets about this share of the bits.
func randomBits(size int, share float64, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	raw := make([]byte, size)
	for range int(float64(size*8) * share) {
		i := random.IntN(size * 8)
		raw[i/8] |= 1 << (i % 8)
	}
	return raw
}

// What our encoder makes inflates to the same bits and is hardly larger than
// what compress/zlib makes, at every density.
func TestSparseAgainstZlib(t *testing.T) {
	for _, size := range []int{leastSparse, DefaultEntries / 8, 1<<20 + 5} {
		for i, share := range []float64{0, 0.00001, 0.0001, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.12} {
			raw := randomBits(size, share, uint64(i))
			ours := checksum(deflateSparse(raw), raw)
			if !bytes.Equal(stdInflate(t, ours), raw) {
				t.Fatalf("%d bytes at %g: other bits", size, share)
			}
			if public, err := Compress(raw); err != nil || !bytes.Equal(public, ours) {
				t.Errorf("%d bytes at %g: Compress does not use it: %v", size, share, err)
			}
			theirs := zlibOf(t, raw, zlib.DefaultCompression)
			if float64(len(ours)) > 1.03*float64(len(theirs))+64 {
				t.Errorf("%d bytes at %g: %d bytes, compress/zlib makes %d", size, share, len(ours), len(theirs))
			}
		}
	}
}

// Everything else works too, whatever its size and density.
func TestCompressAnything(t *testing.T) {
	full := bytes.Repeat([]byte{0xff}, 128<<10)
	for _, size := range []int{1, 2, 15, 4095, 4096, 4097, 131072, 1<<20 + 1} {
		for i, share := range []float64{0, 0.01, 0.2, 0.5, 3} {
			raw := randomBits(size, share, uint64(i))
			z, err := Compress(raw)
			if err != nil || !bytes.Equal(stdInflate(t, z), raw) {
				t.Fatalf("%d bytes at %g: %v", size, share, err)
			}
			if !bytes.Equal(stdInflate(t, checksum(deflateSparse(raw), raw)), raw) {
				t.Fatalf("%d bytes at %g: the encoder alone makes other bits", size, share)
			}
		}
	}
	if z, err := Compress(full); err != nil || len(z) > 200 {
		t.Errorf("a full list takes %d bytes, %v", len(z), err)
	}
	if z, err := Compress(nil); err != nil || len(stdInflate(t, z)) != 0 || len(stdInflate(t, checksum(deflateSparse(nil), nil))) != 0 {
		t.Errorf("nothing: %v", err)
	}
}

// Runs of every length, alone and with a byte before them.
func TestSparseRuns(t *testing.T) {
	for run := range 3 * longestCopy {
		for _, around := range [][2][]byte{{nil, nil}, {{1}, nil}, {nil, {128}}, {{1}, {2, 3}}} {
			raw := bytes.Join([][]byte{around[0], make([]byte, run), around[1]}, nil)
			if !bytes.Equal(stdInflate(t, checksum(deflateSparse(raw), raw)), raw) {
				t.Fatalf("a run of %d between %v", run, around)
			}
		}
	}
}

// The table of RFC 1951, 3.2.5, at its corners.
func TestLengthCode(t *testing.T) {
	for n, want := range map[int][3]int{
		3: {257, 0, 0}, 10: {264, 0, 0}, 11: {265, 0, 1}, 12: {265, 1, 1}, 18: {268, 1, 1}, 19: {269, 0, 2}, 34: {272, 3, 2},
		35: {273, 0, 3}, 66: {276, 7, 3}, 67: {277, 0, 4}, 130: {280, 15, 4}, 131: {281, 0, 5}, 257: {284, 30, 5}, 258: {285, 0, 0},
	} {
		if s, e, w := lengthCode(n); [3]int{s, e, w} != want {
			t.Errorf("%d: %v, want %v", n, [3]int{s, e, w}, want)
		}
	}
}

// Counts like Fibonacci's numbers make the deepest tree: words are held to the
// limit, and the code stays whole.
func TestCodeWithinLimit(t *testing.T) {
	counts := make([]int, 40)
	a, b := 1, 1
	for i := range counts {
		counts[i], a, b = a, b, a+b
	}
	for _, limit := range []uint8{7, 15} {
		sum := 0.0
		for _, n := range newCode(counts, limit).lengths {
			if n == 0 || n > limit {
				t.Fatalf("a word of %d bits, at most %d", n, limit)
			}
			sum += 1 / float64(uint(1)<<n)
		}
		if sum != 1 {
			t.Errorf("limit %d: the words fill %v of the code", limit, sum)
		}
	}
}

// FuzzSparse compares with compress/zlib in both directions. The fuzzer writes
// gaps between bytes, so that what it makes looks like lists.
func FuzzSparse(f *testing.F) {
	f.Add([]byte{0, 1, 255, 255, 3, 7}, uint16(9))
	f.Add([]byte{}, uint16(0))
	f.Add(bytes.Repeat([]byte{1, 2, 0}, 300), uint16(258))
	f.Fuzz(func(t *testing.T, pattern []byte, stretch uint16) {
		var raw []byte
		for i, b := range pattern {
			if len(raw) > 1<<21 {
				break
			}
			if i%2 == 0 {
				raw = append(raw, make([]byte, int(b)*int(stretch)/64)...)
			} else {
				raw = append(raw, b)
			}
		}
		ours := checksum(deflateSparse(raw), raw)
		if !bytes.Equal(stdInflate(t, ours), raw) {
			t.Fatal("other bits")
		}
		z, err := Compress(raw)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decompress(z, len(raw)); err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("Decompress: %v", err)
		}
	})
}

// BenchmarkCompress puts the encoder beside compress/zlib, on 2^20 entries.
func BenchmarkCompress(b *testing.B) {
	for _, share := range []float64{0.001, 0.01, 0.05} {
		raw := randomBits(DefaultEntries/8, share, 1)
		run := func(name string, compress func() []byte) {
			b.Run(fmt.Sprintf("%g%%/%s", share*100, name), func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				size := 0
				for b.Loop() {
					size = len(compress())
				}
				b.ReportMetric(float64(size), "list-bytes")
			})
		}
		run("ours", func() []byte {
			z, err := Compress(raw)
			if err != nil {
				b.Fatal(err)
			}
			return z
		})
		for _, level := range []int{1, 6, 9} {
			run(fmt.Sprintf("zlib-%d", level), func() []byte { return zlibOf(b, raw, level) })
		}
	}
}
