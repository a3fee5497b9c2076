package elements

import (
	"time"

	"vidimus/internal/cbor"
)

// instantLayout is the only form of a tdate that is written: UTC, no fraction
// (ISO/IEC 18013-5, 7.2.1, and RFC 3339).
const instantLayout = "2006-01-02T15:04:05Z"

// day reads YYYY-MM-DD: a day of the calendar, of a year that a living person's
// document can name.
func day(s string) (time.Time, *flaw) {
	t := cbor.FullDate(s).Time()
	if t.IsZero() && s != firstDay {
		return time.Time{}, broken("not a day of the calendar")
	}
	if t.Year() < MinYear || t.Year() > MaxYear {
		return t, soft("year out of range")
	}
	return t, nil
}

// firstDay is the one whose midnight is the zero time.
const firstDay = "0001-01-01"

// instant reads an RFC 3339 instant and gives it the form that is written.
func instant(s string) (string, *flaw) {
	t, err := cbor.ParseDateTime(s)
	if err != nil {
		return "", broken("not a date and time")
	}
	if t.Year() < MinYear || t.Year() > MaxYear {
		return "", soft("year out of range")
	}
	if !t.Fraction && !t.Offset {
		return s, nil // as it is written
	}
	return t.UTC().Truncate(time.Second).Format(instantLayout), nil
}

// Day gives the midnight in UTC at which the day of a neutral date or instant
// begins. It answers false for what is neither.
func Day(value any) (time.Time, bool) {
	s, ok := value.(string)
	if !ok || len(s) < len(time.DateOnly) {
		return time.Time{}, false
	}
	if len(s) > len(time.DateOnly) {
		t, err := cbor.ParseDateTime(s)
		if err != nil {
			return time.Time{}, false
		}
		return midnight(t.Time), true
	}
	t := cbor.FullDate(s).Time()
	return t, !t.IsZero() || s == firstDay
}

// midnight is the beginning of t's day in UTC.
func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
