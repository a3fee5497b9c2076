package verifier

import (
	"fmt"
	"strings"
	"time"

	"vidimus/internal/verification"
)

// AsOf says how old a piece of knowledge is, for a person: "14:02, 3 h old". The
// date stands there when it is not of today, "not known" when nobody knows.
func AsOf(at *time.Time, now time.Time) string {
	if at == nil || at.IsZero() {
		return "not known"
	}
	now = now.In(at.Location())
	format := "15:04"
	if at.Format(time.DateOnly) != now.Format(time.DateOnly) {
		format = "2006-01-02 15:04"
	}
	return at.Format(format) + ", " + age(now.Sub(*at))
}

// age is an age in one unit.
func age(d time.Duration) string {
	switch {
	case d < -time.Minute:
		return "of the future"
	case d < time.Minute:
		return "new"
	case d < time.Hour:
		return fmt.Sprintf("%d min old", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h old", int(d.Hours()))
	}
	return fmt.Sprintf("%d days old", int(d.Hours()/24))
}

// AsOfLine says in one line how old all is that a report rests on. Times are of
// the zone of this machine.
func AsOfLine(r *verification.Report, zone *time.Location) string {
	k := r.Knowledge
	parts := make([]string, 0, 3)
	for _, p := range []struct {
		name string
		at   *time.Time
	}{{"status", k.StatusAsOf}, {"revoked signers", k.RevocationAsOf}, {"anchors", k.AnchorsAsOf}} {
		at := p.at
		if at != nil {
			local := at.In(zone)
			at = &local
		}
		if at == nil {
			parts = append(parts, p.name+" not known")
			continue
		}
		parts = append(parts, p.name+" as of "+AsOf(at, r.At))
	}
	return strings.Join(parts, "; ")
}
