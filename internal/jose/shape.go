package jose

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// shape is what the scanner must know of the Go type that a value will fill:
// the exact names of its members, and whether null has a place. A nil shape
// stands for anything. A pointer has the shape of what it points to.
type shape struct {
	kind    kind
	name    string            // for error texts
	null    bool              // null is a value of the type, not a way of being absent
	err     error             // a type that must not be decoded into
	elem    *shape            // of a slice or map
	members map[string]member // of a struct
	folded  map[string]string // of a struct: folded name to exact name
}

type kind int

const (
	kindAny kind = iota
	kindString
	kindNumber
	kindBool
	kindStruct
	kindSlice
	kindMap
	kindPresence  // presence
	kindSpan      // span
	kindRaw       // json.RawMessage
	kindText      // encoding.TextUnmarshaler
	kindUnmarshal // json.Unmarshaler
)

// presence tells of a member that it is there, whatever it holds.
type presence bool

// span is a string that shares memory with the text, where that has no
// escapes: for what is looked at and not kept.
type span []byte

type member struct {
	shape *shape
	index []int // through embedded structs; nil: no field takes it
}

// in gives the field of v that the member fills.
func (m member) in(v reflect.Value) reflect.Value {
	if !v.IsValid() || m.index == nil {
		return reflect.Value{}
	}
	return v.FieldByIndex(m.index)
}

var (
	anyShape = &shape{kind: kindAny, name: "anything", null: true}
	anyMap   = &shape{kind: kindMap, name: "object", elem: anyShape}
	anySlice = &shape{kind: kindSlice, name: "array", elem: anyShape}
)

func (s *shape) nullable() bool { return s == nil || s.null }

func (s *shape) opaque() bool { return s.kind >= kindRaw }

func (s *shape) isStruct() bool { return s != nil && s.members != nil }

func (s *shape) element() *shape {
	if s == nil {
		return nil
	}
	return s.elem
}

// memberNamed gives the member that a name fills. A name that is none of the
// struct's but would be one if case did not matter is refused: other readers
// take it for the member.
func (s *shape) memberNamed(name []byte) (member, error) {
	if s == nil || s.members == nil {
		return member{shape: s.element()}, nil
	}
	if m, ok := s.members[string(name)]; ok {
		return m, nil
	}
	var buf [64]byte
	if exact, ok := s.folded[string(fold(buf[:0], name))]; ok {
		return member{}, fmt.Errorf("member %s differs from %q by case only", quote(name), exact)
	}
	return member{}, nil
}

// fold appends to buf what is the same for all names that differ by simple
// case folding only: each rune becomes the smallest of its orbit.
func fold(buf, name []byte) []byte {
	for len(name) > 0 {
		r, n := rune(name[0]), 1
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(name)
			for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(r) {
				smaller := next < r
				r = next
				if smaller {
					break
				}
			}
		}
		buf, name = utf8.AppendRune(buf, r), name[n:]
	}
	return buf
}

var (
	shapesLock sync.RWMutex
	shapes     = map[reflect.Type]*shape{}

	presenceType    = reflect.TypeFor[presence]()
	spanType        = reflect.TypeFor[span]()
	rawMessage      = reflect.TypeFor[json.RawMessage]()
	jsonNumber      = reflect.TypeFor[json.Number]()
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
	// A type that holds an unusable one is unusable. Types may be recursive, so
	// the word is spread until nothing changes.
	for changed := true; changed; {
		changed = false
		for _, f := range fresh {
			if f.err == nil {
				f.err = f.innerError()
				changed = changed || f.err != nil
			}
		}
	}
	for t, f := range fresh {
		shapes[t] = f
	}
	return s
}

func (s *shape) innerError() error {
	if s.elem != nil && s.elem.err != nil {
		return s.elem.err
	}
	for _, m := range s.members {
		if m.shape.err != nil {
			return m.shape.err
		}
	}
	return nil
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
	case t == rawMessage:
		s.kind, s.null = kindRaw, true
		return s
	case t == presenceType:
		s.kind, s.null = kindPresence, true
		return s
	case t == spanType:
		s.kind, s.name = kindSpan, "string"
		return s
	case reflect.PointerTo(t).Implements(jsonUnmarshaler):
		s.kind, s.null = kindUnmarshal, true // its own decoder judges
		return s
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		s.kind = kindText
		return s
	case t == jsonNumber:
		s.kind, s.name = kindNumber, "number"
		return s
	}
	switch t.Kind() {
	case reflect.Interface:
		s.kind, s.name, s.null = kindAny, "anything", true
		if t.NumMethod() > 0 {
			s.err = fmt.Errorf("jose: nothing can be decoded into %v", t)
		}
	case reflect.String:
		s.kind = kindString
	case reflect.Bool:
		s.kind = kindBool
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			s.err = fmt.Errorf("jose: %v has no strict form in JSON: use string and DecodeBase64URL", t)
			return s
		}
		s.kind, s.name = kindSlice, "array"
		s.elem = build(t.Elem(), fresh)
	case reflect.Map:
		if t.Key().Kind() != reflect.String || reflect.PointerTo(t.Key()).Implements(textUnmarshaler) {
			s.err = fmt.Errorf("jose: %v has keys that are not strings", t)
			return s
		}
		s.kind, s.name = kindMap, "object"
		s.elem = build(t.Elem(), fresh)
	case reflect.Struct:
		s.kind, s.name, s.members, s.folded = kindStruct, "object", map[string]member{}, map[string]string{}
		s.addFields(t, nil, fresh)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Uintptr, reflect.Float32, reflect.Float64:
		s.kind = kindNumber
	default:
		s.err = fmt.Errorf("jose: nothing can be decoded into %v", t)
	}
	return s
}

// addFields lists the members of a struct. What encoding/json has rules for
// that nobody remembers, it refuses: two fields of one name, embedded
// pointers, numbers in strings.
func (s *shape) addFields(t reflect.Type, path []int, fresh map[reflect.Type]*shape) {
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" {
			continue
		}
		index := append(path[:len(path):len(path)], f.Index...)
		if f.Anonymous && name == "" {
			if f.Type.Kind() != reflect.Struct {
				s.err = fmt.Errorf("jose: %v embeds %v", t, f.Type)
				continue
			}
			s.addFields(f.Type, index, fresh)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if _, twice := s.members[name]; twice || strings.Contains(options, "string") {
			s.err = fmt.Errorf("jose: %v has two fields for %q, or a number in a string", t, name)
		}
		s.members[name] = member{build(f.Type, fresh), index}
		s.folded[string(fold(nil, []byte(name)))] = name
	}
}
