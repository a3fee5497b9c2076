package document

import "time"

// Advance applies the effects of time alone: measures that begin, end or
// lapse between s.Evaluated and now. Change.Applied tells whether the state
// of some right or document is another one, and then the version has grown,
// by one for each instant. To advance in many steps or in one is the same.
func (t Table) Advance(s Subject, now time.Time) (Subject, Change) {
	var c Change
	return t.advance(s, now, &c), c
}

func (t Table) advance(s Subject, now time.Time, c *Change) Subject {
	for {
		at := s.Next()
		if at.IsZero() || at.After(now) {
			return s
		}
		s.eachTurn(func(turn turn) {
			if turn.since.Equal(at) {
				t.affect(c, turn.occurrence, s.concerned(turn.document), turn.docType)
			}
		})
		c.Applied = true
		s.Version++
		s.Evaluated = at
	}
}

// Next is the first instant after s.Evaluated at which time changes the
// state; zero when it never does. The dates of privileges and documents do not
// count: they stand in the copies, or bound their validity.
func (s Subject) Next() time.Time {
	var next time.Time
	s.eachTurn(func(turn turn) {
		if turn.since.After(s.Evaluated) && (next.IsZero() || turn.since.Before(next)) {
			next = turn.since
		}
	})
	return next
}

// turn is an instant at which a fact begins, as far as is known last, and the
// documents that it concerns: one, those of a type, or all.
type turn struct {
	occurrence
	document, docType string
}

// eachTurn yields the turns of a subject. Those whose event was not kept, by
// an earlier release, had their effect then.
func (s *Subject) eachTurn(yield func(turn)) {
	for i := range s.Measures {
		m := &s.Measures[i]
		r := m.Latest()
		from, until, ok := r.Span()
		if !ok {
			continue
		}
		docType := documentType(m.Right.Kind)
		yield(turn{occurrence{fact: Fact(m.Kind), measure: m.ID, since: from, cause: r.Event}, "", docType})
		if !until.IsZero() {
			yield(turn{occurrence{fact: FactMeasureEnded, measure: m.ID, since: until, cause: r.Event}, "", docType})
		}
	}
	for i := range s.Documents {
		d := &s.Documents[i]
		if d.Annulled && d.AnnulledBy != (EventID{}) {
			yield(turn{occurrence{fact: FactDocumentAnnulled, since: d.AnnulledAt, cause: d.AnnulledBy, apart: true}, d.Number, ""})
		}
		if d.Surrendered && d.SurrenderedBy != (EventID{}) {
			yield(turn{occurrence{fact: FactDocumentSurrendered, since: d.SurrenderedAt, cause: d.SurrenderedBy, apart: true}, d.Number, ""})
		}
	}
	if p := s.Person; p != nil && p.Deceased && p.DeceasedBy != (EventID{}) {
		yield(turn{occurrence: occurrence{fact: FactPersonDied, since: p.DeceasedAt, cause: p.DeceasedBy}})
	}
}

// concerned is the document of a number, or every one.
func (s *Subject) concerned(number string) []Document {
	if number == "" {
		return s.Documents
	}
	i := s.indexOf(number)
	return s.Documents[i : i+1]
}
