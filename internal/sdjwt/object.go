package sdjwt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"vidimus/internal/jose"
)

// Object is a JSON object whose members keep their order, so that one template
// always gives the same bytes.
//
// A value is nil, a string, a bool, an int, int64, uint64, float64 or
// json.Number, an Object, a map[string]any (members in order of their names),
// a []any or a []string.
type Object []Member

// Member is one member of an [Object].
type Member struct {
	Name  string
	Value any
}

// appendText writes a JSON string with the fewest escapes, so that a name in
// any script keeps its bytes. The text must be valid UTF-8.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// appendScalar writes a value without members or elements.
func appendScalar(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("text is not UTF-8")
		}
		return appendText(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float64:
		text, err := json.Marshal(v) // refuses NaN and infinities
		return append(dst, text...), err
	case json.Number:
		var check any
		if err := jose.DecodeJSON([]byte(v), &check); err != nil {
			return nil, fmt.Errorf("number: %w", err)
		}
		if _, ok := check.(json.Number); !ok {
			return nil, fmt.Errorf("json.Number is not a number")
		}
		return append(dst, v...), nil
	}
	return nil, fmt.Errorf("value of type %T", v)
}

// members gives the members of an object value in their order.
func members(v any) (Object, bool) {
	switch v := v.(type) {
	case Object:
		return v, true
	case map[string]any:
		o := make(Object, 0, len(v))
		for name := range v {
			o = append(o, Member{Name: name, Value: v[name]})
		}
		slices.SortFunc(o, func(a, b Member) int { return compareText(a.Name, b.Name) })
		return o, true
	}
	return nil, false
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// elements gives the elements of an array value.
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out, true
	}
	return nil, false
}

// sameJSON compares decoded JSON values. Numbers are equal when their texts are.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			w, ok := b[name]
			if !ok || !sameJSON(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	case string, bool, number, nil:
		return a == b
	}
	return false
}
