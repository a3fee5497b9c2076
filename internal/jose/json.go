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
// On failure v is as it was; on success nothing of its old value is left.
func DecodeJSON(data []byte, v any) error { return DecodeJSONLimit(data, v, maxJSON) }

// DecodeJSONLimit is DecodeJSON for texts of at most max bytes.
func DecodeJSONLimit(data []byte, v any, max int) error { return decode(data, v, max, nil) }

// decode is DecodeJSONLimit, and tells member of each top-level member when v
// is a struct.
func decode(data []byte, v any, max int, member func(name, value []byte)) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return errors.New("jose: DecodeJSON needs a non-nil pointer")
	}
	sh := shapeOf(target.Type().Elem())
	if sh.err != nil {
		return sh.err
	}
	s := scanner{data: data, member: member}
	if err := s.document(sh, max); err != nil {
		return err
	}
	fresh := reflect.New(target.Type().Elem())
	if err := unmarshal(data, fresh.Interface(), sh.any); err != nil {
		return err
	}
	target.Elem().Set(fresh.Elem())
	return nil
}

// unmarshal runs encoding/json over a text that the scanner has let pass.
func unmarshal(data []byte, v any, exactNumbers bool) error {
	var err error
	if exactNumbers {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		err = d.Decode(v)
	} else {
		err = json.Unmarshal(data, v)
	}
	if err == nil {
		return nil
	}
	for _, kind := range []error{ErrMalformed, ErrLimit, ErrUnsupported, ErrKey} {
		if errors.Is(err, kind) { // from an UnmarshalJSON that came back here
			return err
		}
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		// The library's own text would quote the value, which may be personal.
		kind, _, _ := bytes.Cut([]byte(wrong.Value), []byte(" "))
		return fmt.Errorf("%w: JSON member %s: %s where %v is due", ErrMalformed, quote([]byte(wrong.Field)), kind, wrong.Type)
	}
	return fmt.Errorf("%w: JSON: %w", ErrMalformed, silent{err})
}

// silent keeps the cause for errors.Is and errors.As, and its text from the
// log: time.Parse and others quote what they were given.
type silent struct{ err error }

func (s silent) Error() string { return "a value does not read as its type" }
func (s silent) Unwrap() error { return s.err }

// CheckJSON applies the rules of DecodeJSON to a text of at most max bytes
// without decoding it.
func CheckJSON(data []byte, max int) error {
	s := scanner{data: data}
	return s.document(nil, max)
}

// Members gives the members of a strict top-level object, values as received.
// The values are parts of data.
func Members(data []byte) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	s := scanner{data: data, member: func(name, value []byte) { out[string(name)] = value }}
	if s.space(); s.peek() != '{' {
		return nil, s.fail(ErrMalformed, "object expected")
	}
	if err := s.document(nil, maxJSON); err != nil {
		return nil, err
	}
	return out, nil
}
