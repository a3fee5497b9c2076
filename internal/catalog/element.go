package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/sdjwt"
)

// ageFamily is the name that stands for all age statements.
const ageFamily = "age_over_NN"

// claim is the path of a claim, by Path or by Name.
func (f FileElement) claim() []string {
	if len(f.Path) > 0 {
		return f.Path
	}
	return []string{f.Name}
}

// compileElement completes one element from the table of its type; the family of
// age statements becomes several.
func (cfg *Configuration) compileElement(f FileElement, nameSpace string, set *elements.Set) ([]element, error) {
	e, err := cfg.newElement(f, nameSpace)
	if err != nil {
		return nil, err
	}
	if f.Name != ageFamily {
		if slices.ContainsFunc(e.sources, func(s source) bool { return s.kind == sourceAgeOver }) {
			return nil, fmt.Errorf("the source age_over belongs to the name %s", ageFamily)
		}
		if err := cfg.typed(&e, f, set); err != nil {
			return nil, err
		}
		return []element{e}, nil
	}
	if len(e.sources) != 1 || e.sources[0].kind != sourceAgeOver {
		return nil, fmt.Errorf("%s has the source age_over", ageFamily)
	}
	var family []element
	for _, nn := range cfg.AgeOver {
		one := e
		one.Identifier, one.path, one.ageOver = elements.AgeElement(nn), []string{elements.AgeElement(nn)}, nn
		one.display = map[string]string{}
		for language, text := range f.Display {
			one.display[language] = strings.ReplaceAll(text, "NN", fmt.Sprint(nn))
		}
		one.Kind, one.Data = elements.KindBool, one.Identifier
		if cfg.Format == FormatSDJWT {
			one.Identifier, one.Claim = "", one.path
		}
		family = append(family, one)
	}
	return family, nil
}

// newElement checks what does not depend on the type.
func (cfg *Configuration) newElement(f FileElement, nameSpace string) (element, error) {
	e := element{mandatory: f.Mandatory, display: f.Display, ageOver: -1}
	for language := range f.Display {
		if !locale.MatchString(language) {
			return e, errors.New("display: a language tag such as en, pt-BR or zh-Hant expected")
		}
	}
	switch {
	case (f.Name == "") == (len(f.Path) == 0):
		return e, errors.New("either name or path expected")
	case slices.Contains(f.Path, ""):
		return e, errors.New("path with an empty part")
	case len(f.Source) == 0:
		return e, errors.New("source: missing")
	}
	if cfg.Format == FormatMDoc {
		switch {
		case len(f.Path) > 0:
			return e, errors.New("path belongs to an SD-JWT VC")
		case f.SD != nil:
			return e, errors.New("sd belongs to an SD-JWT VC")
		}
		e.nameSpace = f.Namespace
		if e.nameSpace == "" {
			e.nameSpace = nameSpace
		}
		if e.nameSpace == "" {
			return e, errors.New("no namespace, neither here nor for the configuration")
		}
		e.Identifier = f.Name
	} else {
		if f.Namespace != "" {
			return e, errors.New("namespace belongs to an mdoc")
		}
		e.path = f.claim()
		e.Claim = e.path
	}
	for _, text := range f.Source {
		s, err := parseSource(text, f.Value)
		if err != nil {
			return e, err
		}
		e.sources = append(e.sources, s)
	}
	if f.Value != "" && !slices.Contains(f.Source, sourceConst) {
		return e, errors.New("value belongs to the source const")
	}
	var ok bool
	if e.transform, ok = transforms[f.Transform]; !ok {
		return e, errors.New("transform: latin, national, first, place-latin or locality expected")
	}
	return e, nil
}

// typed gives an element its kind: from the table of its type, or as written.
func (cfg *Configuration) typed(e *element, f FileElement, set *elements.Set) error {
	row, known := elements.Element{}, false
	switch {
	case set == nil:
	case cfg.Format == FormatSDJWT:
		row, known = set.ByClaim(e.path...)
	case e.nameSpace == set.NameSpace:
		row, known = set.ByIdentifier(e.Identifier)
		if !known {
			return fmt.Errorf("%s is not an element of %s", e.Identifier, set.NameSpace)
		}
	}
	if known {
		if f.Type != "" && f.Type != string(row.Kind) || f.Choices != nil {
			return fmt.Errorf("%s has the type %s by its standard", row.Name(), row.Kind)
		}
		e.Element = row
		return nil
	}
	e.Kind, e.Choices = elements.Kind(f.Type), f.Choices
	e.Data = e.label()
	switch {
	case !e.Kind.Known():
		return fmt.Errorf("type: one of %v expected", elements.Kinds())
	case (e.Kind == elements.KindChoice) != (len(e.Choices) > 0):
		return errors.New("choices belong to the type choice")
	}
	return nil
}

// mdocElements collects elements by namespace, in the order of the configuration.
type mdocElements []mdoc.NamespaceElements

func (list *mdocElements) add(e element, value any) {
	i := slices.IndexFunc(*list, func(ns mdoc.NamespaceElements) bool { return ns.NameSpace == e.nameSpace })
	if i < 0 {
		i = len(*list)
		*list = append(*list, mdoc.NamespaceElements{NameSpace: e.nameSpace})
	}
	(*list)[i].Elements = append((*list)[i].Elements, mdoc.Element{Identifier: e.Identifier, Value: value})
}

// insert puts a value at its path; paths do not collide.
func insert(object sdjwt.Object, path []string, value any) sdjwt.Object {
	if len(path) == 1 {
		return append(object, sdjwt.Member{Name: path[0], Value: value})
	}
	for i := range object {
		if object[i].Name == path[0] {
			object[i].Value = insert(object[i].Value.(sdjwt.Object), path[1:], value)
			return object
		}
	}
	return append(object, sdjwt.Member{Name: path[0], Value: insert(nil, path[1:], value)})
}
