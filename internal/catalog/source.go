package catalog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/elements"
)

// Kinds of sources.
const (
	sourcePerson    = "person"
	sourceDocument  = "document"
	sourceDriving   = "entitlement.driving"
	sourceAgeOver   = "age_over"
	sourceInYears   = "age.in_years"
	sourceBirthYear = "age.birth_year"
	sourceConst     = "const"
)

// source is where a value comes from.
type source struct {
	kind  string
	name  string // of the attribute of a person or document
	value string // of a constant
}

func parseSource(text, value string) (source, error) {
	switch text {
	case sourceDriving, sourceAgeOver, sourceInYears, sourceBirthYear:
		return source{kind: text}, nil
	case sourceConst:
		if value == "" {
			return source{}, errors.New("the source const needs a value")
		}
		return source{kind: text, value: value}, nil
	}
	kind, name, ok := strings.Cut(text, ".")
	if ok && name != "" && (kind == sourcePerson || kind == sourceDocument) {
		return source{kind: kind, name: name}, nil
	}
	return source{}, fmt.Errorf("source: person.X, document.X, %s, %s, %s, %s or const expected",
		sourceDriving, sourceAgeOver, sourceInYears, sourceBirthYear)
}

// record is what the sources read: one person, one of the documents, at the
// instant from which the values hold.
type record struct {
	subject document.Subject
	doc     document.Document
	at      time.Time // for rights: now
	from    time.Time // for ages: the beginning of validity
	birth   time.Time // zero when unknown
}

func newRecord(s document.Subject, doc document.Document, at, from time.Time) record {
	r := record{subject: s, doc: doc, at: at, from: from}
	if s.Person != nil {
		r.birth, _ = elements.Day(s.Person.Attributes["birth_date"])
	}
	return r
}

// value reads the first source that has a value.
func (r record) value(e element) (any, bool) {
	for _, s := range e.sources {
		if v, ok := r.read(s, e); ok {
			return v, true
		}
	}
	return nil, false
}

func (r record) read(s source, e element) (any, bool) {
	switch s.kind {
	case sourcePerson:
		if r.subject.Person == nil {
			return nil, false
		}
		v, ok := r.subject.Person.Attributes[s.name]
		return v, ok
	case sourceDocument:
		return r.document(s.name)
	case sourceDriving:
		return privileges(document.Driving(r.subject, r.at)), true
	case sourceConst:
		return s.value, true
	}
	if r.birth.IsZero() {
		return nil, false
	}
	switch s.kind {
	case sourceAgeOver:
		return elements.AgeOver(r.birth, e.ageOver, r.from), true
	case sourceInYears:
		return elements.AgeInYears(r.birth, r.from), true
	case sourceBirthYear:
		return r.birth.Year(), true
	}
	return nil, false
}

// document reads a member of the document, or an attribute of it.
func (r record) document(name string) (any, bool) {
	members := map[string]string{
		"number": r.doc.Number, "type": r.doc.Type, "issue_date": r.doc.IssueDate, "expiry_date": r.doc.ExpiryDate,
		"issuing_authority": r.doc.IssuingAuthority, "issuing_country": r.doc.IssuingCountry,
		"issuing_jurisdiction": r.doc.IssuingJurisdiction, "un_distinguishing_sign": r.doc.UNDistinguishingSign,
	}
	if text, ok := members[name]; ok {
		return text, text != ""
	}
	v, ok := r.doc.Attributes[name]
	return v, ok
}

func privileges(list []document.Privilege) []elements.Privilege {
	out := make([]elements.Privilege, len(list))
	for i, p := range list {
		out[i] = elements.Privilege{Category: p.Category, IssueDate: p.IssueDate, ExpiryDate: p.ExpiryDate}
		for _, c := range p.Codes {
			out[i].Codes = append(out[i].Codes, elements.Code{Code: c.Code, Sign: c.Sign, Value: c.Value})
		}
	}
	return out
}

// transform adapts a value; it answers false when there is none to issue.
type transform func(value any) (any, bool)

var transforms = map[string]transform{
	"":            func(value any) (any, bool) { return value, true },
	"latin":       latin,
	"national":    national,
	"first":       first,
	"place-latin": func(value any) (any, bool) { return latin(placeText(value)) },
	"locality":    locality,
}

// latin transliterates text to ISO 8859-1 and gives up on other scripts.
func latin(value any) (any, bool) {
	s, ok := value.(string)
	if !ok {
		return value, true // its type will be refused by the element
	}
	return elements.Latinize(s)
}

// national passes text only where Latin-1 cannot write it.
func national(value any) (any, bool) {
	s, ok := value.(string)
	return value, !ok || !elements.IsLatin1(s)
}

func first(value any) (any, bool) {
	switch v := value.(type) {
	case []string:
		if len(v) == 0 {
			return nil, false
		}
		return v[0], true
	case []any:
		if len(v) == 0 {
			return nil, false
		}
		return v[0], true
	}
	return value, true
}

// placeText writes a place as one text: locality, region, country.
func placeText(value any) any {
	place, ok := value.(map[string]any)
	if !ok {
		return value
	}
	var parts []string
	for _, member := range []string{"locality", "region", "country"} {
		if s, ok := place[member].(string); ok && s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// locality makes a place of a text that names one.
func locality(value any) (any, bool) {
	if s, ok := value.(string); ok {
		return map[string]string{"locality": s}, true
	}
	return value, true
}
