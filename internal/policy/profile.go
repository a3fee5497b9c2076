package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Formats of a document request, as in OpenID4VP 1.0, appendix B.
const (
	FormatMDoc  = "mso_mdoc"
	FormatSDJWT = "dc+sd-jwt"
)

// Profile is what a reader asks for: the smallest set of data for one question.
type Profile struct {
	// ID is how a command line names the profile.
	ID string `yaml:"id"`
	// Title by language (en, fr, de, lb).
	Title map[string]string `yaml:"title"`
	// Question is what the entitlement axis answers; without one it is "not asked".
	Question Question `yaml:"question"`
	// Retention is why and how long data are kept, shown to the holder. Without it
	// no element may be retained.
	Retention string `yaml:"retention"`
	// Documents are alternatives: a holder shows one of them.
	Documents []DocumentRequest `yaml:"documents"`
}

// Question is what a document is asked for; at most one member is set.
type Question struct {
	// Driving is a vehicle category: may the holder drive it now?
	Driving string `yaml:"driving"`
	// AgeOver is an age in years: is the holder so old or older? 0 asks nothing.
	AgeOver int `yaml:"age_over"`
	// Identity asks who the holder is: answered only with a portrait to hold
	// beside the face.
	Identity bool `yaml:"identity"`
}

// Asked says whether the question asks anything.
func (q Question) Asked() bool { return q != Question{} }

func (q Question) several() bool {
	asked := 0
	for _, set := range []bool{q.Driving != "", q.AgeOver != 0, q.Identity} {
		if set {
			asked++
		}
	}
	return asked > 1
}

// DocumentRequest is what to ask of one document type in one format.
type DocumentRequest struct {
	Format string `yaml:"format"`
	// Type is the doctype of an mdoc, the vct of an SD-JWT VC.
	Type     string           `yaml:"type"`
	Elements []ElementRequest `yaml:"elements"`
}

// ElementRequest is one element.
type ElementRequest struct {
	// Path is namespace and identifier in an mdoc, the claim's path in an SD-JWT
	// VC (member names only).
	Path []string `yaml:"path"`
	// Optional: the answer is complete without it.
	Optional bool `yaml:"optional"`
	// Values are those that answer, where not every value does: texts, whole
	// numbers or true and false. The holder is not told: what he sends is compared.
	Values []any `yaml:"values"`
	// Retain is intentToRetain: the value outlives the transaction. Default false.
	Retain bool `yaml:"retain"`
}

// Document finds what to ask of a document type; typ is a doctype or a vct.
func (p Profile) Document(format, typ string) (DocumentRequest, bool) {
	i := slices.IndexFunc(p.Documents, func(d DocumentRequest) bool { return d.Format == format && d.Type == typ })
	if i < 0 {
		return DocumentRequest{}, false
	}
	return p.Documents[i], true
}

// Items gives an mdoc request by namespace and identifier with intentToRetain
// (ISO/IEC 18013-5, 8.3.2.1.2.1, ItemsRequest).
func (d DocumentRequest) Items() map[string]map[string]bool {
	if d.Format != FormatMDoc {
		return nil
	}
	items := map[string]map[string]bool{}
	for _, e := range d.Elements {
		if items[e.Path[0]] == nil {
			items[e.Path[0]] = map[string]bool{}
		}
		items[e.Path[0]][e.Path[1]] = e.Retain
	}
	return items
}

func (p Profile) validate() error {
	switch {
	case p.ID == "" || strings.ContainsFunc(p.ID, notIDCharacter):
		return errors.New("id: lower-case letters, digits and hyphens expected")
	case p.Title["en"] == "":
		return errors.New("title: no English text")
	case p.Question.several():
		return errors.New("question: more than one")
	case p.Question.AgeOver < 0 || p.Question.AgeOver > 99:
		return errors.New("question: age_over: between 1 and 99")
	case len(p.Documents) == 0:
		return errors.New("documents: none")
	}
	for i, d := range p.Documents {
		if err := p.validateDocument(d); err != nil {
			return fmt.Errorf("documents[%d]: %w", i, err)
		}
		if slices.ContainsFunc(p.Documents[:i], func(o DocumentRequest) bool { return o.Format == d.Format && o.Type == d.Type }) {
			return fmt.Errorf("documents[%d]: type twice", i)
		}
	}
	return nil
}

func notIDCharacter(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

func (p Profile) validateDocument(d DocumentRequest) error {
	switch {
	case d.Format != FormatMDoc && d.Format != FormatSDJWT:
		return fmt.Errorf("format: %s or %s expected", FormatMDoc, FormatSDJWT)
	case d.Type == "":
		return errors.New("type: missing")
	case len(d.Elements) == 0 || len(d.Elements) > MaxElements:
		return fmt.Errorf("elements: between 1 and %d expected", MaxElements)
	}
	ages := 0
	for i, e := range d.Elements {
		switch {
		case len(e.Path) == 0 || slices.Contains(e.Path, ""):
			return fmt.Errorf("elements[%d]: path: missing or with an empty part", i)
		case d.Format == FormatMDoc && len(e.Path) != 2:
			return fmt.Errorf("elements[%d]: path: namespace and identifier expected", i)
		case e.Retain && p.Retention == "":
			return fmt.Errorf("elements[%d]: retain without a retention text of the profile", i)
		case slices.ContainsFunc(d.Elements[:i], func(o ElementRequest) bool { return slices.Equal(o.Path, e.Path) }):
			return fmt.Errorf("elements[%d]: path twice", i)
		}
		if err := validateValues(e.Values); err != nil {
			return fmt.Errorf("elements[%d]: %w", i, err)
		}
		if strings.HasPrefix(e.Path[len(e.Path)-1], "age_over_") {
			ages++
		}
	}
	if ages > MaxAgeStatements {
		return fmt.Errorf("elements: more than %d age statements", MaxAgeStatements)
	}
	return nil
}

// validateValues takes what JSON and YAML tell apart without doubt.
func validateValues(values []any) error {
	if len(values) > MaxValues {
		return fmt.Errorf("values: more than %d", MaxValues)
	}
	for _, v := range values {
		switch v.(type) {
		case string, int, bool:
		default:
			return errors.New("values: texts, whole numbers, true or false expected")
		}
	}
	return nil
}
