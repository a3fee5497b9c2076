package jose

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// shape is what the scanner must know of the Go value that a text will fill:
// the exact names of its members, and whether null has a place. A nil shape
// stands for anything.
type shape struct {
	name    string            // for error texts
	null    bool              // null is a value of the type, not a way of being absent
	any     bool              // an interface somewhere inside: numbers must stay exact
	err     error             // a type that must not be decoded into
	elem    *shape            // of a slice, array or map
	members map[string]*shape // of a struct
	folded  map[string]string // of a struct: folded name to exact name
}

func (s *shape) nullable() bool { return s == nil || s.null }

func (s *shape) element() *shape {
	if s == nil {
		return nil
	}
	return s.elem
}

// memberShape gives the shape of the named member. A name that is none of the
// struct's but would be one if case did not matter is refused: encoding/json
// would take it for the member.
func (s *shape) memberShape(name []byte) (*shape, error) {
	if s == nil || s.members == nil {
		return s.element(), nil
	}
	if m, ok := s.members[string(name)]; ok {
		return m, nil
	}
	if exact, ok := s.folded[fold(name)]; ok {
		return nil, fmt.Errorf("member %s differs from %q by case only", quote(name), exact)
	}
	return nil, nil
}

// fold maps names that encoding/json holds to be equal to one text: each rune
// becomes the smallest of its orbit under simple folding.
func fold(name []byte) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, string(name))
}

var (
	shapesLock sync.RWMutex
	shapes     = map[reflect.Type]*shape{}

	rawMessage      = reflect.TypeFor[json.RawMessage]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func shapeOf(t reflect.Type) *shape {
	shapesLock.RLock()
	s, ok := shapes[t]
	shapesLock.RUnlock()
	if ok {
		return s
	}
	shapesLock.Lock()
	defer shapesLock.Unlock()
	fresh := map[reflect.Type]*shape{}
	s = build(t, fresh)
	// A recursive type reads its own flags before they are set, so the flags
	// are spread until nothing changes.
	for changed := true; changed; {
		changed = false
		for _, f := range fresh {
			for _, in := range f.inner() {
				if in != nil && (in.any && !f.any || in.err != nil && f.err == nil) {
					f.any, f.err, changed = f.any || in.any, in.err, true
				}
			}
		}
	}
	for t, f := range fresh {
		shapes[t] = f
	}
	return s
}

func (s *shape) inner() []*shape {
	list := []*shape{s.elem}
	for _, m := range s.members {
		list = append(list, m)
	}
	return list
}

func build(t reflect.Type, fresh map[reflect.Type]*shape) *shape {
	if s, ok := shapes[t]; ok {
		return s
	}
	if s, ok := fresh[t]; ok {
		return s
	}
	if t.Kind() == reflect.Pointer {
		// A pointer says that a member may be absent. It does not make null
		// another word for absent.
		s := build(t.Elem(), fresh)
		if s.null {
			inner := *s
			inner.null, s = false, &inner
		}
		fresh[t] = s
		return s
	}
	s := &shape{name: t.Kind().String()}
	fresh[t] = s
	switch {
	case t == rawMessage, reflect.PointerTo(t).Implements(jsonUnmarshaler):
		s.null = true // its own decoder judges
		return s
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		return s
	}
	switch t.Kind() {
	case reflect.Interface:
		s.null, s.any = true, true
	case reflect.Slice, reflect.Array, reflect.Map:
		if t.Elem().Kind() == reflect.Uint8 && t.Kind() != reflect.Map {
			s.err = fmt.Errorf("jose: %v would be decoded by a lax base64: use string and DecodeBase64URL", t)
			return s
		}
		s.name = map[reflect.Kind]string{reflect.Map: "object"}[t.Kind()]
		if s.name == "" {
			s.name = "array"
		}
		s.elem = build(t.Elem(), fresh)
	case reflect.Struct:
		s.name, s.members, s.folded = "object", map[string]*shape{}, map[string]string{}
		addFields(s, t, fresh)
	}
	return s
}

func addFields(s *shape, t reflect.Type, fresh map[reflect.Type]*shape) {
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		if tag == "-" {
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if f.Anonymous && name == "" && inner.Kind() == reflect.Struct {
			addFields(s, inner, fresh)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" || !tagged {
			name = f.Name
		}
		s.members[name] = build(f.Type, fresh)
		s.folded[fold([]byte(name))] = name
	}
}
