package status

import (
	"bytes"
	"crypto/rand"
	"math"
	"slices"
	"sync"
	"testing"
	"time"
)

// spearman is the rank correlation of a series with its own order.
func spearman(series []uint32) float64 {
	order := make([]int, len(series))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(series[a]) - int(series[b]) })
	n, sum := float64(len(series)), 0.0
	for rank, i := range order {
		d := float64(rank - i)
		sum += d * d
	}
	return 1 - 6*sum/(n*(n*n-1))
}

func TestAllocation(t *testing.T) {
	// The order of the indices has nothing to do with the order in which they
	// are given, and no two of a batch are neighbours. For 20,000 indices the
	// correlation of chance has a deviation of 0.007.
	t.Run("S17", func(t *testing.T) {
		p := newPermutation(t, 9)
		var all []uint32
		counter := uint32(0)
		for range 1000 {
			batch, next, ok := p.Take(counter, 20)
			if !ok {
				t.Fatal("full")
			}
			sorted := slices.Sorted(slices.Values(batch))
			for i := 1; i < len(sorted); i++ {
				if sorted[i]-sorted[i-1] < 2 {
					t.Fatalf("neighbours in a batch: %v", sorted)
				}
			}
			all, counter = append(all, batch...), next
		}
		if r := spearman(all); math.Abs(r) > 0.03 {
			t.Errorf("correlation %.4f", r)
		}
		slices.Sort(all) // the measure itself
		if r := spearman(all); r < 0.999 {
			t.Errorf("correlation of a rising series is %.4f", r)
		}
	})
	// 10,000 allocations from 64 sides, of which 1,000 die after the counter
	// was moved: no index twice, and none of the noise.
	t.Run("S18", func(t *testing.T) {
		p := newPermutation(t, 4)
		seen := map[uint32]bool{}
		for n := range uint32(5000) {
			seen[p.Noise(n)] = true
		}
		var mu sync.Mutex
		var together sync.WaitGroup
		counter, twice := uint32(0), 0
		for side := range 64 {
			together.Go(func() {
				for n := range 10000 / 64 {
					mu.Lock()
					indices, next, ok := p.Take(counter, 20)
					counter = next
					mu.Unlock()
					if !ok || (n+side)%10 == 0 {
						continue
					}
					mu.Lock()
					for _, i := range indices {
						if seen[i] {
							twice++
						}
						seen[i] = true
					}
					mu.Unlock()
				}
			})
		}
		together.Wait()
		if twice != 0 || len(seen) < 5000+8000*20 {
			t.Errorf("%d indices twice, %d in all", twice, len(seen))
		}
	})
}

func TestIdentifier(t *testing.T) {
	a, b := Identifier(key(1), 7), Identifier(key(1), 8)
	if len(a) != 16 || bytes.Equal(a, b) || bytes.Equal(a, Identifier(key(2), 7)) || !bytes.Equal(a, Identifiers(key(1), []uint32{8, 7})[1]) {
		t.Errorf("%x %x", a, b)
	}
}

func TestDue(t *testing.T) {
	s := NewSchedule(time.Minute, 90*time.Second, 24*time.Hour) // windows of two minutes
	at := func(clock string) time.Time {
		v, err := time.Parse(time.RFC3339, "2026-06-15T"+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now, far := at("10:00:30"), at("10:00:30").AddDate(0, 0, 14)
	seen := map[time.Time]int{}
	for range 4000 {
		due, leave, err := s.Due(now, false, far, rand.Reader)
		if err != nil || leave {
			t.Fatal(leave, err)
		}
		seen[due]++
	}
	if len(seen) != 2 || seen[at("10:02:00")] < 1800 || seen[at("10:03:00")] < 1800 {
		t.Errorf("due at %v", seen)
	}
	for _, c := range []struct {
		urgent  bool
		expires time.Time
		leave   bool
	}{
		{false, now.Add(24*time.Hour + time.Second), false}, {false, now.Add(24 * time.Hour), true}, {false, now, true},
		{true, now.Add(time.Second), false}, {true, now.Add(-time.Minute), false}, {true, now.Add(-2 * time.Hour), true},
		{false, time.Time{}, false}, {true, time.Time{}, false},
	} {
		due, leave, err := s.Due(now, c.urgent, c.expires, rand.Reader)
		if err != nil || leave != c.leave || c.urgent && !due.Equal(now) {
			t.Errorf("%+v: %s, %v, %v", c, due, leave, err)
		}
	}
	// What ends within the next window is not worth it either.
	if _, leave, _ := NewSchedule(time.Minute, time.Hour, 0).Due(now, false, at("11:59:59"), rand.Reader); !leave {
		t.Error("flipped though it expires in the window")
	}
	due, leave, err := NewSchedule(time.Minute, 0, 0).Due(now, false, far, rand.Reader)
	if !due.Equal(at("10:01:00")) || leave || err != nil {
		t.Errorf("without mixing: %s", due)
	}
	if _, _, err := s.Due(now, false, far, bytes.NewReader(nil)); err == nil {
		t.Error("no randomness is no error")
	}
	if _, begin, end := s.Window(time.Unix(-1, 0)); !begin.Equal(time.Unix(-120, 0)) || !end.Equal(time.Unix(0, 0)) {
		t.Errorf("before 1970: %s %s", begin, end)
	}
}

func TestRotation(t *testing.T) {
	rotate := 80 * 24 * time.Hour
	var lists []List
	for i, created := range Openings(0, 8, time.Unix(1e9, 0), rotate) {
		lists = append(lists, List{Created: created})
		if age := time.Unix(1e9, 0).Sub(created); age != time.Duration(2*i+1)*rotate/16 {
			t.Errorf("list %d begins at the age of %s", i, age)
		}
	}
	now := time.Unix(1e9, 0)
	if lists[7].Done(now, rotate) || !lists[7].Done(now.Add(rotate/8), rotate) || lists[7].Done(now.AddDate(9, 0, 0), 0) {
		t.Error("lists are not done in time")
	}
	if got := Openings(7, 8, now, rotate); len(got) != 1 || !got[0].Equal(now) || len(Openings(8, 8, now, rotate)) != 0 {
		t.Errorf("%v", got)
	}
	if got := Openings(0, 1, now, rotate); len(got) != 1 || !got[0].Equal(now) {
		t.Errorf("one list alone begins at %v", got)
	}
	all, err := Draw(lists, 8000, now, rotate, rand.Reader)
	if err != nil || len(all) != 8000 {
		t.Fatal(len(all), err)
	}
	drawn := make([]int, 8)
	for _, i := range all {
		drawn[i]++
	}
	if drawn[0] < 30 || drawn[0] > 140 || drawn[4] < 1700 || drawn[4] > 2300 || drawn[2] < 1200 || drawn[2] > 1600 {
		t.Errorf("drawn %v", drawn)
	}
	full := List{Allocated: ListSize / 100 * 94, Cover: ListSize / 100}
	if !full.Done(now, 0) || (List{Kind: KindIdentifier, Allocated: 8191}).Done(now, 0) || !(List{Kind: KindIdentifier, Allocated: 8192}).Done(now, 0) {
		t.Error("full lists")
	}
	if (List{}).Limit() != ListSize || (List{Kind: KindIdentifier}).Limit() != 10_000 {
		t.Error("limits")
	}
	if _, err := Draw(nil, 1, now, rotate, rand.Reader); err == nil {
		t.Error("drawn from none")
	}
}
