package jose

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// scanner walks one JSON text (RFC 8259) once, and refuses whatever two
// readers could understand differently. It keeps nothing but the names of the
// objects that are open.
type scanner struct {
	data   []byte
	pos    int
	depth  int
	values int
	names  [][]byte // names seen, all open objects, innermost last
	// member is told of each member of the outermost object, value as received.
	member func(name, value []byte)
}

func (s *scanner) fail(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: JSON %s at byte %d", kind, fmt.Sprintf(format, args...), s.pos)
}

// document scans a whole text of at most max bytes against sh (nil = any).
func (s *scanner) document(sh *shape, max int) error {
	if len(s.data) > max {
		return fmt.Errorf("%w: JSON text of %d bytes, at most %d", ErrLimit, len(s.data), max)
	}
	s.space()
	if err := s.value(sh); err != nil {
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

func (s *scanner) value(sh *shape) error {
	if s.values++; s.values > maxValues {
		return s.fail(ErrLimit, "has more than %d values", maxValues)
	}
	switch c := s.peek(); {
	case c == '{':
		return s.nested(sh, s.object)
	case c == '[':
		return s.nested(sh, s.array)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		if err := s.word("null"); err != nil {
			return err
		}
		if !sh.nullable() {
			return s.fail(ErrMalformed, "null where a %s is due", sh.name)
		}
		return nil
	}
	return s.fail(ErrMalformed, "value expected")
}

func (s *scanner) nested(sh *shape, scan func(*shape) error) error {
	if s.depth++; s.depth > maxDepth {
		return s.fail(ErrLimit, "is nested deeper than %d", maxDepth)
	}
	s.pos++ // the bracket
	err := scan(sh)
	s.depth--
	return err
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return s.fail(ErrMalformed, "value expected")
	}
	s.pos += len(w)
	return nil
}

func (s *scanner) array(sh *shape) error {
	elem := sh.element()
	if s.space(); s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if err := s.value(elem); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.fail(ErrMalformed, "comma or ] expected")
		}
	}
}

func (s *scanner) object(sh *shape) error {
	first := len(s.names)
	defer func() { s.names = s.names[:first] }()
	var index map[string]bool // only once there are many names
	if s.space(); s.peek() == '}' {
		s.pos++
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
		inner, err := sh.memberShape(name)
		if err != nil {
			return s.fail(ErrMalformed, "%v", err)
		}
		s.space()
		if s.peek() != ':' {
			return s.fail(ErrMalformed, "colon expected")
		}
		s.pos++
		s.space()
		start := s.pos
		if err := s.value(inner); err != nil {
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

// quote makes a name of a peer fit for an error text: escaped, and short.
func quote(name []byte) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return strconv.QuoteToASCII(string(name))
}

// text scans a string and gives its content with the escapes resolved. The
// result is a part of the input when there are none.
func (s *scanner) text() ([]byte, error) {
	s.pos++ // the quote
	start, ascii := s.pos, true
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			out := s.data[start:s.pos:s.pos]
			if !ascii && !utf8.Valid(out) {
				return nil, s.fail(ErrMalformed, "string is not UTF-8")
			}
			s.pos++
			return out, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.fail(ErrMalformed, "string holds a control character")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.pos++
	}
	return nil, s.fail(ErrMalformed, "string does not end")
}

// escaped goes on with a string at its first backslash.
func (s *scanner) escaped(start int) ([]byte, error) {
	out := append([]byte(nil), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, s.fail(ErrMalformed, "string is not UTF-8")
			}
			return out, nil
		case c < ' ':
			return nil, s.fail(ErrMalformed, "string holds a control character")
		case c != '\\':
			out = append(out, c)
			continue
		}
		e := s.peek()
		s.pos++
		switch e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, err := s.unicode()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, s.fail(ErrMalformed, "unknown escape")
		}
	}
	return nil, s.fail(ErrMalformed, "string does not end")
}

// unicode reads what follows \u. A surrogate must come as a pair in order
// (RFC 7493 section 2.1): a lone one has no meaning in UTF-8.
func (s *scanner) unicode() (rune, error) {
	hi, err := s.hex4()
	if err != nil || hi < 0xD800 || hi > 0xDFFF {
		return hi, err
	}
	if hi >= 0xDC00 || !bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
		return 0, s.fail(ErrMalformed, "lone surrogate")
	}
	s.pos += 2
	lo, err := s.hex4()
	if err != nil {
		return 0, err
	}
	if lo < 0xDC00 || lo > 0xDFFF {
		return 0, s.fail(ErrMalformed, "lone surrogate")
	}
	return (hi-0xD800)<<10 + (lo - 0xDC00) + 0x10000, nil
}

func (s *scanner) hex4() (r rune, err error) {
	if len(s.data)-s.pos < 4 {
		return 0, s.fail(ErrMalformed, "short \\u escape")
	}
	for range 4 {
		c := s.data[s.pos]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, s.fail(ErrMalformed, "\\u escape without four hex digits")
		}
		r = r<<4 | rune(c)
		s.pos++
	}
	return r, nil
}

// number scans the grammar of RFC 8259 section 6, and refuses a number that a
// float64 cannot hold even roughly: 1e400, 1e-400.
func (s *scanner) number() error {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if s.digits() == 0 {
		return s.fail(ErrMalformed, "number without digits")
	}
	exact := true
	if s.peek() == '.' {
		s.pos++
		if exact = false; s.digits() == 0 {
			return s.fail(ErrMalformed, "number without digits")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if exact = false; s.digits() == 0 {
			return s.fail(ErrMalformed, "number without digits")
		}
	}
	text := s.data[start:s.pos]
	if len(text) > maxNumber {
		return s.fail(ErrLimit, "number is longer than %d characters", maxNumber)
	}
	if exact {
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f == 0 && bytes.ContainsAny(mantissa(text), "123456789") {
		return s.fail(ErrLimit, "number is out of range")
	}
	return nil
}

func mantissa(number []byte) []byte {
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		return number[:i]
	}
	return number
}

func (s *scanner) digits() (n int) {
	for '0' <= s.peek() && s.peek() <= '9' {
		s.pos++
		n++
	}
	return n
}
