package jose

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// scanner walks one JSON text (RFC 8259) once, and refuses whatever two
// readers could understand differently. It keeps nothing but the names of the
// objects that are open.
type scanner struct {
	data   []byte
	pos    int
	depth  int
	values int
	names  [][]byte   // names seen, all open objects, innermost last
	few    [24][]byte // where names starts
	manner
}

// manner is what a reader of a text wants beside its value.
type manner struct {
	// member is told of each member of the outermost object, value as received.
	member func(name, value []byte)
	// closed: members that a struct does not have are refused, but for also in
	// the outermost object.
	closed bool
	also   []string
}

// scanners are used again: their list of names is as large as a header.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

// scan runs a scanner over a whole text of at most max bytes.
func scan(data []byte, sh *shape, v reflect.Value, max int, m manner) error {
	s := scanners.Get().(*scanner)
	s.data, s.manner, s.names = data, m, s.few[:0]
	err := s.document(sh, v, max)
	*s = scanner{} // nothing of the text stays behind
	scanners.Put(s)
	return err
}

func (s *scanner) fail(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: JSON %s at byte %d", kind, fmt.Sprintf(format, args...), s.pos)
}

// document scans a whole text of at most max bytes against sh (nil = any), and
// fills v with it unless v is the zero reflect.Value.
func (s *scanner) document(sh *shape, v reflect.Value, max int) error {
	if len(s.data) > max {
		return fmt.Errorf("%w: JSON text of %d bytes, at most %d", ErrLimit, len(s.data), max)
	}
	s.space()
	if err := s.value(sh, v); err != nil {
		return err
	}
	s.space()
	if s.pos != len(s.data) {
		return s.fail(ErrMalformed, "goes on after its value")
	}
	return nil
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek gives the next byte, and 0 at the end: NUL is no JSON either.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// value scans one value of shape sh into v.
func (s *scanner) value(sh *shape, v reflect.Value) error {
	if s.values++; s.values > maxValues {
		return s.fail(ErrLimit, "has more than %d values", maxValues)
	}
	if v.IsValid() {
		if s.peek() == 'n' && !sh.nullable() {
			return s.null(sh)
		}
		if !sh.opaque() {
			return s.fill(sh, v)
		}
		// Its own decoder wants the text.
		start := s.pos
		if err := s.value(nil, reflect.Value{}); err != nil {
			return err
		}
		return s.hand(sh, v, bytes.Clone(s.data[start:s.pos]))
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(sh, v)
	case c == '[':
		return s.array(sh, v)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, err := s.number()
		return err
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.null(sh)
	}
	return s.fail(ErrMalformed, "value expected")
}

func (s *scanner) null(sh *shape) error {
	if err := s.word("null"); err != nil {
		return err
	}
	if !sh.nullable() {
		return s.misfit("null", sh)
	}
	return nil
}

// misfit refuses a value of the wrong type. It names the member, never the
// value, which may be personal.
func (s *scanner) misfit(what string, sh *shape) error {
	where := ""
	if n := len(s.names); n > 0 {
		where = " near member " + quote(s.names[n-1])
	}
	return s.fail(ErrMalformed, "%s where %s is due%s", what, sh.name, where)
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail(ErrLimit, "is nested deeper than %d", maxDepth)
	}
	s.pos++ // the bracket
	return nil
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return s.fail(ErrMalformed, "value expected")
	}
	s.pos += len(w)
	return nil
}

func (s *scanner) array(sh *shape, v reflect.Value) error {
	if err := s.enter(); err != nil {
		return err
	}
	elem := sh.element()
	if s.space(); s.peek() == ']' {
		s.pos++
		s.depth--
		return nil
	}
	for n := 0; ; n++ {
		s.space()
		if err := s.value(elem, item(v, n)); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			s.depth--
			return nil
		default:
			return s.fail(ErrMalformed, "comma or ] expected")
		}
	}
}

func (s *scanner) object(sh *shape, v reflect.Value) error {
	if err := s.enter(); err != nil {
		return err
	}
	first := len(s.names)
	var index map[string]bool // only once there are many names
	if s.space(); s.peek() == '}' {
		s.pos++
		s.depth--
		return nil
	}
	for {
		s.space()
		if s.peek() != '"' {
			return s.fail(ErrMalformed, "member name expected")
		}
		name, err := s.text()
		if err != nil {
			return err
		}
		if index, err = s.unique(name, s.names[first:], index); err != nil {
			return err
		}
		s.names = append(s.names, name)
		inner, err := sh.memberNamed(name)
		if err != nil {
			return s.fail(ErrMalformed, "%v", err)
		}
		if s.closed && inner.index == nil && sh.isStruct() && !(s.depth == 1 && slices.Contains(s.also, string(name))) {
			return s.fail(ErrMalformed, "member %s is unknown", quote(name))
		}
		s.space()
		if s.peek() != ':' {
			return s.fail(ErrMalformed, "colon expected")
		}
		s.pos++
		s.space()
		start := s.pos
		if v.IsValid() && v.Kind() == reflect.Map {
			err = s.entry(inner.shape, v, name)
		} else {
			err = s.value(inner.shape, inner.in(v))
		}
		if err != nil {
			return err
		}
		if s.member != nil && s.depth == 1 {
			s.member(name, s.data[start:s.pos:s.pos])
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			s.depth--
			s.names = s.names[:first]
			return nil
		default:
			return s.fail(ErrMalformed, "comma or } expected")
		}
	}
}

// unique refuses a name that its object already has. Few names are compared
// one by one, many through a map.
func (s *scanner) unique(name []byte, seen [][]byte, index map[string]bool) (map[string]bool, error) {
	const few = 12
	dup := false
	switch {
	case len(seen) >= maxMembers:
		return nil, s.fail(ErrLimit, "object has more than %d members", maxMembers)
	case index != nil:
		dup = index[string(name)]
		index[string(name)] = true
	case len(seen) < few:
		for _, n := range seen {
			dup = dup || bytes.Equal(n, name)
		}
	default:
		index = make(map[string]bool, 4*few)
		for _, n := range seen {
			index[string(n)] = true
		}
		dup = index[string(name)]
		index[string(name)] = true
	}
	if dup {
		return nil, s.fail(ErrMalformed, "member %s is there twice", quote(name))
	}
	return index, nil
}
