package consolehttp

import (
	"strings"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/i18n"
)

// measureView is a measure as it is known now.
type measureView struct {
	document.Measure
	document.Revision
	Kind       string // in words
	State      string // key: holds, later, ended or void
	Categories string
	Codes      string
	MayLift    bool
}

func (f *frame) measure(m document.Measure, now time.Time) measureView {
	last := m.Latest()
	v := measureView{
		Measure: m, Revision: last, Kind: f.T("measure-kind." + string(m.Kind)), State: measureState(m, now),
		Categories: strings.Join(last.Orders.Categories, ", "), Codes: codes(last.Orders.Codes),
	}
	if v.Categories == "" {
		v.Categories = f.T("measure.all-categories")
	}
	v.MayLift = (v.State == "holds" || v.State == "later") && last.Lifted.IsZero()
	return v
}

// measureState says how a measure stands at an instant.
func measureState(m document.Measure, now time.Time) string {
	last := m.Latest()
	switch {
	case last.Void:
		return "void"
	case m.Holds(now):
		return "holds"
	case last.From.After(now) && (last.Lifted.IsZero() || last.Lifted.After(last.From)):
		return "later"
	}
	return "ended"
}

// word is a word of a list that registries may add to: in the catalogue, or as
// it is.
func (f *frame) word(prefix, w string) string {
	if key := prefix + w; i18n.Has(key) {
		return f.T(key)
	}
	return w
}
