package registry

import (
	"bytes"
	"encoding/json"
	"strconv"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// claims are those of an event's token, with the body of its one event apart.
type claims struct {
	Issuer   string                     `json:"iss"`
	Audience json.RawMessage            `json:"aud"`
	IssuedAt *int64                     `json:"iat"`
	JTI      string                     `json:"jti"`
	TXN      string                     `json:"txn"`
	TOE      *int64                     `json:"toe"`
	SubID    json.RawMessage            `json:"sub_id"`
	Events   map[string]json.RawMessage `json:"events"`

	// body is the value of the only event; nil when there is none.
	body []byte
}

// readClaims reads the claims. The body, which may hold a portrait, is only
// skipped here, and read once and strictly by document.ParsePayload: claims
// are those of the text without it. What the skipping does not understand is
// read in full.
func readClaims(payload []byte) (claims, error) {
	var c claims
	text := payload
	start, end, found := eventBody(payload)
	if found {
		text = make([]byte, 0, start+1+len(payload)-end)
		text = append(append(append(text, payload[:start]...), '0'), payload[end:]...)
	}
	if err := jose.DecodeJSONLimit(text, &c, MaxItem); err != nil {
		return claims{}, problem.Wrap(problem.InvalidRequest, err, "claims: %s", err)
	}
	if found {
		c.body = payload[start:end:end]
		return c, nil
	}
	for _, c.body = range c.Events {
	}
	return c, nil
}

// eventBody finds the object that is the first member's value in the member
// events. found is false for whatever is not plainly so.
func eventBody(p []byte) (start, end int, found bool) {
	m := members{text: p}
	for m.next() {
		if string(m.name) != "events" {
			continue
		}
		inner := members{text: m.value}
		if !inner.next() || inner.value[0] != '{' {
			return 0, 0, false
		}
		start = m.start + inner.start
		return start, start + len(inner.value), true
	}
	return 0, 0, false
}

// order reads seq and prev of a body.
func order(body []byte) (seq uint64, prev *uint64, err error) {
	m := members{text: body}
	for m.next() {
		switch string(m.name) {
		case "seq":
			n, plain := natural(m.value)
			if !plain {
				return slowOrder(body)
			}
			seq = n
		case "prev":
			n, plain := natural(m.value)
			if !plain {
				return slowOrder(body)
			}
			prev = &n
		}
	}
	if m.odd {
		return slowOrder(body)
	}
	return seq, prev, nil
}

func slowOrder(body []byte) (seq uint64, prev *uint64, err error) {
	var o struct {
		Seq  uint64  `json:"seq"`
		Prev *uint64 `json:"prev"`
	}
	if err := jose.DecodeJSONLimit(body, &o, MaxItem); err != nil {
		return 0, nil, problem.Wrap(problem.InvalidRequest, err, "seq, prev: %s", err)
	}
	return o.Seq, o.Prev, nil
}

// natural reads a number in its only plain spelling.
func natural(text []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, err == nil && (text[0] != '0' || len(text) == 1)
}

// members walks over the members of one JSON object and skips their values at
// the speed of memory. It checks only what it needs to find its way: whoever
// uses it has the text, or what is left of it, read strictly by jose.
type members struct {
	text        []byte
	pos         int
	begun       bool
	name, value []byte
	start       int  // of value
	odd         bool // not understood: a name with an escape, not an object
}

func (m *members) next() bool {
	m.space()
	switch c := m.peek(); {
	case !m.begun && c == '{' || m.begun && c == ',':
		m.begun = true
		m.pos++
	case m.begun && c == '}':
		return false
	default:
		m.odd = true
		return false
	}
	m.space()
	if m.peek() == '}' {
		return false
	}
	begin := m.pos + 1
	if m.peek() != '"' || !m.quoted() {
		m.odd = true
		return false
	}
	m.name = m.text[begin : m.pos-1]
	m.space()
	if m.peek() != ':' || bytes.IndexByte(m.name, '\\') >= 0 {
		m.odd = true
		return false
	}
	m.pos++
	m.space()
	m.start = m.pos
	if !m.skip() || m.pos == m.start {
		m.odd = true
		return false
	}
	m.value = m.text[m.start:m.pos]
	return true
}

func (m *members) peek() byte {
	if m.pos < len(m.text) {
		return m.text[m.pos]
	}
	return 0
}

func (m *members) space() {
	for m.pos < len(m.text) && (m.text[m.pos] == ' ' || m.text[m.pos] == '\n' || m.text[m.pos] == '\r' || m.text[m.pos] == '\t') {
		m.pos++
	}
}

// skip moves behind one value.
func (m *members) skip() bool {
	for depth := 0; m.pos < len(m.text); {
		switch m.text[m.pos] {
		case '"':
			if !m.quoted() {
				return false
			}
			if depth == 0 {
				return true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return true // of the object around
			}
			if depth--; depth == 0 {
				m.pos++
				return true
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return true
			}
		}
		m.pos++
	}
	return false
}

// quoted moves behind one string.
func (m *members) quoted() bool {
	for first, i := m.pos+1, m.pos+1; ; {
		n := bytes.IndexByte(m.text[i:], '"')
		if n < 0 {
			return false
		}
		i += n
		back := i
		for back > first && m.text[back-1] == '\\' {
			back--
		}
		if (i-back)%2 == 0 {
			m.pos = i + 1
			return true
		}
		i++
	}
}
