package document

import (
	"encoding/json"
	"fmt"
	"strings"

	"vidimus/internal/jose"
)

// UnmarshalJSON reads attributes, from a registry or from a store. Binary
// attributes are padded base64 in JSON; numbers must be whole.
func (a *Attributes) UnmarshalJSON(data []byte) error {
	var m map[string]any
	if err := jose.DecodeJSON(data, &m); err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("%w: attributes are not an object", jose.ErrMalformed)
	}
	if err := plainValues(m); err != nil {
		return err
	}
	*a = m
	return nil
}

// plainValues turns decoded JSON values into the types that Attributes
// documents, in place.
func plainValues(m map[string]any) error {
	for name, v := range m {
		if _, text := v.(string); text && !isBinary(name) {
			continue
		}
		plain, err := plainValue(name, v, 0)
		if err != nil {
			return err
		}
		m[name] = plain
	}
	return nil
}

// isBinary says which names hold octets: JSON itself cannot say.
func isBinary(name string) bool {
	return name == "portrait" || name == "signature_usual_mark" || strings.HasPrefix(name, "biometric_template_")
}

// plainValue is plainValues of one value.
func plainValue(name string, value any, depth int) (any, error) {
	if depth >= MaxDepth {
		return nil, badAttribute(name, "is nested too deeply")
	}
	switch v := value.(type) {
	case bool:
		return value, nil
	case string:
		if depth == 0 && isBinary(name) {
			b, err := jose.DecodeBase64(v)
			if err != nil {
				return nil, badAttribute(name, "not padded base64")
			}
			return b, nil
		}
		return value, nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, badAttribute(name, "numbers must be whole")
		}
		return n, nil
	case []any:
		return plainArray(name, v, depth)
	case map[string]any:
		if len(v) > MaxItems {
			return nil, badAttribute(name, "has more than %d members", MaxItems)
		}
		for k, item := range v {
			plain, err := plainValue(name, item, depth+1)
			if err != nil {
				return nil, err
			}
			v[k] = plain
		}
		return value, nil
	}
	return nil, badAttribute(name, "is null")
}

// badAttribute carries jose's sentinel: the decoder above hides other texts,
// since they could quote values.
func badAttribute(name, why string, args ...any) error {
	return fmt.Errorf("%w: attribute %s: "+why, append([]any{jose.ErrMalformed, safeName(name)}, args...)...)
}

// plainArray gives []string when every item is one, else []any.
func plainArray(name string, v []any, depth int) (any, error) {
	if len(v) > MaxItems {
		return nil, badAttribute(name, "has more than %d items", MaxItems)
	}
	texts := make([]string, 0, len(v))
	for i, item := range v {
		plain, err := plainValue(name, item, depth+1)
		if err != nil {
			return nil, err
		}
		v[i] = plain
		if s, ok := plain.(string); ok {
			texts = append(texts, s)
		}
	}
	if len(texts) == len(v) {
		return texts, nil
	}
	return v, nil
}
