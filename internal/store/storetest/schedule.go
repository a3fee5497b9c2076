package storetest

import (
	"errors"
	"io"
	"time"
)

// spread makes flips that are not urgent due a minute apart, each later than
// the one before: the minute is drawn from a counter of the schedule.
type spread struct{ *minutes }

type minutes struct{ n int }

// Due implements status.Schedule. A store asks one step at a time.
func (s spread) Due(now time.Time, urgent bool, _ time.Time, _ io.Reader) (time.Time, bool, error) {
	if urgent {
		return now, false, nil
	}
	s.n++
	return now.Add(time.Duration(s.n) * time.Minute), false, nil
}

var errSchedule = errors.New("no schedule")

// failing is a schedule that cannot draw.
type failing struct{}

// Due implements status.Schedule.
func (failing) Due(time.Time, bool, time.Time, io.Reader) (time.Time, bool, error) {
	return time.Time{}, false, errSchedule
}
