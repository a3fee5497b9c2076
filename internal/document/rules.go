package document

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/problem"
)

// rule checks one attribute and gives it in its kept form.
type rule func(field string, v any, now time.Time) (any, error)

// rules of the attributes that the standards name. A person has these and no
// others; a document may have others too, checked by freeRule.
var rules = named(map[string]rule{
	"family_name": textRule, "given_name": textRule,
	"family_name_birth": textRule, "given_name_birth": textRule,
	"family_name_national_character": textRule, "given_name_national_character": textRule,
	"birth_date": pastDateRule, "birth_place": textRule, "place_of_birth": placeRule,
	"nationality": countriesRule, "sex": sexRule,
	"height": numberRule(1, 300), "weight": numberRule(1, 700),
	"eye_colour": textRule, "hair_colour": textRule,
	"portrait": imageRule, "portrait_capture_date": pastDateRule, "signature_usual_mark": imageRule,
	"resident_address": textRule, "resident_street": textRule, "resident_house_number": textRule,
	"resident_city": textRule, "resident_state": textRule, "resident_postal_code": textRule,
	"resident_country":               countryRule,
	"personal_administrative_number": textRule,
	"email_address":                  textRule, "mobile_phone_number": phoneRule,
})

// namedRule is a rule and how refusals name its attribute.
type namedRule struct {
	field string
	check rule
}

func named(rules map[string]rule) map[string]namedRule {
	all := make(map[string]namedRule, len(rules))
	for name, check := range rules {
		all[name] = namedRule{"attributes: " + name, check}
	}
	return all
}

// needed of every person: without them neither mDL nor PID can be made.
var needed = []string{"family_name", "given_name", "birth_date"}

// cleanPerson checks every attribute of a person, as decoded from JSON, and puts
// them in their kept form, in place. where is the event that has them.
func cleanPerson(where string, a map[string]any, now time.Time) (Attributes, error) {
	if err := plainValues(a); err != nil {
		return nil, malformed(where, err)
	}
	for _, name := range needed {
		if _, ok := a[name]; !ok {
			return nil, problem.New(problem.InvalidRequest, "attributes: %s is missing", name)
		}
	}
	return cleanAttributes(a, now, nil)
}

// cleanDocument is cleanPerson for a document.
func cleanDocument(a map[string]any, now time.Time) (Attributes, error) {
	if len(a) == 0 {
		return nil, nil
	}
	if err := plainValues(a); err != nil {
		return nil, malformed(NameDocumentPut, err)
	}
	return cleanAttributes(a, now, freeRule)
}

func cleanAttributes(a Attributes, now time.Time, other rule) (Attributes, error) {
	if len(a) > MaxAttributes {
		return nil, problem.New(problem.InvalidRequest, "attributes: more than %d", MaxAttributes)
	}
	if cleanNamed(a, maps.Keys(a), now, other) != nil {
		// Of several that are wrong always the same one is named.
		return nil, cleanNamed(a, slices.Values(slices.Sorted(maps.Keys(a))), now, other)
	}
	return a, nil
}

// cleanNamed checks attributes in the order of names and puts them in their
// kept form. What was done stays when it refuses: to clean is to clean again.
func cleanNamed(a Attributes, names iter.Seq[string], now time.Time, other rule) error {
	for name := range names {
		known, ok := rules[name]
		if !ok {
			if other == nil {
				return unknownMember("attributes", name)
			}
			if err := checkWord("the name of an attribute", name); err != nil {
				return err
			}
			known = namedRule{"attributes: " + name, other}
		}
		v, err := known.check(known.field, a[name], now)
		if err != nil {
			return err
		}
		a[name] = v
	}
	return nil
}

func wrongType(field, want string) error {
	return problem.New(problem.InvalidRequest, "%s is not %s", field, want)
}

func textRule(field string, v any, _ time.Time) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, wrongType(field, "a string")
	}
	clean, err := cleanText(field, s, MaxText)
	if clean == s {
		return v, err // nothing to put into a box
	}
	return clean, err
}

func pastDateRule(field string, v any, now time.Time) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, wrongType(field, "a date")
	}
	t, err := parseDate(field, s)
	if err != nil {
		return nil, err
	}
	// The day is already tomorrow somewhere: UTC+14 is the furthest.
	if t.After(now.Add(14 * time.Hour)) {
		return nil, problem.New(problem.InvalidRequest, "%s lies in the future", field)
	}
	return v, nil
}

func countryRule(field string, v any, _ time.Time) (any, error) {
	s, _ := v.(string)
	return v, checkCountry(field, s)
}

func countriesRule(field string, v any, _ time.Time) (any, error) {
	list, ok := v.([]string)
	if !ok || len(list) == 0 {
		return nil, wrongType(field, "an array of country codes")
	}
	for i, s := range list {
		if err := checkCountry(field, s); err != nil {
			return nil, err
		}
		if slices.Contains(list[:i], s) {
			return nil, problem.New(problem.InvalidRequest, "%s names a country twice", field)
		}
	}
	return list, nil
}

func placeRule(field string, v any, now time.Time) (any, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return nil, wrongType(field, "an object with country, region or locality")
	}
	place := make(map[string]any, len(m))
	for name, part := range m {
		check := textRule
		switch name {
		case "country":
			check = countryRule
		case "region", "locality":
		default:
			return nil, unknownMember(field, name)
		}
		clean, err := check(field+"."+name, part, now)
		if err != nil {
			return nil, err
		}
		place[name] = clean
	}
	return place, nil
}

func sexRule(field string, v any, _ time.Time) (any, error) {
	n, ok := v.(int64)
	if !ok || n < 0 || n > 6 && n != 9 {
		return nil, wrongType(field, "0 to 6 or 9")
	}
	return v, nil
}

func numberRule(low, high int64) rule {
	return func(field string, v any, _ time.Time) (any, error) {
		n, ok := v.(int64)
		if !ok || n < low || n > high {
			return nil, problem.New(problem.InvalidRequest, "%s is not a number from %d to %d", field, low, high)
		}
		return v, nil
	}
}

func phoneRule(field string, v any, _ time.Time) (any, error) {
	s, _ := v.(string)
	digits, plus := strings.CutPrefix(s, "+")
	if !plus || !asciiWithin(digits, 20, func(c byte) bool { return c >= '0' && c <= '9' }) {
		return nil, wrongType(field, "a + followed by digits")
	}
	return v, nil
}

func imageRule(field string, v any, _ time.Time) (any, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, wrongType(field, "an image in base64")
	}
	return CleanImage(field, b)
}

// freeRule bounds a value whose meaning only its document type knows.
func freeRule(field string, v any, now time.Time) (any, error) {
	switch v := v.(type) {
	case string:
		return cleanText(field, v, MaxFreeText)
	case []string:
		clean := make([]string, len(v))
		for i, s := range v {
			t, err := cleanText(field, s, MaxFreeText)
			if err != nil {
				return nil, err
			}
			clean[i] = t
		}
		return clean, nil
	case []any:
		clean := make([]any, len(v))
		for i, item := range v {
			c, err := freeRule(field, item, now)
			if err != nil {
				return nil, err
			}
			clean[i] = c
		}
		return clean, nil
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, item := range v {
			if err := checkWord(field+": the name of a member", name); err != nil {
				return nil, err
			}
			c, err := freeRule(field+"."+name, item, now)
			if err != nil {
				return nil, err
			}
			clean[name] = c
		}
		return clean, nil
	case []byte:
		if len(v) > MaxImage {
			return nil, problem.New(problem.InvalidRequest, "%s has more than %d octets", field, MaxImage)
		}
	}
	return v, nil
}
