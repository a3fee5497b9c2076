// Package timingtest says whether how long a function takes tells of its input: the
// test of Reparaz, Balasch and Verbauwhede ("dude, is my code constant time?"). Start
// with Constant. For tests alone.
package timingtest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const (
	// Samples are the measurements of one round, of both inputs together.
	Samples = 100_000
	// Limit is what |t| stays below where nothing is told: by chance it is above once
	// in 150,000 rounds.
	Limit = 4.5
	// rounds are tried until one is below: whoever measures on a busy machine measures
	// others too. What a function really tells, it tells in each.
	rounds = 10
	// kept is the share of measurements that are looked at: the slowest are those that
	// something interrupted.
	kept = 0.9
)

// Welch measures f with two inputs of one length in turns drawn by chance, and gives
// Welch's t of the two: how many standard errors their means lie apart.
func Welch(a, b []byte, f func([]byte)) float64 {
	inputs := [2][]byte{a, b}
	// One buffer for both, or where they lie would be measured.
	buf := make([]byte, len(a))
	turn := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	class := make([]uint8, Samples)
	took := make([]float64, Samples)
	for i := range took {
		class[i] = uint8(turn.IntN(2))
		copy(buf, inputs[class[i]])
		begin := time.Now()
		f(buf)
		took[i] = float64(time.Since(begin))
	}
	sorted := slices.Sorted(slices.Values(took))
	slowest := sorted[int(kept*Samples)]
	var n, sum, squares [2]float64
	for i, d := range took {
		if d > slowest {
			continue
		}
		c := class[i]
		n[c]++
		sum[c] += d
		squares[c] += d * d
	}
	var mean, errors [2]float64
	for c := range n {
		mean[c] = sum[c] / n[c]
		errors[c] = (squares[c]/n[c] - mean[c]*mean[c]) / n[c]
	}
	if errors[0]+errors[1] == 0 {
		return 0 // the clock is too coarse to tell anything
	}
	return (mean[0] - mean[1]) / math.Sqrt(errors[0]+errors[1])
}

// Constant fails when f takes longer with one of two inputs of one length, and gives
// the smallest |t| of its rounds.
func Constant(t testing.TB, a, b []byte, f func([]byte)) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("inputs of %d and %d bytes", len(a), len(b))
	}
	best := math.Inf(1)
	for round := 1; round <= rounds; round++ {
		if best = min(best, math.Abs(Welch(a, b, f))); best < Limit {
			t.Logf("|t| = %.2f over %d, in round %d", best, Samples, round)
			return best
		}
	}
	t.Errorf("how long it takes tells of the input: |t| = %.2f at best, limit %.1f", best, Limit)
	return best
}
