package document

import (
	"strconv"
	"time"

	"vidimus/internal/problem"
)

// parseDate reads a calendar date YYYY-MM-DD, without an offset, between the
// years MinYear and MaxYear. The refusal names the field.
func parseDate(field, s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || len(s) != len(time.DateOnly) {
		return time.Time{}, problem.New(problem.InvalidRequest, "%s is not a calendar date YYYY-MM-DD", field)
	}
	if t.Year() < MinYear || t.Year() > MaxYear {
		return time.Time{}, problem.New(problem.InvalidRequest, "%s lies outside the years %s to %s", field,
			strconv.Itoa(MinYear), strconv.Itoa(MaxYear))
	}
	return t, nil
}

// startsAfter reports whether the first day, in UTC, is still to come.
// Stored dates were parsed on the way in; "" began always.
func startsAfter(date string, at time.Time) bool {
	t, err := time.Parse(time.DateOnly, date)
	return err == nil && at.Before(t)
}

// endsBefore reports whether the last day, in UTC, has passed whole; "" never
// ends.
func endsBefore(date string, at time.Time) bool {
	t, err := time.Parse(time.DateOnly, date)
	return err == nil && !at.Before(t.AddDate(0, 0, 1))
}
