package invariants

import (
	"fmt"
	"maps"
	"slices"

	"vidimus/internal/document"
)

// folded is I14: every accepted event, in the order of the audit record, goes
// through a model of its own, and what comes out is what the store has.
func (x *examination) folded(r *Result) {
	events := map[string]Accepted{}
	for _, history := range x.Histories {
		for _, a := range history {
			events[a.Source+"\x00"+a.JTI] = a
		}
	}
	w := newRegisters()
	for _, line := range x.line.accepted {
		a, there := events[line.source+"\x00"+line.jti]
		if !there || a.Token == "" {
			continue // of a wallet unit, or taken by retention
		}
		r.Seen++
		if err := w.apply(a.EventRecord); err != nil {
			r.bad("event %s of %s: %v", a.JTI, a.Source, err)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(x.Subjects)) {
		m := w.people[number]
		if x.Partial && !whole(m, x.Histories[number]) {
			continue
		}
		if m == nil {
			r.bad("%s is known, and no event speaks of them", number)
			continue
		}
		for _, d := range m.differences(x.Subjects[number]) {
			r.bad("%s: %s", number, d)
		}
	}
	for number := range w.people {
		if _, there := x.Subjects[number]; !there {
			r.bad("%s is not known, and there are events", number)
		}
	}
}

// whole tells that every event of a person is there to be folded.
func whole(m *modelPerson, history []Accepted) bool {
	if m == nil || len(history) == 0 || history[0].Outcome.Version != 1 {
		return false
	}
	return !slices.ContainsFunc(history, func(a Accepted) bool { return a.Token == "" })
}

// differences tells where the store has something else than the model.
func (m *modelPerson) differences(s document.Subject) []string {
	var out []string
	differ := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.MergedInto != m.into {
		differ("merged into %q, should be %q", s.MergedInto, m.into)
	}
	if m.into != "" {
		return out
	}
	if s.Version < m.version || s.Version > m.version && !m.loose {
		differ("at version %d, should be at %d", s.Version, m.version)
	}
	if s.Person == nil && (m.facts != nil || m.died) {
		differ("no identity facts")
	}
	if s.Person != nil {
		if s.Person.Deceased != m.died {
			differ("deceased %v, should be %v", s.Person.Deceased, m.died)
		}
		if a, b := canonical(stored(s.Person.Attributes)), canonical(m.facts); a != b {
			differ("identity facts are not those of the last event")
		}
	}
	for _, e := range s.Entitlements {
		key := e.Kind + "\x00" + e.Territory
		if got := canonical(e.Privileges); got != m.rights[key] && !m.loose {
			differ("right %s %s is not that of the last event", e.Kind, e.Territory)
		}
	}
	for key, right := range m.rights {
		if right != noPrivileges && !m.loose && !slices.ContainsFunc(s.Entitlements, func(e document.Entitlement) bool { return e.Kind+"\x00"+e.Territory == key }) {
			differ("right %q is gone", key)
		}
	}
	if len(s.Documents) != len(m.documents) {
		differ("%d documents, should be %d", len(s.Documents), len(m.documents))
	}
	for _, d := range s.Documents {
		if is := m.documents[d.Number]; is == nil {
			differ("document %s of no event", d.Number)
		} else if d.Annulled != is.annulled || d.Surrendered != is.surrendered || d.CarrierLostAt.IsZero() == is.lost || d.Type != is.Type || d.ExpiryDate != is.ExpiryDate || d.IssueDate != is.IssueDate {
			differ("document %s is not that of the last event", d.Number)
		}
	}
	if len(s.Measures) != len(m.measures) {
		differ("%d measures, should be %d", len(s.Measures), len(m.measures))
	}
	for _, measure := range s.Measures {
		is := m.measures[measure.ID]
		if is == nil || len(measure.Revisions) == 0 {
			differ("measure %s of no event", measure.ID)
			continue
		}
		last := measure.Revisions[len(measure.Revisions)-1]
		if string(measure.Kind) != is.Kind || last.Void != is.void || last.Lifted.IsZero() == is.lifted ||
			!last.Orders.Until.Equal(is.Orders.Until) || !last.Orders.ConfirmBy.Equal(is.Orders.ConfirmBy) || last.Orders.Authority != is.Orders.Authority {
			differ("measure %s is not that of the last event", measure.ID)
		}
	}
	return out
}
