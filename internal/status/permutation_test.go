package status

import (
	"bytes"
	"math/bits"
	"slices"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func newPermutation(t testing.TB, b byte) *Permutation {
	t.Helper()
	p, err := NewPermutation(key(b))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every index exactly once: the whole list is walked.
func TestPermutationIsBijective(t *testing.T) {
	p := newPermutation(t, 1)
	seen, buf := make([]uint64, ListSize/64), make([]byte, 16)
	for n := range uint32(ListSize) {
		i := p.index(n, buf)
		if i >= ListSize {
			t.Fatalf("index %d of counter %d is outside the list", i, n)
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			t.Fatalf("index %d twice", i)
		}
		seen[i/64] |= 1 << (i % 64)
	}
}

func TestPermutationDependsOnKey(t *testing.T) {
	a, b := newPermutation(t, 1), newPermutation(t, 2)
	same := 0
	for n := range uint32(1000) {
		if a.Index(n) == b.Index(n) {
			same++
		}
	}
	if same > 5 {
		t.Errorf("%d of 1000 indices are the same under two keys", same)
	}
	if _, err := NewPermutation(key(1)[:16]); err == nil {
		t.Error("a short key is taken")
	}
}

// Counters in a row must look like numbers drawn at random: the mean distance
// of two draws from n is n/3, half of the bits change, and neither half of the
// index keeps an order.
func TestPermutationUnlinkable(t *testing.T) {
	p := newPermutation(t, 7)
	const draws = 20000
	var distance, flips, rising, sameHigh float64
	last := p.Index(0)
	for n := uint32(1); n <= draws; n++ {
		i := p.Index(n)
		d := int64(i) - int64(last)
		if d > 0 {
			rising++
		}
		distance += float64(max(d, -d))
		flips += float64(bits.OnesCount32(i ^ last))
		if i>>halfBits == last>>halfBits {
			sameHigh++
		}
		last = i
	}
	within := func(what string, got, want, off float64) {
		if got < want-off || got > want+off {
			t.Errorf("%s is %.4g, want %.4g +- %.4g", what, got, want, off)
		}
	}
	within("mean distance", distance/draws/ListSize, 1.0/3, 0.01)
	within("changed bits", flips/draws, indexBits/2.0, 0.1)
	within("share of rising steps", rising/draws, 0.5, 0.02)
	within("share of equal high halves", sameHigh/draws, 1.0/(1<<halfBits), 0.001)
}

// A batch of 50000 would have thousands of neighbours if Take did not look.
func TestTake(t *testing.T) {
	p := newPermutation(t, 3)
	indices, next, ok := p.Take(100, 50000)
	if !ok || len(indices) != 50000 || next <= 50100 {
		t.Fatalf("%d indices, next %d, ok %v", len(indices), next, ok)
	}
	seen := map[uint32]bool{}
	for _, i := range indices {
		if seen[i] || seen[i+1] || i > 0 && seen[i-1] {
			t.Fatalf("index %d is taken or has a neighbour", i)
		}
		seen[i] = true
	}
	again, _, _ := p.Take(next, 3)
	for _, i := range again {
		if seen[i] {
			t.Fatalf("index %d given twice", i)
		}
	}
	if same, _, _ := p.Take(100, 50000); !slices.Equal(same, indices) {
		t.Error("the same batch has other indices when computed again")
	}
	for _, c := range []struct {
		from uint32
		n    int
		ok   bool
	}{{ListSize - 3, 3, true}, {ListSize - 3, 4, false}, {ListSize, 1, false}, {ListSize, 0, true}, {0, 0, true}} {
		if got, _, ok := p.Take(c.from, c.n); ok != c.ok || ok && len(got) != c.n {
			t.Errorf("Take(%d, %d) = %v, %v", c.from, c.n, got, ok)
		}
	}
}

func BenchmarkPermutation(b *testing.B) {
	p := newPermutation(b, 1)
	var n uint32
	for b.Loop() {
		p.Index(n % ListSize)
		n++
	}
}
