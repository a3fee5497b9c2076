package document

import (
	"maps"
	"slices"

	"vidimus/internal/problem"
)

// errNobody: an event that changes what is known came before anything was.
var errNobody = problem.New(problem.NotFound, "nobody is known under this person number")

func (a *application) putPerson(s *Subject, p PersonPut) bool {
	next := Person{Attributes: maps.Clone(p.Attributes)}
	if s.Person != nil {
		if s.Person.Attributes.equal(p.Attributes) {
			return false
		}
		next = *s.Person
		next.Attributes = maps.Clone(p.Attributes)
		// Without attributes nothing could be issued that would be wrong now.
		if s.Person.Attributes != nil {
			a.table.affect(&a.change, a.fact(FactPersonChanged), s.Documents, "")
		}
	}
	s.Person = &next
	return true
}

func (a *application) putEntitlement(s *Subject, p EntitlementPut) (bool, error) {
	e := Entitlement{Kind: p.Kind, Territory: p.Territory, Privileges: slices.Clone(p.Privileges)}
	i := slices.IndexFunc(s.Entitlements, func(o Entitlement) bool { return o.Right() == e.Right() })
	switch {
	case i >= 0 && slices.EqualFunc(s.Entitlements[i].Privileges, e.Privileges, Privilege.equal):
		return false, nil
	case i < 0 && len(s.Entitlements) >= MaxEntitlements:
		return false, tooMany("entitlements", MaxEntitlements)
	}
	s.Entitlements = slices.Clone(s.Entitlements)
	if i < 0 {
		s.Entitlements = append(s.Entitlements, e)
	} else {
		s.Entitlements[i] = e
	}
	a.table.affect(&a.change, a.fact(FactEntitlementChanged), s.Documents, documentType(p.Kind))
	return true, nil
}

func (a *application) putDocument(s *Subject, p DocumentPut) (bool, error) {
	i := s.indexOf(p.Number)
	if i < 0 {
		if len(s.Documents) >= MaxDocuments {
			return false, tooMany("documents", MaxDocuments)
		}
		s.Documents = append(s.Documents[:len(s.Documents):len(s.Documents)], p.document(Document{}))
		return true, nil
	}
	known := s.Documents[i]
	switch {
	case known.annulled(a.now):
		// An INVALID that was published is never taken back: a document that
		// lives again has a new number.
		return false, problem.New(problem.Conflict, "the document is annulled and stays so")
	case known.surrendered(a.now):
		return false, problem.New(problem.Conflict, "the document was surrendered and stays so")
	case known.Type != p.Type:
		return false, problem.New(problem.Conflict, "the document is of type %s", known.Type)
	case p.says(known):
		return false, nil
	}
	s.Documents = slices.Clone(s.Documents)
	s.Documents[i] = p.document(known)
	o := a.fact(FactDocumentChanged)
	o.apart = true
	a.table.affect(&a.change, o, s.Documents[i:i+1], "")
	return true, nil
}

// document is what is put over what is known, which keeps its end and the loss
// of its card.
func (p DocumentPut) document(known Document) Document {
	known.Number, known.Type = p.Number, p.Type
	known.IssueDate, known.ExpiryDate = p.IssueDate, p.ExpiryDate
	known.IssuingAuthority, known.IssuingCountry = p.IssuingAuthority, p.IssuingCountry
	known.IssuingJurisdiction, known.UNDistinguishingSign = p.IssuingJurisdiction, p.UNDistinguishingSign
	known.Attributes = maps.Clone(p.Attributes)
	return known
}

// says tells whether the put says of a document what is known already.
func (p DocumentPut) says(d Document) bool {
	return p.Type == d.Type && p.IssueDate == d.IssueDate && p.ExpiryDate == d.ExpiryDate &&
		p.IssuingAuthority == d.IssuingAuthority && p.IssuingCountry == d.IssuingCountry &&
		p.IssuingJurisdiction == d.IssuingJurisdiction && p.UNDistinguishingSign == d.UNDistinguishingSign &&
		d.Attributes.equal(p.Attributes)
}

func tooMany(what string, limit int) error {
	return problem.New(problem.Conflict, "the person has %d %s, which is the limit", limit, what)
}
