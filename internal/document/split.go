package document

import (
	"maps"
	"slices"

	"vidimus/internal/problem"
)

// split gives what is named to a new person. The copies of the documents that
// move fall under FactPersonSplit; for the documents that stay a measure that
// moves has ended, and a right that moves has changed.
func (a *application) split(s, other *Subject, p PersonSplit) error {
	switch {
	case other.Number != p.New || s.Number == p.New:
		return problem.New(problem.Conflict, "a person cannot be split off the same person")
	case s.Version == 0:
		return errNobody
	case other.Version != 0:
		return problem.New(problem.Conflict, "the new person is known already")
	}
	moved, staying, err := part(s.Documents, p.Documents, func(d Document) string { return d.Number }, "document")
	if err != nil {
		return err
	}
	rights, keptRights, err := part(s.Entitlements, p.Entitlements, Entitlement.Right, "entitlement")
	if err != nil {
		return err
	}
	measures, keptMeasures, err := part(s.Measures, p.Measures, func(m Measure) string { return m.ID }, "measure")
	if err != nil {
		return err
	}
	o := a.fact(FactPersonSplit)
	o.apart = true
	a.table.affect(&a.change, o, moved, "")
	for _, e := range rights {
		a.table.affect(&a.change, a.fact(FactEntitlementChanged), staying, documentType(e.Kind))
	}
	for _, m := range measures {
		if m.Holds(a.now) {
			o := a.fact(FactMeasureEnded)
			o.measure = m.ID
			a.table.affect(&a.change, o, staying, documentType(m.Right.Kind))
		}
	}
	s.Documents, s.Entitlements, s.Measures = staying, keptRights, keptMeasures
	other.Documents, other.Entitlements, other.Measures = moved, rights, measures
	other.Person = &Person{Attributes: maps.Clone(p.Attributes)}
	return nil
}

// part divides a list by what is named, which must all be in it.
func part[T any, K comparable](list []T, named []K, key func(T) K, what string) (moved, staying []T, err error) {
	for _, item := range list {
		if slices.Contains(named, key(item)) {
			moved = append(moved, item)
		} else {
			staying = append(staying, item)
		}
	}
	for _, k := range named {
		if !slices.ContainsFunc(moved, func(item T) bool { return key(item) == k }) {
			return nil, nil, problem.New(problem.NotFound, "the person has no such %s", what)
		}
	}
	return moved, staying, nil
}
