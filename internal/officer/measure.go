package officer

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/problem"
)

// Draft is a measure that an officer writes.
type Draft struct {
	Kind  document.MeasureKind
	Right document.Right
	// From is when it begins, past or future; Until is the end, exclusive, and
	// ConfirmBy when it lapses unless it is confirmed; zero for none.
	From, Until, ConfirmBy time.Time
	Authority, LegalBasis  string
	// Categories are the vehicle categories concerned; none means all.
	Categories []string
	// Codes are the conditions of a restriction, such as 01.06.
	Codes []string
	// Reference is the number of the decision.
	Reference string
}

// Check refuses what the inbox would refuse, field by field, so that it is
// refused to the one who can mend it and not to the one who confirms.
func (d Draft) Check(now time.Time) error {
	var bad Invalid
	if !slices.Contains(document.MeasureKinds(), d.Kind) {
		bad.add("kind", "kind-missing")
	}
	if d.Right.Kind != document.KindDriving || !territory(d.Right.Territory) {
		bad.add("territory", "territory-form")
	}
	checkInstant(&bad, "from", d.From, now, true)
	checkInstant(&bad, "until", d.Until, now, false)
	checkInstant(&bad, "confirm_by", d.ConfirmBy, now, false)
	if !d.Until.IsZero() && !d.Until.After(d.From) {
		bad.add("until", "ends-before-begin")
	}
	if !d.ConfirmBy.IsZero() && !d.ConfirmBy.After(d.From) {
		bad.add("confirm_by", "ends-before-begin")
	}
	if d.Authority == "" {
		bad.add("authority", "authority-missing")
	} else if !plain(d.Authority, MaxText) {
		bad.add("authority", "text-form")
	}
	if d.LegalBasis != "" && !plain(d.LegalBasis, MaxText) {
		bad.add("legal_basis", "text-form")
	}
	if !list(d.Categories) {
		bad.add("categories", "list-form")
	}
	switch restricts := d.Kind == document.Restriction; {
	case restricts && len(d.Codes) == 0:
		bad.add("codes", "codes-missing")
	case !restricts && len(d.Codes) > 0:
		bad.add("codes", "codes-unwanted")
	case !list(d.Codes):
		bad.add("codes", "list-form")
	}
	checkReference(&bad, d.Reference, true)
	return bad.err()
}

// checkInstant bounds when something begins or ends.
func checkInstant(bad *Invalid, field string, t, now time.Time, needed bool) {
	switch {
	case t.IsZero() && needed:
		bad.add(field, "time-missing")
	case !t.IsZero() && (t.Year() < document.MinYear || t.After(now.AddDate(MaxReach, 0, 0))):
		bad.add(field, "time-range")
	case field == "from" && t.After(now.AddDate(maxBegin, 0, 0)):
		bad.add(field, "time-range")
	}
}

// list accepts short plain words, each once.
func list(words []string) bool {
	for i, w := range words {
		if !plain(w, 16) || slices.Contains(words[:i], w) {
			return false
		}
	}
	return len(words) <= maxList
}

// territory has the form of ISO 3166-1 alpha-2 or ISO 3166-2.
func territory(s string) bool {
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	country, part, divided := strings.Cut(s, "-")
	return len(country) == 2 && within(country, 2, upper) &&
		(!divided || within(part, 3, func(c byte) bool { return upper(c) || c >= '0' && c <= '9' }))
}

// payload is the event's own part, as the registries write it.
func (d Draft) payload(id string) ([]byte, error) {
	added := document.MeasureAdded{ID: id, Kind: d.Kind, Right: d.Right, Orders: document.Orders{
		Authority: d.Authority, LegalBasis: d.LegalBasis, Until: utc(d.Until), ConfirmBy: utc(d.ConfirmBy), Categories: d.Categories,
	}}
	for _, c := range d.Codes {
		added.Orders.Codes = append(added.Orders.Codes, document.Code{Code: c})
	}
	return json.Marshal(added)
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// Lift is the end of one measure.
type Lift struct {
	Measure string // id
	// From is the instant from which it no longer holds.
	From      time.Time
	Reason    string
	Reference string
}

// Check is as that of a Draft, for a measure of s. Refusals: also NotFound and
// Conflict.
func (d Lift) Check(s document.Subject, now time.Time) error {
	m := s.Measure(d.Measure)
	if m == nil {
		return problem.New(problem.NotFound, "no such measure")
	}
	var bad Invalid
	checkInstant(&bad, "from", d.From, now, true)
	last := m.Latest()
	switch {
	case last.Void || !last.Lifted.IsZero() && !d.From.Before(last.Lifted):
		return problem.New(problem.Conflict, "the measure has ended already")
	case !d.From.IsZero() && d.From.Before(last.From):
		bad.add("from", "lift-before-begin")
	}
	if d.Reason == "" {
		bad.add("reason", "reason-missing")
	} else if !plain(d.Reason, MaxText) {
		bad.add("reason", "text-form")
	}
	checkReference(&bad, d.Reference, true)
	return bad.err()
}

// FieldsOf gives what is wrong with a form, nil when err is no such refusal.
func FieldsOf(err error) []FieldError {
	var bad *Invalid
	if errors.As(err, &bad) {
		return bad.Fields
	}
	return nil
}
