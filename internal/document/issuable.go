package document

import (
	"time"

	"vidimus/internal/problem"
)

// Issuable tells whether a copy of the document may be made at an instant, as
// far as measures do not block it: nil, or a refusal of kind not_found (no
// such document, nobody known) or credential_request_denied.
func (s Subject) Issuable(docNumber string, at time.Time) error {
	d := s.Document(docNumber)
	switch {
	case d == nil:
		return problem.New(problem.NotFound, "no such document")
	case s.Person == nil:
		return problem.New(problem.NotFound, "the holder of the document is not known yet")
	case s.Person.deceased(at):
		return problem.New(problem.CredentialRequestDenied, "the holder is recorded as deceased")
	case d.annulled(at):
		return problem.New(problem.CredentialRequestDenied, "the document is annulled")
	case d.surrendered(at):
		return problem.New(problem.CredentialRequestDenied, "the document was surrendered")
	case startsAfter(d.IssueDate, at):
		return problem.New(problem.CredentialRequestDenied, "the document is not issued yet")
	case endsBefore(d.ExpiryDate, at):
		return problem.New(problem.CredentialRequestDenied, "the document has expired")
	}
	return nil
}

// Issuable tells whether a copy of the document may be made at an instant:
// Subject.Issuable, and no measure holds whose effect is EffectRevokeAndBlock.
func (t Table) Issuable(s Subject, docNumber string, at time.Time) error {
	if err := s.Issuable(docNumber, at); err != nil {
		return err
	}
	docType := s.Document(docNumber).Type
	for i := range s.Measures {
		m := &s.Measures[i]
		if documentType(m.Right.Kind) == docType && t.Rule(docType, Fact(m.Kind)).Effect == EffectRevokeAndBlock && m.Holds(at) {
			return problem.New(problem.CredentialRequestDenied, "a measure against the holder allows no new copies")
		}
	}
	return nil
}
