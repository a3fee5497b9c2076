package registry

import (
	"slices"

	"vidimus/internal/document"
	"vidimus/internal/problem"
)

// maySend reports whether the matrix lets the source send events of this name.
func (s Source) maySend(name string) bool { return slices.Contains(s.Events, name) }

// maySay checks what the payload itself tells: the type of a document, the
// kind of a right, the kind of a measure. The source said it, so a refusal repeats
// it, with the key under which the office would have to name it; what only the
// state tells is not repeated.
func (s Source) maySay(p document.Payload) error {
	switch p := p.(type) {
	case document.DocumentPut:
		return named(s.ofDocument(p.Type), "type", p.Type, "document_types")
	case document.EntitlementPut:
		return named(s.ofRight(p.Kind), "kind", p.Kind, "entitlements")
	case document.MeasureAdded:
		if slices.Contains(s.Measures, p.Kind) {
			return named(s.ofRight(p.Right.Kind), "kind", p.Right.Kind, "entitlements")
		}
		return named(s.ofMeasure(p.Kind, p.Right), "kind", string(p.Kind), "measures")
	}
	return nil
}

// named adds to a refusal what was said and the key of the source in the office's
// configuration.
func named(refusal error, what, said, key string) error {
	if refusal == nil {
		return nil
	}
	return problem.New(problem.AccessDenied, "%s: %s %.64q is not in %s of its entry in the office's sources", problem.Detail(refusal), what, said, key)
}

// maySayOf checks what only the state tells: the type of a document that is
// known already, the kind of a measure that is. What is not known is for
// document.Table.Apply to refuse.
func (s Source) maySayOf(subjects []document.Subject, p document.Payload) error {
	if len(subjects) == 0 {
		return nil
	}
	number, measure := "", ""
	switch p := p.(type) {
	case document.PersonSplit:
		return s.maySplit(subjects[0], p)
	case document.DocumentPut:
		number = p.Number
	case document.DocumentSurrendered:
		number = p.Number
	case document.DocumentAnnulled:
		number = p.Number
	case document.DocumentCarrierLost:
		number = p.Number
	case document.MeasureAdded:
		measure = p.ID
	case document.MeasureLifted:
		measure = p.ID
	case document.MeasureCorrected:
		measure = p.ID
	case document.AppealUpheld:
		measure = p.Measure
	}
	if d := subjects[0].Document(number); number != "" && d != nil {
		return s.ofDocument(d.Type)
	}
	for _, m := range subjects[0].Measures {
		if measure != "" && m.ID == measure {
			return s.ofMeasure(m.Kind, m.Right)
		}
	}
	return nil
}

// maySplit: what moves to the new person is taken away from the old one, a
// measure as if it were lifted. So all that is named must be one's own.
func (s Source) maySplit(subject document.Subject, p document.PersonSplit) error {
	for _, number := range p.Documents {
		if d := subject.Document(number); d != nil {
			if err := s.ofDocument(d.Type); err != nil {
				return err
			}
		}
	}
	for _, right := range p.Entitlements {
		if err := s.ofRight(right.Kind); err != nil {
			return err
		}
	}
	for _, id := range p.Measures {
		if m := subject.Measure(id); m != nil {
			if err := s.ofMeasure(m.Kind, m.Right); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Source) ofDocument(documentType string) error {
	if !slices.Contains(s.DocumentTypes, documentType) {
		return problem.New(problem.AccessDenied, "this source may not speak of this type of document")
	}
	return nil
}

func (s Source) ofRight(kind string) error {
	if !slices.Contains(s.Kinds, kind) {
		return problem.New(problem.AccessDenied, "this source may not speak of this kind of entitlement")
	}
	return nil
}

// ofMeasure wants both: the kind of the measure, and that of the right that it
// hangs on.
func (s Source) ofMeasure(kind document.MeasureKind, right document.Right) error {
	if !slices.Contains(s.Measures, kind) {
		return problem.New(problem.AccessDenied, "this source may not speak of this kind of measure")
	}
	return s.ofRight(right.Kind)
}
