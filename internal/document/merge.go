package document

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"vidimus/internal/problem"
)

// merge gives all that gone has to into. Its copies fall under
// FactPersonMerged; beside that a measure, and death, now concern the
// documents of both, and rights the documents of the survivor.
func (a *application) merge(gone, into *Subject, p PersonMerged) error {
	if into.Number != p.Into || gone.Number == p.Into {
		return problem.New(problem.Conflict, "a person cannot be merged into the same person")
	}
	if gone.Version == 0 && into.Version == 0 {
		return errNobody
	}
	own, moved := into.Documents, gone.Documents
	if len(own)+len(moved) > MaxDocuments {
		return tooMany("documents of both", MaxDocuments)
	}
	merged := a.fact(FactPersonMerged)
	merged.apart = true
	a.table.affect(&a.change, merged, moved, "")
	into.Documents = slices.Concat(own, moved)
	a.mergePersons(gone, into, own, moved)
	if err := a.mergeEntitlements(gone, into, own); err != nil {
		return err
	}
	if err := a.mergeMeasures(gone, into, own, moved); err != nil {
		return err
	}
	*gone = Subject{Number: gone.Number, Version: gone.Version, MergedInto: into.Number, Evaluated: gone.Evaluated}
	return nil
}

// mergePersons keeps the identity facts of the survivor, and death from
// either: it is one human being.
func (a *application) mergePersons(gone, into *Subject, own, moved []Document) {
	lived, livedGone := !into.Person.deceased(a.now), !gone.Person.deceased(a.now)
	switch {
	case gone.Person == nil:
	case into.Person == nil:
		into.Person = gone.Person
	default:
		p, other := *into.Person, gone.Person
		if p.Attributes == nil {
			p.Attributes = other.Attributes
		}
		if other.Deceased && (!p.Deceased || other.DeceasedAt.Before(p.DeceasedAt)) {
			p.Deceased, p.DeceasedAt, p.DeceasedKnown, p.DeceasedBy = true, other.DeceasedAt, other.DeceasedKnown, other.DeceasedBy
		}
		into.Person = &p
	}
	if into.Person.deceased(a.now) && lived {
		a.table.affect(&a.change, a.fact(FactPersonDied), own, "")
	}
	if into.Person.deceased(a.now) && livedGone {
		a.table.affect(&a.change, a.fact(FactPersonDied), moved, "")
	}
}

// mergeEntitlements: where both have a right, that of the survivor counts.
func (a *application) mergeEntitlements(gone, into *Subject, own []Document) error {
	all := slices.Clone(into.Entitlements)
	for _, e := range gone.Entitlements {
		if into.Entitlement(e.Kind, e.Territory) == nil {
			all = append(all, e)
			a.table.affect(&a.change, a.fact(FactEntitlementChanged), own, documentType(e.Kind))
		}
	}
	if len(all) > MaxEntitlements {
		return tooMany("entitlements of both", MaxEntitlements)
	}
	into.Entitlements = all
	return nil
}

// mergeMeasures unites the measures. Two of one id stay two.
func (a *application) mergeMeasures(gone, into *Subject, own, moved []Document) error {
	if len(into.Measures)+len(gone.Measures) > MaxMeasures {
		return tooMany("measures of both", MaxMeasures)
	}
	all := slices.Clone(into.Measures)
	for _, m := range into.Measures {
		a.begin(m, moved)
	}
	for _, m := range gone.Measures {
		m.ID = freeID(gone.Number, m.ID, func(id string) bool {
			return slices.ContainsFunc(all, func(o Measure) bool { return o.ID == id }) ||
				slices.ContainsFunc(gone.Measures, func(o Measure) bool { return o.ID == id && id != m.ID })
		})
		all = append(all, m)
		a.begin(m, own)
	}
	into.Measures = all
	return nil
}

// begin: a measure that holds now concerns documents that it did not.
func (a *application) begin(m Measure, docs []Document) {
	if m.Holds(a.now) {
		o := occurrence{fact: Fact(m.Kind), measure: m.ID, since: m.Latest().From, cause: a.ev.ID}
		a.table.affect(&a.change, o, docs, documentType(m.Right.Kind))
	}
}

// freeID is the name of a measure that another person had, where the survivor
// has one of that id: the number of the person before it, as often as needed.
func freeID(number, id string, taken func(string) bool) string {
	for taken(id) {
		id = number + ":" + id
		if len(id) > MaxMeasureID {
			sum := sha256.Sum256([]byte(id))
			id = number + ":" + hex.EncodeToString(sum[:16])
		}
	}
	return id
}
