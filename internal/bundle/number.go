package bundle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrNumber is for a publisher that no longer knows which number it gave last.
var ErrNumber = errors.New("damaged number of the last bundle")

// maxAhead bounds how far the number of a bundle may run ahead of the clock, in
// seconds: a slip of the finger must not use up the numbers of years.
const maxAhead = 366 * 24 * 3600

// Numbers is what a publisher knows of the numbers that it gave.
type Numbers struct {
	// File is what it kept (FormatNumber), nil before the first bundle.
	File []byte
	// Previous is the bundle that the next one takes the place of, nil for none.
	Previous *Bundle
	// After is the highest number that any reader has, by the word of a person who
	// looked; 0 says nothing. It replaces a file that is damaged, and never lowers
	// the number of one that is not.
	After uint64
}

// Next is the number of the next bundle: that of the second at which it is made, or
// one more than any that was given. Errors match ErrNumber.
func (n Numbers) Next(now time.Time) (uint64, error) {
	last, err := uint64(0), error(nil)
	if n.File != nil {
		if last, err = strconv.ParseUint(strings.TrimSpace(string(n.File)), 10, 63); err != nil {
			last, err = 0, fmt.Errorf("%w: %w", ErrNumber, err)
		}
	}
	if n.Previous != nil {
		last = max(last, n.Previous.Sequence)
	}
	switch {
	case n.After == 0 && err != nil:
		return 0, err
	case n.After > 0 && n.After < last:
		return 0, fmt.Errorf("%w: %d was given already, which is more than %d", ErrNumber, last, n.After)
	case n.After > uint64(max(now.Unix(), 0))+maxAhead:
		return 0, fmt.Errorf("%w: no bundle has a number like %d: numbers are seconds since 1970, and that is more than a year ahead", ErrNumber, n.After)
	}
	return NextSequence(max(last, n.After), now), nil
}

// FormatNumber is the file that keeps the number of the last bundle.
func FormatNumber(sequence uint64) []byte { return fmt.Appendf(nil, "%d\n", sequence) }
