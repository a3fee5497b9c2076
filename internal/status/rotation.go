package status

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// A list of KindIdentifier grows with what is revoked, and has to stay within
// what a reader takes (10,000) even when every copy is and noise goes on.
const (
	identifierCapacity = 8192
	identifierLimit    = 10_000
)

// Capacity is up to how many indices, given out, passed over or taken for
// noise, a list is open: 95 % of its size.
func (l List) Capacity() int {
	if l.Kind == KindIdentifier {
		return identifierCapacity
	}
	return ListSize / 100 * 95
}

// Limit is how many indices, given out, passed over or taken for noise, a list
// has at most, open or closed.
func (l List) Limit() int {
	if l.Kind == KindIdentifier {
		return identifierLimit
	}
	return ListSize
}

// progress goes from 0 to 1 while a list is open: by its age, or by what it
// has given out when that is more.
func (l List) progress(now time.Time, rotate time.Duration) float64 {
	p := float64(l.Allocated+l.Cover) / float64(l.Capacity())
	if rotate > 0 {
		p = max(p, float64(now.Sub(l.Created))/float64(rotate))
	}
	return min(max(p, 0), 1)
}

// Done says that a list gives out no more indices: it is full, or older than
// rotate (0: it has all time).
func (l List) Done(now time.Time, rotate time.Duration) bool { return l.progress(now, rotate) >= 1 }

// share is the weight of an open list when a list is drawn for a copy: it
// swells and fades (sin², and a little), and the sum over lists that follow
// each other evenly is always the same. The lists of a copy tell when it was
// issued, and copies of one document were issued together: were a list open at
// once and closed at once, flips in it would be linked by that.
func (l List) share(now time.Time, rotate time.Duration) uint64 {
	s := math.Sin(math.Pi * l.progress(now, rotate))
	return 1 + uint64(1000*s*s)
}

// Draw draws the lists for n copies among those that are open, each copy for
// itself, and gives their places in lists.
func Draw(lists []List, n int, now time.Time, rotate time.Duration, random io.Reader) ([]int, error) {
	if len(lists) == 0 {
		return nil, errors.New("status: no list is open")
	}
	upTo, sum := make([]uint64, len(lists)), uint64(0)
	for i, l := range lists {
		sum += l.share(now, rotate)
		upTo[i] = sum
	}
	seeds := make([]byte, 8*n)
	if _, err := io.ReadFull(random, seeds); err != nil {
		return nil, fmt.Errorf("drawing lists: %w", err)
	}
	drawn := make([]int, n)
	for i := range drawn {
		at, _ := bits.Mul64(binary.BigEndian.Uint64(seeds[8*i:]), sum)
		for upTo[drawn[i]] <= at { // ends: at is below the last one, the sum
			drawn[i]++
		}
	}
	return drawn, nil
}

// Openings gives the Created of the lists to be opened now, so that n are open
// of which there are so many. The first ones are as if they followed each other
// evenly, none of them new, so that copies go to all; from then on each takes
// the place of one that is done.
func Openings(open, n int, now time.Time, rotate time.Duration) []time.Time {
	var created []time.Time
	for i := range max(0, n-open) {
		at := now
		if open == 0 && n > 1 {
			at = now.Add(-time.Duration(2*i+1) * (rotate / time.Duration(2*n)))
		}
		created = append(created, at)
	}
	return created
}
