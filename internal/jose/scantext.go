package jose

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

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
	for s.pos += plain(s.data[s.pos:]); s.pos < len(s.data); s.pos += plain(s.data[s.pos:]) {
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

// plain is how many octets b begins with that stand in a string for themselves:
// ASCII but quote, backslash and control characters. It takes eight at a time,
// since most of a large text is one string, a picture in base64.
func plain(b []byte) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		quote, back := x^each*'"', x^each*'\\'
		// The lowest bit that is set marks the first octet that is not plain:
		// below it no subtraction has borrowed.
		if odd := (x | (x-each*' ')&^x | (quote-each)&^quote | (back-each)&^back) & high; odd != 0 {
			return n + bits.TrailingZeros64(odd)/8
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

// escaped goes on with a string at its first backslash.
func (s *scanner) escaped(start int) ([]byte, error) {
	out := append([]byte(nil), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		if n := plain(s.data[s.pos:]); n > 0 {
			out = append(out, s.data[s.pos:s.pos+n]...)
			if s.pos += n; s.pos == len(s.data) {
				break
			}
		}
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
func (s *scanner) number() ([]byte, error) {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if s.digits() == 0 {
		return nil, s.fail(ErrMalformed, "number without digits")
	}
	exact := true
	if s.peek() == '.' {
		s.pos++
		if exact = false; s.digits() == 0 {
			return nil, s.fail(ErrMalformed, "number without digits")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if exact = false; s.digits() == 0 {
			return nil, s.fail(ErrMalformed, "number without digits")
		}
	}
	text := s.data[start:s.pos]
	if len(text) > maxNumber {
		return nil, s.fail(ErrLimit, "number is longer than %d characters", maxNumber)
	}
	if exact {
		return text, nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f == 0 && bytes.ContainsAny(mantissa(text), "123456789") {
		return nil, s.fail(ErrLimit, "number is out of range")
	}
	return text, nil
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
