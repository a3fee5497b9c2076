package rotation

import "time"

// Level is how near an end is.
type Level int

// The levels, in their order.
const (
	Quiet Level = iota
	Month       // 30 days or less
	Week        // 7 days or less
	Day         // a day or less
	Over        // it has come
)

const day = 24 * time.Hour

var thresholds = []struct {
	left  time.Duration
	level Level
	word  string
}{{0, Over, "over"}, {day, Day, "1 day"}, {7 * day, Week, "7 days"}, {30 * day, Month, "30 days"}}

// Alarm gives the level of an end at an instant.
func Alarm(end, at time.Time) Level {
	left := end.Sub(at)
	for _, t := range thresholds {
		if left <= t.left {
			return t.level
		}
	}
	return Quiet
}

// Rises is when the level of an end will rise next; the zero time when the end has
// come.
func Rises(end, at time.Time) time.Time {
	for i := len(thresholds) - 1; i >= 0; i-- {
		if rises := end.Add(-thresholds[i].left); rises.After(at) {
			return rises
		}
	}
	return time.Time{}
}

// String is the level as alarms name it: "30 days", "7 days", "1 day", "over".
func (l Level) String() string {
	for _, t := range thresholds {
		if t.level == l {
			return t.word
		}
	}
	return "quiet"
}
