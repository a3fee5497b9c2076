package document

import (
	"slices"
	"time"
)

// AsKnown is what the office knew at an instant of the measures, of death and
// of the ends of documents. What a put replaced is not kept here: the history
// of events has it.
func (s Subject) AsKnown(at time.Time) Subject {
	known := s
	known.Measures = nil
	for _, m := range s.Measures {
		n, _ := slices.BinarySearchFunc(m.Revisions, at, func(r Revision, at time.Time) int {
			if r.KnownAt.After(at) {
				return 1
			}
			return -1
		})
		if n > 0 {
			m.Revisions = m.Revisions[:n:n]
			known.Measures = append(known.Measures, m)
		}
	}
	if p := s.Person; p != nil && p.Deceased && p.DeceasedKnown.After(at) {
		alive := *p
		alive.Deceased, alive.DeceasedAt, alive.DeceasedKnown, alive.DeceasedBy = false, time.Time{}, time.Time{}, EventID{}
		known.Person = &alive
	}
	known.Documents = slices.Clone(s.Documents)
	for i := range known.Documents {
		d := &known.Documents[i]
		if d.AnnulledKnown.After(at) {
			d.Annulled, d.AnnulledAt, d.AnnulledReason, d.AnnulledKnown, d.AnnulledBy = false, time.Time{}, "", time.Time{}, EventID{}
		}
		if d.SurrenderedKnown.After(at) {
			d.Surrendered, d.SurrenderedAt, d.SurrenderedReason, d.SurrenderedKnown, d.SurrenderedBy = false, time.Time{}, "", time.Time{}, EventID{}
		}
	}
	if known.Evaluated.After(at) {
		known.Evaluated = at
	}
	return known
}
