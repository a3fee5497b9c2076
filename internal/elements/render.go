package elements

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// Render turns any element value into JSON values for output: text and dates
// (tags 0 and 1004) become strings, byte strings base64url, integers numbers,
// other tags {"tag": number, "value": ...}. Map keys become text; two keys that
// would become the same are refused. It is for showing and never for deciding.
func Render(item cbor.RawMessage) (any, error) {
	return render(item, 0)
}

func render(item cbor.RawMessage, depth int) (any, error) {
	if depth > maxRenderDepth {
		return nil, fmt.Errorf("%w: nested too deeply", ErrEncoding)
	}
	switch major(item) {
	case majorBytes:
		b, err := cbor.Bytes(item)
		if err != nil {
			return nil, encoding(err)
		}
		return jose.EncodeBase64URL(b), nil
	case majorText:
		s, err := cbor.Text(item)
		if err != nil {
			return nil, encoding(err)
		}
		return s, nil
	case majorArray:
		return renderList(item, depth)
	case majorMap:
		return renderMap(item, depth)
	case majorTag:
		return renderTag(item, depth)
	}
	if n, err := cbor.Int(item); err == nil {
		return json.Number(strconv.FormatInt(n, 10)), nil
	}
	var v any
	if err := cbor.Unmarshal(item, &v); err != nil {
		return nil, encoding(err)
	}
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%w: no finite number", ErrEncoding)
		}
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), nil
	}
	// Integers of any width and simple values print as they are.
	return json.Number(fmt.Sprint(v)), nil
}

func renderList(item cbor.RawMessage, depth int) (any, error) {
	items, err := cbor.ArrayItems(item)
	if err != nil {
		return nil, encoding(err)
	}
	list := make([]any, len(items))
	for i := range items {
		if list[i], err = render(items[i], depth+1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func renderMap(item cbor.RawMessage, depth int) (any, error) {
	entries, err := cbor.MapEntries(item)
	if err != nil {
		return nil, encoding(err)
	}
	object := make(map[string]any, len(entries))
	for _, entry := range entries {
		key, err := render(entry.Key, depth+1)
		if err != nil {
			return nil, err
		}
		name, isText := key.(string)
		if !isText {
			name = fmt.Sprint(key)
		}
		if _, ok := object[name]; ok {
			return nil, fmt.Errorf("%w: two keys that read alike", ErrEncoding)
		}
		if object[name], err = render(entry.Value, depth+1); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func renderTag(item cbor.RawMessage, depth int) (any, error) {
	if date, err := cbor.Date(item); err == nil {
		return string(date), nil
	}
	var tag cbor.RawTag
	if err := cbor.Unmarshal(item, &tag); err != nil {
		return nil, encoding(err)
	}
	content, err := render(cbor.RawMessage(tag.Content), depth+1)
	if err != nil {
		return nil, err
	}
	// The text of a tdate is shown as it was signed.
	if _, isText := content.(string); tag.Number == 0 && isText {
		return content, nil
	}
	return map[string]any{"tag": json.Number(strconv.FormatUint(tag.Number, 10)), "value": content}, nil
}

func encoding(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return nil
}
