package sdjwt

import (
	"unicode/utf8"

	"vidimus/internal/jose"
)

// decodeTree reads JSON of untrusted parties into maps, slices, strings, bools,
// nil and numbers as text. package jose judges the text; only what it accepts
// is walked, so that the walk below has nothing left to refuse. The result is
// that of jose.DecodeJSON, which the fuzz test compares, at a third of the
// cost: an issuer reads back every disclosure that it makes.
func decodeTree(data []byte) (any, error) {
	if err := jose.CheckJSON(data, maxSize); err != nil {
		return nil, err
	}
	r := treeReader{text: string(data)}
	r.space()
	return r.value(), nil
}

// decodeObject is decodeTree for a text that must be an object.
func decodeObject(data []byte) (map[string]any, error) {
	v, err := decodeTree(data)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errNotObject
	}
	return object, nil
}

// part is one of the elements of a disclosure. Texts are kept apart from other
// values, to be looked at without a detour over an interface.
type part struct {
	isText bool
	text   string
	value  any
}

func (p *part) any() any {
	if p.isText {
		return p.text
	}
	return p.value
}

// decodeParts is decodeTree for an array. It gives the first three elements
// and the number of all.
func decodeParts(data []byte) (parts [3]part, n int, err error) {
	if err := jose.CheckJSON(data, maxSize); err != nil {
		return parts, 0, err
	}
	r := treeReader{text: string(data)}
	if r.space(); r.text[r.pos] != '[' {
		return parts, 0, errNotArray
	}
	r.pos++
	if r.space(); r.text[r.pos] == ']' {
		return parts, 0, nil
	}
	for ; ; n++ {
		var p part
		if p.isText = r.text[r.pos] == '"'; p.isText {
			p.text = r.string()
		} else {
			p.value = r.value()
		}
		if n < len(parts) {
			parts[n] = p
		}
		if r.separator() == ']' {
			return parts, n + 1, nil
		}
	}
}

// treeReader walks a text that jose.CheckJSON has accepted. Strings without
// escapes are parts of the text, not copies.
type treeReader struct {
	text string
	pos  int
}

func (r *treeReader) space() {
	for r.pos < len(r.text) && r.text[r.pos] <= ' ' {
		r.pos++
	}
}

// separator passes a comma, a colon or a closing bracket, and says which.
func (r *treeReader) separator() (c byte) {
	r.space()
	c = r.text[r.pos]
	r.pos++
	if c == ',' || c == ':' {
		r.space()
	}
	return c
}

func (r *treeReader) value() any {
	switch r.text[r.pos] {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		return r.string()
	case 't':
		r.pos += len("true")
		return true
	case 'f':
		r.pos += len("false")
		return false
	case 'n':
		r.pos += len("null")
		return nil
	}
	start := r.pos
	for r.pos < len(r.text) && numberByte(r.text[r.pos]) {
		r.pos++
	}
	return number(r.text[start:r.pos])
}

func numberByte(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (r *treeReader) object() map[string]any {
	r.pos++
	r.space()
	m := map[string]any{}
	if r.text[r.pos] == '}' {
		r.pos++
		return m
	}
	for {
		name := r.string()
		r.separator() // the colon
		m[name] = r.value()
		if r.separator() == '}' {
			return m
		}
	}
}

func (r *treeReader) array() []any {
	r.pos++
	r.space()
	list := make([]any, 0, 3)
	if r.text[r.pos] == ']' {
		r.pos++
		return list
	}
	for {
		list = append(list, r.value())
		if r.separator() == ']' {
			return list
		}
	}
}

func (r *treeReader) string() string {
	r.pos++
	start := r.pos
	for r.text[r.pos] != '"' {
		if r.text[r.pos] == '\\' {
			return r.escaped(start)
		}
		r.pos++
	}
	r.pos++
	return r.text[start : r.pos-1]
}

var escapes = [256]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '/': '/'}

func (r *treeReader) escaped(start int) string {
	out := append(make([]byte, 0, 2*(r.pos-start)+16), r.text[start:r.pos]...)
	for {
		c := r.text[r.pos]
		r.pos++
		switch {
		case c == '"':
			return string(out)
		case c != '\\':
			out = append(out, c)
			continue
		}
		c = r.text[r.pos]
		r.pos++
		if c != 'u' {
			out = append(out, escapes[c])
			continue
		}
		u := r.hex4()
		if 0xD800 <= u && u < 0xDC00 { // surrogates come in pairs, or jose refuses
			r.pos += len(`\u`)
			u = (u-0xD800)<<10 + (r.hex4() - 0xDC00) + 0x10000
		}
		out = utf8.AppendRune(out, u)
	}
}

func (r *treeReader) hex4() (u rune) {
	for range 4 {
		c := rune(r.text[r.pos])
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		u = u<<4 | c
		r.pos++
	}
	return u
}
