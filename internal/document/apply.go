package document

import (
	"maps"
	"slices"

	"vidimus/internal/problem"
)

// Change is what an event does beside the new state.
type Change struct {
	// Applied is false when the event said what was known already: the state
	// and its version stay.
	Applied bool
	// Revoke names the documents of which every copy is revoked, those being
	// issued at this moment included.
	Revoke []string
}

// Apply computes the state after an event. s is not changed and shares no
// memory that a caller may write with the result. A subject that was not heard
// of yet is Subject{Number: ev.Subject}. The payload must have been parsed by
// ParsePayload. Refusals are of kind not_found and conflict.
func Apply(s Subject, ev Event) (Subject, Change, error) {
	if s.Number != ev.Subject {
		return Subject{}, Change{}, problem.New(problem.Internal, "event of another subject")
	}
	next := s
	next.Entitlements = slices.Clone(s.Entitlements)
	next.Documents = slices.Clone(s.Documents)
	var (
		change Change
		err    error
	)
	switch p := ev.Payload.(type) {
	case PersonPut:
		deceased := s.Person != nil && s.Person.Deceased
		next.Person = &Person{Attributes: maps.Clone(p.Attributes), Deceased: deceased}
		change.Applied = true
	case EntitlementPut:
		change, err = putEntitlement(&next, p)
	case DocumentPut:
		change, err = putDocument(&next, p)
	case DocumentAnnulled:
		change, err = annul(&next, p, ev)
	default:
		err = problem.New(problem.InvalidRequest, "this event is not supported yet")
	}
	if err != nil {
		return Subject{}, Change{}, err
	}
	if !change.Applied {
		return s, change, nil
	}
	next.Version++
	return next, change, nil
}

func putEntitlement(s *Subject, p EntitlementPut) (Change, error) {
	e := Entitlement{Kind: p.Kind, Territory: p.Territory, Privileges: slices.Clone(p.Privileges)}
	if known := s.Entitlement(p.Kind, p.Territory); known != nil {
		*known = e
		return Change{Applied: true}, nil
	}
	if len(s.Entitlements) >= MaxEntitlements {
		return Change{}, problem.New(problem.Conflict, "the person has %d entitlements, which is the limit", MaxEntitlements)
	}
	s.Entitlements = append(s.Entitlements, e)
	return Change{Applied: true}, nil
}

func putDocument(s *Subject, p DocumentPut) (Change, error) {
	d := Document{
		Number: p.Number, Type: p.Type, IssueDate: p.IssueDate, ExpiryDate: p.ExpiryDate,
		IssuingAuthority: p.IssuingAuthority, IssuingCountry: p.IssuingCountry,
		IssuingJurisdiction: p.IssuingJurisdiction, UNDistinguishingSign: p.UNDistinguishingSign,
		Attributes: maps.Clone(p.Attributes),
	}
	known := s.Document(p.Number)
	switch {
	case known == nil && len(s.Documents) >= MaxDocuments:
		return Change{}, problem.New(problem.Conflict, "the person has %d documents, which is the limit", MaxDocuments)
	case known == nil:
		s.Documents = append(s.Documents, d)
	case known.Annulled:
		// An INVALID that was published is never taken back: a document that
		// lives again has a new number.
		return Change{}, problem.New(problem.Conflict, "the document is annulled and stays so")
	case known.Type != p.Type:
		return Change{}, problem.New(problem.Conflict, "the document is of type %s", known.Type)
	default:
		*known = d
	}
	return Change{Applied: true}, nil
}

func annul(s *Subject, p DocumentAnnulled, ev Event) (Change, error) {
	known := s.Document(p.Number)
	if known == nil {
		return Change{}, problem.New(problem.NotFound, "no such document")
	}
	change := Change{Revoke: []string{p.Number}}
	if known.Annulled {
		return change, nil
	}
	known.Annulled, known.AnnulledAt, known.AnnulledReason = true, ev.Effective.UTC(), p.Reason
	change.Applied = true
	return change, nil
}
