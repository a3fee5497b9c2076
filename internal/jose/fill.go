package jose

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// fill scans one value straight into v, whose type is neither opaque nor left
// to encoding/json. Null has been dealt with unless it fits.
func (s *scanner) fill(sh *shape, v reflect.Value) error {
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	c := s.peek()
	number := c == '-' || '0' <= c && c <= '9'
	switch {
	case sh.kind == kindAny:
		x, err := s.anything()
		if err == nil && x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	case c == '{' && sh.kind == kindStruct:
		return s.object(sh, v)
	case c == '{' && sh.kind == kindMap:
		v.Set(reflect.MakeMap(v.Type()))
		return s.object(sh, v)
	case c == '[' && sh.kind == kindSlice && v.Kind() == reflect.Array:
		list := reflect.New(reflect.SliceOf(v.Type().Elem())).Elem()
		if err := s.array(sh, list); err != nil {
			return err
		}
		if list.Len() != v.Len() {
			return s.misfit("an array of another length", sh)
		}
		reflect.Copy(v, list)
		return nil
	case c == '[' && sh.kind == kindSlice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return s.array(sh, v)
	case c == '"' && sh.kind == kindString:
		text, err := s.text()
		if err == nil {
			v.SetString(string(text))
		}
		return err
	case number && sh.kind == kindNumber:
		return s.fillNumber(sh, v)
	case c == '"' && sh.kind == kindSpan:
		text, err := s.text()
		v.SetBytes(text)
		return err
	case sh.kind == kindPresence:
		v.SetBool(true)
		return s.value(nil, reflect.Value{})
	case (c == 't' || c == 'f') && sh.kind == kindBool:
		v.SetBool(c == 't')
		return s.word(map[bool]string{true: "true", false: "false"}[c == 't'])
	}
	// The wrong type: scanned to the end, so that what is not JSON is called so.
	start := s.pos
	if err := s.value(nil, reflect.Value{}); err != nil {
		return err
	}
	return s.misfit(typeOf(s.data[start]), sh)
}

func (s *scanner) fillNumber(sh *shape, v reflect.Value) error {
	text, err := s.number()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || v.OverflowInt(n) {
			return s.misfit("a fraction or a number out of range", sh)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil || v.OverflowUint(n) {
			return s.misfit("a fraction or a number out of range", sh)
		}
		v.SetUint(n)
	case reflect.String: // json.Number
		v.SetString(string(text))
	default:
		f, err := strconv.ParseFloat(string(text), v.Type().Bits())
		if err != nil || v.OverflowFloat(f) {
			return s.misfit("a number out of range", sh)
		}
		v.SetFloat(f)
	}
	return nil
}

// item gives the place of the n-th element of an array.
func item(v reflect.Value, n int) reflect.Value {
	if !v.IsValid() {
		return v
	}
	if n == v.Cap() {
		v.Grow(max(1, n))
	}
	v.SetLen(n + 1)
	return v.Index(n)
}

// entry scans the value of a map's member.
func (s *scanner) entry(sh *shape, v reflect.Value, name []byte) error {
	if v.Type() == anyMapType {
		if s.values++; s.values > maxValues {
			return s.fail(ErrLimit, "has more than %d values", maxValues)
		}
		x, err := s.anything()
		if err == nil {
			v.Interface().(map[string]any)[string(name)] = x
		}
		return err
	}
	elem := reflect.New(v.Type().Elem()).Elem()
	if err := s.value(sh, elem); err != nil {
		return err
	}
	v.SetMapIndex(reflect.ValueOf(string(name)).Convert(v.Type().Key()), elem)
	return nil
}

// hand gives the text of a value to the type's own decoder.
func (s *scanner) hand(sh *shape, v reflect.Value, text []byte) error {
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch sh.kind {
	case kindRaw:
		v.SetBytes(text)
		return nil
	case kindText:
		if text[0] != '"' {
			return s.misfit(typeOf(text[0]), sh)
		}
		inner := scanner{data: text}
		content, err := inner.text()
		if err != nil {
			return err
		}
		return foreign(v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(content))
	}
	return foreign(v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(text))
}

var anyMapType = reflect.TypeFor[map[string]any]()

// anything scans a value without a type: numbers stay exact as json.Number.
func (s *scanner) anything() (any, error) {
	switch c := s.peek(); {
	case c == '{':
		m := map[string]any{}
		return m, s.object(anyMap, reflect.ValueOf(m))
	case c == '[':
		list := []any{}
		err := s.array(anySlice, reflect.ValueOf(&list).Elem())
		return list, err
	case c == '"':
		text, err := s.text()
		return string(text), err
	case c == '-' || '0' <= c && c <= '9':
		text, err := s.number()
		return json.Number(text), err
	case c == 't':
		return true, s.word("true")
	case c == 'f':
		return false, s.word("false")
	case c == 'n':
		return nil, s.word("null")
	}
	return nil, s.fail(ErrMalformed, "value expected")
}

func typeOf(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// foreign names the kind of an error of a type's own decoder.
func foreign(err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{ErrMalformed, ErrLimit, ErrUnsupported, ErrKey} {
		if errors.Is(err, kind) { // it came back here
			return err
		}
	}
	return fmt.Errorf("%w: JSON: %w", ErrMalformed, silent{err})
}
