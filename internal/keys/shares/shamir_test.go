package shares

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// subsets calls f for every choice of k of the points.
func subsets(points []point, k int, f func([]point)) {
	var choose func(from int, chosen []point)
	choose = func(from int, chosen []point) {
		if len(chosen) == k {
			f(chosen)
			return
		}
		for i := from; i < len(points); i++ {
			choose(i+1, append(chosen[:len(chosen):len(chosen)], points[i]))
		}
	}
	choose(0, nil)
}

// TestEverySubset: every M of N rebuild the secret, whatever it is and in whatever
// order; M+1 and all do too.
func TestEverySubset(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(rt, "secret")
		count := rapid.IntRange(2, 8).Draw(rt, "count")
		threshold := rapid.IntRange(2, count).Draw(rt, "threshold")
		points, err := divide(secret, threshold, count, rand.Reader)
		if err != nil {
			rt.Fatal(err)
		}
		for k := threshold; k <= count; k++ {
			subsets(points, k, func(chosen []point) {
				got, err := rebuild(rapid.Permutation(chosen).Draw(rt, "order"))
				if err != nil || !bytes.Equal(got, secret) {
					rt.Fatalf("%d points give %x, %v, want %x", k, got, err, secret)
				}
			})
		}
	})
}

func TestMostShares(t *testing.T) {
	secret := []byte{0, 0xff, 0x5a}
	points, err := divide(secret, MaxShares, MaxShares, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rebuild(points); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("%x, %v", got, err)
	}
}

// TestFewerSayNothing goes through every polynomial that there is: for each secret,
// each value of each M-1 points comes as often as every other, so that who has
// them knows what everybody knows.
func TestFewerSayNothing(t *testing.T) {
	for _, secret := range []byte{0, 1, 0x80, 0xff} {
		for x := range 3 {
			var seen [256]int
			for c := range 256 {
				points, err := divide([]byte{secret}, 2, 3, bytes.NewReader([]byte{byte(c)}))
				if err != nil {
					t.Fatal(err)
				}
				seen[points[x].y[0]]++
			}
			for v, n := range seen {
				if n != 1 {
					t.Fatalf("secret %#x: point %d is %#x %d times of 256", secret, x+1, v, n)
				}
			}
		}
		for _, pair := range [][2]int{{0, 1}, {0, 3}, {2, 3}} {
			seen := make([]int, 1<<16)
			for c := range 1 << 16 {
				points, err := divide([]byte{secret}, 3, 4, bytes.NewReader([]byte{byte(c >> 8), byte(c)}))
				if err != nil {
					t.Fatal(err)
				}
				seen[int(points[pair[0]].y[0])<<8|int(points[pair[1]].y[0])]++
			}
			for v, n := range seen {
				if n != 1 {
					t.Fatalf("secret %#x: points %v are %#x %d times of 65536", secret, pair, v, n)
				}
			}
		}
	}
}

// TestFewerLookRandom is the same question to the whole way with real randomness: the
// octets of single shares of one secret are even. The bound is one that fair
// octets pass by chance in all but one of some 10^12 runs.
func TestFewerLookRandom(t *testing.T) {
	const draws = 1 << 16
	for _, secret := range []byte{0, 0xff} {
		var seen [256]float64
		for range draws / 32 {
			points, err := divide(bytes.Repeat([]byte{secret}, 32), 3, 3, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			for _, y := range points[1].y {
				seen[y]++
			}
		}
		var chi2 float64
		for _, n := range seen {
			chi2 += (n - draws/256) * (n - draws/256) / (draws / 256)
		}
		if chi2 > 450 { // 255 degrees of freedom: 255 ± 22.6
			t.Errorf("secret %#x: chi square %.0f", secret, chi2)
		}
	}
}

// TestOneFewerRebuildsAnother: M-1 points interpolate to something that is the
// secret no more often than chance has it.
func TestOneFewerRebuildsAnother(t *testing.T) {
	secret := []byte("a secret of 32 octets, of a curve")
	points, err := divide(secret, 4, 5, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subsets(points, 3, func(chosen []point) {
		got, err := rebuild(chosen)
		if err != nil {
			t.Fatal(err)
		}
		same := 0
		for i := range got {
			if got[i] == secret[i] {
				same++
			}
		}
		if same > 8 { // of 33, where chance has 0.13
			t.Errorf("three of four rebuild %d octets of %d", same, len(secret))
		}
	})
}

func TestDivideRefuses(t *testing.T) {
	for _, c := range []struct{ threshold, count int }{{1, 3}, {0, 0}, {3, 2}, {2, MaxShares + 1}, {-1, 3}} {
		t.Run(fmt.Sprintf("%d of %d", c.threshold, c.count), func(t *testing.T) {
			if _, err := divide([]byte{1}, c.threshold, c.count, rand.Reader); err == nil {
				t.Error("divided")
			}
		})
	}
	if _, err := divide(nil, 2, 3, rand.Reader); err == nil {
		t.Error("no secret is divided")
	}
	// bad input K06: a random source that ends gives no polynomial.
	if _, err := divide([]byte{1, 2}, 2, 3, bytes.NewReader([]byte{7})); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	for name, points := range map[string][]point{
		"one":       {{1, []byte{1}}},
		"one twice": {{1, []byte{1}}, {1, []byte{1}}},
		"zero":      {{0, []byte{1}}, {1, []byte{1}}},
		"lengths":   {{1, []byte{1}}, {2, []byte{1, 2}}},
	} {
		if _, err := rebuild(points); err == nil {
			t.Errorf("%s: rebuilt", name)
		}
	}
}
