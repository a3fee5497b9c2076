package document

import (
	"slices"
	"strings"
	"time"

	"vidimus/internal/problem"
)

func (a *application) addMeasure(s *Subject, p MeasureAdded) (bool, error) {
	r := Revision{KnownAt: a.now, Event: a.ev.ID, From: a.effective(), Orders: p.Orders}
	if err := checkOrders(p.Kind, r); err != nil {
		return false, err
	}
	if known := s.Measure(p.ID); known != nil {
		last := known.Latest()
		if known.Kind != p.Kind || known.Right != p.Right || !last.says(r) {
			return false, problem.New(problem.Conflict, "the person has another measure of this id")
		}
		return false, nil
	}
	if len(s.Measures) >= MaxMeasures {
		return false, tooMany("measures", MaxMeasures)
	}
	m := Measure{ID: p.ID, Kind: p.Kind, Right: p.Right, Revisions: []Revision{r}}
	s.Measures = append(s.Measures[:len(s.Measures):len(s.Measures)], m)
	a.measured(s, Measure{}, m)
	return true, nil
}

func (a *application) liftMeasure(s *Subject, p MeasureLifted) (bool, error) {
	return a.revise(s, p.ID, func(_ MeasureKind, r *Revision) (bool, error) {
		at := a.effective()
		// It was lifted before, or never held: an end is only moved forward.
		if r.Void || !r.Lifted.IsZero() && !at.Before(r.Lifted) {
			return false, nil
		}
		r.Lifted, r.Reason = at, p.Reason
		return true, nil
	})
}

func (a *application) correctMeasure(s *Subject, p MeasureCorrected) (bool, error) {
	return a.revise(s, p.ID, func(kind MeasureKind, r *Revision) (bool, error) {
		if r.Void {
			return false, problem.New(problem.Conflict, "an appeal against the measure was upheld: there is nothing to correct")
		}
		before := *r
		r.Orders = p.Orders
		if !p.From.IsZero() {
			r.From = kept(p.From)
		}
		return !before.says(*r), checkOrders(kind, *r)
	})
}

func (a *application) upholdAppeal(s *Subject, p AppealUpheld) (bool, error) {
	return a.revise(s, p.Measure, func(_ MeasureKind, r *Revision) (bool, error) {
		if r.Void {
			return false, nil
		}
		r.Void, r.Reason = true, p.Reason
		return true, nil
	})
}

// revise adds a revision to a measure: the last one, as change makes it.
func (a *application) revise(s *Subject, id string, change func(MeasureKind, *Revision) (bool, error)) (bool, error) {
	i, err := a.named(s, id)
	if err != nil {
		return false, err
	}
	before := s.Measures[i]
	r := before.Latest()
	r.KnownAt, r.Event = a.now, a.ev.ID
	if changed, err := change(before.Kind, &r); err != nil || !changed {
		return false, err
	}
	if len(before.Revisions) >= MaxRevisions {
		return false, problem.New(problem.Conflict, "the measure was revised %d times, which is the limit", MaxRevisions-1)
	}
	after := before
	after.Revisions = append(before.Revisions[:len(before.Revisions):len(before.Revisions)], r)
	s.Measures = slices.Clone(s.Measures)
	s.Measures[i] = after
	a.measured(s, before, after)
	return true, nil
}

// named finds the measure that an event means. After records were merged, two
// may have had the same id: a source that does not know of the merge must not
// lift the other one. Unless only the first one can be its own, the source has
// to say which: the one that was moved by its new id, the other with the number
// of the person before its id.
func (a *application) named(s *Subject, id string) (int, error) {
	at := func(id string) int {
		return slices.IndexFunc(s.Measures, func(m Measure) bool { return m.ID == id })
	}
	i := at(id)
	if i < 0 {
		if own, prefixed := strings.CutPrefix(id, s.Number+":"); prefixed {
			i = at(own)
		}
		if i < 0 {
			return 0, problem.New(problem.NotFound, "no such measure")
		}
		return i, nil
	}
	by := func(m Measure) bool { return m.Revisions[0].Event.Source == a.ev.ID.Source }
	for _, m := range s.Measures {
		if strings.HasSuffix(m.ID, ":"+id) && (by(m) || !by(s.Measures[i])) {
			return 0, problem.New(problem.Conflict, "two measures had the id %s when records were merged: name %s or %s:%s", id, m.ID, s.Number, id)
		}
	}
	return i, nil
}

// measured compares what a measure does at this instant with what it did
// before the event. A measure that holds and now orders something else begins
// anew.
func (a *application) measured(s *Subject, before, after Measure) {
	held, holds := before.Holds(a.now), after.Holds(a.now)
	o := occurrence{measure: after.ID, cause: a.ev.ID}
	last := after.Latest()
	switch {
	case holds && (!held || !last.Orders.sameScope(before.Latest().Orders)):
		o.fact, o.since = Fact(after.Kind), last.From
	case held && !holds:
		o.fact, o.since = FactMeasureEnded, a.effective()
	default:
		return
	}
	a.table.affect(&a.change, o, s.Documents, documentType(after.Right.Kind))
}

// checkOrders refuses what contradicts itself.
func checkOrders(kind MeasureKind, r Revision) error {
	for _, end := range []time.Time{r.Orders.Until, r.Orders.ConfirmBy} {
		if !end.IsZero() && !end.After(r.From) {
			return problem.New(problem.Conflict, "the measure ends before it begins")
		}
	}
	if (kind == Restriction) != (len(r.Orders.Codes) > 0) {
		return problem.New(problem.Conflict, "codes belong to a restriction, which has some")
	}
	return nil
}

// says tells whether two revisions say the same, whoever said it when.
func (r Revision) says(o Revision) bool {
	return r.From.Equal(o.From) && r.Lifted.Equal(o.Lifted) && r.Void == o.Void &&
		r.Orders.Authority == o.Orders.Authority && r.Orders.LegalBasis == o.Orders.LegalBasis &&
		r.Orders.Until.Equal(o.Orders.Until) && r.Orders.ConfirmBy.Equal(o.Orders.ConfirmBy) && r.Orders.sameScope(o.Orders)
}

// sameScope tells whether two orders do the same to a right while they hold.
func (o Orders) sameScope(p Orders) bool {
	return slices.Equal(o.Categories, p.Categories) && slices.Equal(o.Codes, p.Codes)
}
