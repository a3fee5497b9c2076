package document

import (
	"slices"
	"time"

	"vidimus/internal/problem"
)

func parsePersonPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var wire struct {
		Attributes map[string]any `json:"attributes"`
	}
	if err := decodeClosed(NamePersonPut, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	clean, err := cleanPerson(NamePersonPut, wire.Attributes, now)
	if err != nil {
		return nil, err
	}
	return PersonPut{Attributes: clean}, nil
}

func parsePersonSplit(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var wire struct {
		New          string         `json:"new"`
		Attributes   map[string]any `json:"attributes"`
		Documents    []string       `json:"documents"`
		Entitlements []Right        `json:"entitlements"`
		Measures     []string       `json:"measures"`
	}
	if err := decodeClosed(NamePersonSplit, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	if err := checkNumber("new", wire.New); err != nil {
		return nil, err
	}
	clean, err := cleanPerson(NamePersonSplit, wire.Attributes, now)
	if err != nil {
		return nil, err
	}
	p := PersonSplit{New: wire.New, Attributes: clean, Documents: wire.Documents, Measures: wire.Measures}
	if len(wire.Entitlements) > MaxEntitlements {
		return nil, problem.New(problem.InvalidRequest, "entitlements has more than %d items", MaxEntitlements)
	}
	for i := range wire.Entitlements {
		if err := checkRight("entitlements", &wire.Entitlements[i]); err != nil {
			return nil, err
		}
	}
	p.Entitlements = present(wire.Entitlements)
	err = firstError(
		checkList("documents", p.Documents, MaxDocuments, checkNumber),
		checkList("measures", p.Measures, MaxMeasures, checkMeasureID),
		checkList("entitlements", p.Entitlements, MaxEntitlements, func(string, Right) error { return nil }))
	if err != nil {
		return nil, err
	}
	return p, nil
}

// checkList refuses what is too long, or has an item twice or a bad one.
func checkList[T comparable](field string, list []T, limit int, check func(string, T) error) error {
	if len(list) > limit {
		return problem.New(problem.InvalidRequest, "%s has more than %d items", field, limit)
	}
	for i, item := range list {
		if err := check(field, item); err != nil {
			return err
		}
		if slices.Contains(list[:i], item) {
			return problem.New(problem.InvalidRequest, "%s names one twice", field)
		}
	}
	return nil
}
