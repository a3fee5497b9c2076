package sdjwt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Step is one part of a [Path]: a member name, an array index, or every
// element of an array.
type Step struct {
	kind  stepKind
	name  string
	index int
}

type stepKind uint8

const (
	stepName stepKind = iota
	stepIndex
	stepAny
)

// Name steps to the member of an object.
func Name(name string) Step { return Step{kind: stepName, name: name} }

// Index steps to an element of an array, from 0.
func Index(i int) Step { return Step{kind: stepIndex, index: i} }

// Any steps to every element of an array. It occurs in patterns only.
func Any() Step { return Step{kind: stepAny} }

// Name gives the member name, and whether the step has one.
func (s Step) Name() (string, bool) { return s.name, s.kind == stepName }

// Index gives the array index, and whether the step has one.
func (s Step) Index() (int, bool) { return s.index, s.kind == stepIndex }

// Path leads from the top of the processed claims to one value. As a pattern,
// with steps made by [Any], it leads to many. It is the claims path pointer of
// OpenID4VP 1.0 section 7 and of SD-JWT VC type metadata.
//
// Indices count in the processed array, from which elements that were not
// disclosed are gone.
type Path []Step

// Names makes a path of member names.
func Names(names ...string) Path {
	p := make(Path, len(names))
	for i, n := range names {
		p[i] = Name(n)
	}
	return p
}

// ParsePath reads a claims path pointer from decoded JSON: a non-empty array of
// strings, non-negative integers and nulls.
func ParsePath(v any) (Path, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) == 0 {
		return nil, fmt.Errorf("claims path is not a non-empty array")
	}
	if len(parts) > maxDepth {
		return nil, fmt.Errorf("%w: claims path of %d parts, at most %d", ErrLimit, len(parts), maxDepth)
	}
	p := make(Path, len(parts))
	for i, part := range parts {
		switch part := part.(type) {
		case nil:
			p[i] = Any()
		case string:
			p[i] = Name(part)
		case number:
			n, err := strconv.ParseUint(part.String(), 10, 31)
			if err != nil {
				return nil, fmt.Errorf("claims path part %d is not a non-negative integer", i)
			}
			p[i] = Index(int(n))
		default:
			return nil, fmt.Errorf("claims path part %d is neither string, integer nor null", i)
		}
	}
	return p, nil
}

// String is the JSON form, which is unambiguous: ["address","country"].
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		switch s.kind {
		case stepName:
			b.Write(appendText(nil, s.name))
		case stepIndex:
			b.WriteString(strconv.Itoa(s.index))
		case stepAny:
			b.WriteString("null")
		}
	}
	b.WriteByte(']')
	return b.String()
}

// Equal compares two paths step by step.
func (p Path) Equal(other Path) bool { return slices.Equal(p, other) }

// Matches reports whether the pattern p leads to path.
func (p Path) Matches(path Path) bool { return len(p) == len(path) && p.covers(path) }

// covers reports whether the pattern p leads to path or to something above it.
func (p Path) covers(path Path) bool {
	if len(p) > len(path) {
		return false
	}
	for i, s := range p {
		if s != path[i] && (s.kind != stepAny || path[i].kind != stepIndex) {
			return false
		}
	}
	return true
}

// Selection chooses disclosures for [SDJWT.Present]: all that lie at the given
// paths or below. What lies above comes by itself.
func Selection(paths ...Path) func(Path) bool {
	return func(path Path) bool {
		return slices.ContainsFunc(paths, func(p Path) bool { return p.covers(path) })
	}
}

// find gives the paths of all values in claims that the pattern leads to.
// Nothing found is no error: SD-JWT VC type metadata allows it.
func (p Path) find(claims any) []Path {
	found := []Path{nil}
	values := []any{claims}
	for _, step := range p {
		var paths []Path
		var below []any
		reach := func(from Path, s Step, v any) {
			paths = append(paths, append(slices.Clip(slices.Clone(from)), s))
			below = append(below, v)
		}
		for i, v := range values {
			switch v := v.(type) {
			case map[string]any:
				if member, ok := v[step.name]; ok && step.kind == stepName {
					reach(found[i], step, member)
				}
			case []any:
				switch {
				case step.kind == stepAny:
					for j, element := range v {
						reach(found[i], Index(j), element)
					}
				case step.kind == stepIndex && step.index < len(v):
					reach(found[i], step, v[step.index])
				}
			}
		}
		found, values = paths, below
	}
	return found
}

// parsePathJSON reads a claims path pointer from its JSON text.
func parsePathJSON(data []byte) (Path, error) {
	v, err := decodeTree(data)
	if err != nil {
		return nil, err
	}
	return ParsePath(v)
}
