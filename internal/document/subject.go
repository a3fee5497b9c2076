package document

import "time"

// Subject is all that the office knows of one person, at one version.
type Subject struct {
	// Number is the person number that the registries share, opaque to us.
	Number string `json:"number"`
	// Version counts the changes, from 1; 0 is a subject not yet heard of.
	Version      uint64        `json:"version"`
	Person       *Person       `json:"person,omitempty"`
	Entitlements []Entitlement `json:"entitlements,omitempty"`
	Documents    []Document    `json:"documents,omitempty"`
	Measures     []Measure     `json:"measures,omitempty"`
	// MergedInto is the person who has this record now: it takes no event and
	// nothing is issued from it.
	MergedInto string `json:"merged_into,omitempty"`
	// Evaluated is the instant up to which the effects of time were applied.
	Evaluated time.Time `json:"evaluated,omitzero"`
}

// Document finds a document by its number, nil when the person has none such.
// The result points into s.
func (s Subject) Document(number string) *Document {
	if i := s.indexOf(number); i >= 0 {
		return &s.Documents[i]
	}
	return nil
}

func (s *Subject) indexOf(number string) int {
	for i := range s.Documents {
		if s.Documents[i].Number == number {
			return i
		}
	}
	return -1
}

// Measure finds a measure by its id, nil when there is none. The result points
// into s.
func (s Subject) Measure(id string) *Measure {
	for i := range s.Measures {
		if s.Measures[i].ID == id {
			return &s.Measures[i]
		}
	}
	return nil
}

// Entitlement finds a right by kind and territory, nil when there is none.
// The result points into s.
func (s Subject) Entitlement(kind, territory string) *Entitlement {
	for i := range s.Entitlements {
		if s.Entitlements[i].Kind == kind && s.Entitlements[i].Territory == territory {
			return &s.Entitlements[i]
		}
	}
	return nil
}

// Holds tells whether a measure holds at an instant.
func (s Subject) Holds(m Measure, at time.Time) bool { return m.Holds(at) }
