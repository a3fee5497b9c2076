package verification

import (
	"slices"
	"strconv"
	"strings"

	"vidimus/internal/elements"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
)

// technical are the members that say how the credential works, not what it
// says of its holder.
var technical = []string{"vct", "vct#integrity", "aka_vcts", "iss", "nbf", "exp", "iat", "cnf", "status"}

// sdElements reads the claims, keeps what was asked for and answers the
// question. A claim that cannot be decoded by its rule is not shown.
func (o *Options) sdElements(c *checks, d *Document, payload *sdjwt.Payload, p path, request *policy.DocumentRequest) policy.Entitlement {
	h := newHeld()
	set, known := elements.ForVCT(d.Type)
	row := func(path []string) (elements.Element, bool) {
		if !known {
			return elements.Element{}, false
		}
		return set.ByClaim(path...)
	}
	var there [][]string // leaves that hold something, and were read
	walk(payload.Claims, nil, row, func(claim []string, value any) {
		element := Element{Name: claimName(claim), Value: value}
		if row, ok := row(claim); ok {
			decoded, err := row.DecodeClaim(value)
			if err != nil {
				h.wrong = append(h.wrong, err.Error())
				return
			}
			h.put(&row, decoded)
			element.Bytes, _ = decoded.Value.([]byte)
		}
		if !empty(value) {
			there = append(there, claim)
		}
		if request == nil {
			d.IssuerSigned = append(d.IssuerSigned, element)
			return
		}
		before := len(d.IssuerSigned)
		for _, e := range request.Elements {
			if under(e.Path, claim) {
				d.IssuerSigned = append(d.IssuerSigned[:before], element)
				return
			}
			// A part of a value that the data model knows as one, such as the
			// country of a place.
			if part, ok := below(value, e.Path, claim); ok {
				there = append(there, e.Path)
				d.IssuerSigned = append(d.IssuerSigned, Element{Name: claimName(e.Path), Value: part})
			}
		}
		if len(d.IssuerSigned) == before {
			d.Dropped = append(d.Dropped, element.Name)
		}
	})
	h.shows = func(path []string) bool {
		return slices.ContainsFunc(there, func(claim []string) bool {
			return under(path, claim) && slices.ContainsFunc(d.IssuerSigned, func(e Element) bool { return e.Name == claimName(claim) })
		})
	}
	o.elementChecks(c, h, known, p, d)
	return o.answer(c, d, h, request)
}

// walk visits every leaf claim in the order of names; arrays, objects that the
// data model knows as one value (a place) and empty objects are leaves.
func walk(claims map[string]any, above []string, row func([]string) (elements.Element, bool), visit func(path []string, value any)) {
	names := make([]string, 0, len(claims))
	for name := range claims {
		if len(above) > 0 || !slices.Contains(technical, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		at := append(slices.Clone(above), name)
		if inner, ok := claims[name].(map[string]any); ok && len(inner) > 0 {
			if _, one := row(at); !one {
				walk(inner, at, row, visit)
				continue
			}
		}
		visit(at, claims[name])
	}
}

// under reports whether claim lies at path or below.
func under(path, claim []string) bool {
	return len(path) <= len(claim) && slices.Equal(path, claim[:len(path)])
}

// below finds the part of a claim's value at a longer path.
func below(value any, path, claim []string) (any, bool) {
	if len(path) <= len(claim) || !under(claim, path) {
		return nil, false
	}
	for _, name := range path[len(claim):] {
		object, _ := value.(map[string]any)
		var ok bool
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, !empty(value)
}

// empty reports a value of which nothing is left: a holder may withhold every
// member of an object and every entry of an array.
func empty(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return value == nil
}

// claimName writes a path with dots; a name that holds one itself is quoted.
func claimName(path []string) string {
	names := slices.Clone(path)
	for i, name := range names {
		if strings.ContainsAny(name, `."`) {
			names[i] = strconv.Quote(name)
		}
	}
	return strings.Join(names, ".")
}
