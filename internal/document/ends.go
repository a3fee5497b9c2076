package document

import (
	"slices"
	"time"

	"vidimus/internal/problem"
)

// An end that was known before is nothing new, but its copies are named again:
// the answer to a repeated word is not to be that there were none. An earlier
// instant than the known one takes its place.

func (a *application) died(s *Subject) (bool, error) {
	if s.Version == 0 {
		return false, errNobody
	}
	at := a.effective()
	if s.Person != nil && s.Person.Deceased && !at.Before(s.Person.DeceasedAt) {
		a.again(s.Person.deceased(a.now), FactPersonDied, s.Documents)
		return false, nil
	}
	var p Person
	if s.Person != nil {
		p = *s.Person
	}
	p.Deceased, p.DeceasedAt, p.DeceasedKnown, p.DeceasedBy = true, at, a.now, a.ev.ID
	s.Person = &p
	if p.deceased(a.now) {
		a.table.affect(&a.change, a.fact(FactPersonDied), s.Documents, "")
	}
	return true, nil
}

func (a *application) annul(s *Subject, p DocumentAnnulled) (bool, error) {
	d, at, err := a.ending(s, p.Number)
	if err != nil {
		return false, err
	}
	if d[0].Annulled && !at.Before(d[0].AnnulledAt) {
		a.again(d[0].annulled(a.now), FactDocumentAnnulled, d)
		return false, nil
	}
	d[0].Annulled, d[0].AnnulledAt, d[0].AnnulledReason = true, at, p.Reason
	d[0].AnnulledKnown, d[0].AnnulledBy = a.now, a.ev.ID
	a.ended(d[0].annulled(a.now), FactDocumentAnnulled, d)
	return true, nil
}

func (a *application) surrender(s *Subject, p DocumentSurrendered) (bool, error) {
	d, at, err := a.ending(s, p.Number)
	if err != nil {
		return false, err
	}
	if d[0].Surrendered && !at.Before(d[0].SurrenderedAt) {
		a.again(d[0].surrendered(a.now), FactDocumentSurrendered, d)
		return false, nil
	}
	d[0].Surrendered, d[0].SurrenderedAt, d[0].SurrenderedReason = true, at, p.Reason
	d[0].SurrenderedKnown, d[0].SurrenderedBy = a.now, a.ev.ID
	a.ended(d[0].surrendered(a.now), FactDocumentSurrendered, d)
	return true, nil
}

func (a *application) loseCarrier(s *Subject, p DocumentCarrierLost) (bool, error) {
	d, at, err := a.ending(s, p.Number)
	if err != nil {
		return false, err
	}
	if d[0].CarrierLostAt.Equal(at) && d[0].CarrierLostReason == p.Reason {
		return false, nil
	}
	d[0].CarrierLostAt, d[0].CarrierLostReason = at, p.Reason
	a.ended(true, FactDocumentCarrierLost, d)
	return true, nil
}

// ending finds a document, in a list that may be written.
func (a *application) ending(s *Subject, number string) (d []Document, at time.Time, err error) {
	i := s.indexOf(number)
	if i < 0 {
		return nil, at, problem.New(problem.NotFound, "no such document")
	}
	s.Documents = slices.Clone(s.Documents)
	return s.Documents[i : i+1], a.effective(), nil
}

func (a *application) ended(now bool, f Fact, d []Document) {
	if now {
		o := a.fact(f)
		o.apart = true
		a.table.affect(&a.change, o, d, "")
	}
}

// again names copies once more and tells nobody.
func (a *application) again(now bool, f Fact, docs []Document) {
	if now {
		told := a.change.Notices
		a.table.affect(&a.change, a.fact(f), docs, "")
		a.change.Notices = told
	}
}
