package document

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"vidimus/internal/strictyaml"
)

// anyType is the row of a Table for the types that have none.
const anyType = "*"

//go:embed effects.yaml
var effectsFile []byte

var defaultTable = sync.OnceValue(func() Table {
	t, err := ParseTable(effectsFile)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return t
})

// DefaultTable is the table of the file effects.yaml. Each call gives one of
// the caller's own.
func DefaultTable() Table {
	t := Table{}
	for docType, row := range defaultTable() {
		t[docType] = maps.Clone(row)
	}
	return t
}

// ParseTable reads a table in YAML: a row per document type and the row "*"
// for the others, in a row a cell per Fact with the members of Rule. A row has
// from "*" what it does not say, cell by cell; "*" says everything. What is
// unknown, or has no meaning together, is refused.
func ParseTable(data []byte) (Table, error) {
	if len(data) > MaxTable {
		return nil, fmt.Errorf("effects: larger than %d bytes", MaxTable)
	}
	var t Table
	if err := strictyaml.Decode(data, &t); err != nil {
		return nil, fmt.Errorf("effects: %w", err)
	}
	for _, docType := range slices.Sorted(maps.Keys(t)) {
		if docType != anyType {
			if err := checkWord("type", docType); err != nil {
				return nil, fmt.Errorf("effects: %q is not a document type", docType)
			}
		}
		for _, fact := range slices.Sorted(maps.Keys(t[docType])) {
			if err := t[docType][fact].check(fact); err != nil {
				return nil, fmt.Errorf("effects: %s: %s: %w", docType, fact, err)
			}
		}
	}
	for _, fact := range Facts() {
		if _, ok := t[anyType][fact]; !ok {
			return nil, fmt.Errorf("effects: the row \"*\" does not say what %s does", fact)
		}
	}
	return t, nil
}

// Facts lists every Fact, the kinds of measure included.
func Facts() []Fact {
	list := []Fact{FactPersonChanged, FactPersonDied, FactPersonMerged, FactPersonSplit, FactEntitlementChanged}
	for _, kind := range MeasureKinds() {
		list = append(list, Fact(kind))
	}
	return append(list, FactMeasureEnded, FactDocumentChanged, FactDocumentSurrendered, FactDocumentAnnulled,
		FactDocumentCarrierLost, FactWalletLost, FactWalletUnitRevoked)
}

// check refuses a cell that could not be kept.
func (r Rule) check(fact Fact) error {
	measure := slices.Contains(MeasureKinds(), MeasureKind(fact))
	lasts := measure || slices.Contains([]Fact{FactPersonDied, FactDocumentSurrendered, FactDocumentAnnulled, FactWalletLost, FactWalletUnitRevoked}, fact)
	switch {
	case !slices.Contains(Facts(), fact):
		return errors.New("no such fact")
	case !slices.Contains(effects, r.Effect):
		return fmt.Errorf("effect: one of %v expected", effects)
	case r.Effect == EffectReissueReduced && !measure:
		return fmt.Errorf("%s belongs to measures", r.Effect)
	case r.Effect == EffectRevokeAndBlock && !lasts:
		return fmt.Errorf("%s needs a fact that lasts", r.Effect)
	case r.Effect == EffectNone && r.Urgent:
		return errors.New("urgent, and nothing to publish")
	}
	return nil
}

// Rule is the cell for a document type. A nil Table stands for the default; a
// cell that a table made by hand does not have is EffectNone.
func (t Table) Rule(docType string, fact Fact) Rule {
	if t == nil {
		t = defaultTable()
	}
	if rule, ok := t[docType][fact]; ok {
		return rule
	}
	return t[anyType][fact]
}

// DefaultTableYAML is the file of DefaultTable, with what it says of each rule.
func DefaultTableYAML() string { return string(effectsFile) }
