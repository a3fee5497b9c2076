package document

import (
	"time"

	"vidimus/internal/problem"
)

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
	for i := range s.Documents {
		if s.Documents[i].Number == number {
			return &s.Documents[i]
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

// Issuable tells whether a copy of the document may be made at an instant: nil,
// or a refusal of kind not_found (no such document, nobody known) or
// credential_request_denied.
func (s Subject) Issuable(docNumber string, at time.Time) error {
	d := s.Document(docNumber)
	switch {
	case d == nil:
		return problem.New(problem.NotFound, "no such document")
	case s.Person == nil:
		return problem.New(problem.NotFound, "the holder of the document is not known yet")
	case s.Person.Deceased:
		return problem.New(problem.CredentialRequestDenied, "the holder is recorded as deceased")
	case d.Annulled:
		return problem.New(problem.CredentialRequestDenied, "the document is annulled")
	case startsAfter(d.IssueDate, at):
		return problem.New(problem.CredentialRequestDenied, "the document is not issued yet")
	case endsBefore(d.ExpiryDate, at):
		return problem.New(problem.CredentialRequestDenied, "the document has expired")
	}
	return nil
}

// Driving is the set of vehicle categories that the person may drive at an
// instant: those of the entitlements of kind driving that have begun and have
// not ended, in the order as recorded. A privilege is valid through its last
// day, in UTC.
func (s Subject) Driving(at time.Time) []Privilege {
	var held []Privilege
	for _, e := range s.Entitlements {
		if e.Kind != KindDriving {
			continue
		}
		for _, p := range e.Privileges {
			if !startsAfter(p.IssueDate, at) && !endsBefore(p.ExpiryDate, at) {
				held = append(held, p)
			}
		}
	}
	return held
}

// Driving is Subject.Driving as a function.
func Driving(s Subject, at time.Time) []Privilege { return s.Driving(at) }
