package document

import (
	"cmp"
	"slices"
	"time"
)

// Driving is the set of vehicle categories that the person may drive at an
// instant: those of the entitlements of kind driving that have begun and have
// not ended, in the order as recorded, without those that a measure takes away
// which holds then, and with the codes of the restrictions that do. A
// privilege is valid through its last day, in UTC.
//
// It does not ask the Table: whatever a measure does to the copies that exist,
// none is made that says more than its holder may.
func (s Subject) Driving(at time.Time) []Privilege {
	var held []Privilege
	for _, e := range s.Entitlements {
		if e.Kind != KindDriving {
			continue
		}
		right := e.Right()
		for _, p := range e.Privileges {
			if startsAfter(p.IssueDate, at) || endsBefore(p.ExpiryDate, at) {
				continue
			}
			if p, ok := s.measured(p, right, at); ok {
				held = append(held, p)
			}
		}
	}
	return held
}

// measured is a privilege as the measures leave it.
func (s Subject) measured(p Privilege, right Right, at time.Time) (Privilege, bool) {
	own := len(p.Codes)
	for i := range s.Measures {
		m := &s.Measures[i]
		if !m.Holds(at) || !m.concerns(right, p.Category) {
			continue
		}
		if m.Kind != Restriction {
			return Privilege{}, false
		}
		for _, code := range m.Latest().Orders.Codes {
			if !slices.Contains(p.Codes, code) {
				p.Codes = append(p.Codes[:len(p.Codes):len(p.Codes)], code)
			}
		}
	}
	// The codes of restrictions come in an order that does not tell which
	// measure was recorded first.
	slices.SortFunc(p.Codes[own:], compareCodes)
	return p, true
}

func compareCodes(a, b Code) int {
	return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Sign, b.Sign), cmp.Compare(a.Value, b.Value))
}

// Driving is Subject.Driving as a function.
func Driving(s Subject, at time.Time) []Privilege { return s.Driving(at) }
