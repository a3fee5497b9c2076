package jose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// DecodeJSON decodes one JSON text into v, a non-nil pointer.
//
// It refuses what two readers could understand differently: two members of
// one name (after their escapes are resolved), a member that equals one of
// v's by folding of case only, nesting deeper than 16, lone surrogates,
// invalid UTF-8, a byte order mark, anything after the value, numbers beyond
// float64. Null fits only any, json.RawMessage and types with their own
// UnmarshalJSON: a member of the wrong type is never read as absent. Numbers
// in an any become json.Number; integer targets refuse fractions, exponents
// and overflow. Unknown members are ignored, as OAuth and OpenID demand.
//
// Field names follow encoding/json, and what is accepted reads as it would
// there. v may hold structs, slices, arrays (which must be met in full), maps
// with string keys, pointers, any, json.RawMessage, json.Number, and types with
// UnmarshalJSON or UnmarshalText; no []byte.
//
// On failure v is as it was; on success nothing of its old value is left, and
// nothing in it shares memory with data.
func DecodeJSON(data []byte, v any) error { return DecodeJSONLimit(data, v, maxJSON) }

// DecodeJSONLimit is DecodeJSON for texts of at most max bytes.
func DecodeJSONLimit(data []byte, v any, max int) error { return decode(data, v, max, nil) }

// DecodeClosed is DecodeJSON for an object whose members are all known: one that
// v's type does not have is refused, in every struct that is met, but for also
// in the outermost. v is zero.
func DecodeClosed(data []byte, v any, also ...string) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || !target.Elem().IsZero() {
		return errors.New("jose: DecodeClosed needs a pointer to a zero value")
	}
	target = target.Elem()
	sh := shapeOf(target.Type())
	if sh.err != nil {
		return sh.err
	}
	err := scan(data, sh, target, maxJSON, manner{closed: true, also: also})
	if err != nil {
		target.SetZero()
	}
	return err
}

// decode is DecodeJSONLimit, and tells member of each top-level member, as
// parts of data.
func decode(data []byte, v any, max int, member func(name, value []byte)) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return errors.New("jose: DecodeJSON needs a non-nil pointer")
	}
	target = target.Elem()
	sh := shapeOf(target.Type())
	if sh.err != nil {
		return sh.err
	}
	if target.IsZero() { // the usual case: no second copy is needed
		err := scan(data, sh, target, max, manner{member: member})
		if err != nil {
			target.SetZero()
		}
		return err
	}
	fresh := reflect.New(target.Type()).Elem()
	if err := scan(data, sh, fresh, max, manner{member: member}); err != nil {
		return err
	}
	target.Set(fresh)
	return nil
}

// silent keeps the cause for errors.Is and errors.As, and its text from the
// log: time.Parse and others quote what they were given.
type silent struct{ err error }

func (s silent) Error() string { return "a value does not read as its type" }
func (s silent) Unwrap() error { return s.err }

// CheckJSON applies the rules of DecodeJSON to a text of at most max bytes
// without decoding it.
func CheckJSON(data []byte, max int) error {
	return scan(data, nil, reflect.Value{}, max, manner{})
}

// Members gives the members of a strict top-level object, values as received.
// The values are parts of data.
func Members(data []byte) (map[string]json.RawMessage, error) {
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return nil, fmt.Errorf("%w: JSON object expected", ErrMalformed)
	}
	out := map[string]json.RawMessage{}
	m := manner{member: func(name, value []byte) { out[string(name)] = value }}
	if err := scan(data, nil, reflect.Value{}, maxJSON, m); err != nil {
		return nil, err
	}
	return out, nil
}
