package elements

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"vidimus/internal/cbor"
)

// wireCBOR gives the value that the CBOR encoder writes for a neutral value.
func wireCBOR(kind Kind, neutral any) any {
	switch v := neutral.(type) {
	case string:
		switch kind {
		case KindDate, KindDateTime, KindDateOrTime:
			if len(v) == len(time.DateOnly) {
				return cbor.FullDate(v)
			}
			t, _ := cbor.ParseDateTime(v)
			return t
		}
	case []Privilege:
		list := make([]any, len(v))
		for i, p := range v {
			list[i] = p.cbor()
		}
		return list
	}
	return neutral
}

// wireJSON gives the JSON value for a neutral value.
func wireJSON(kind Kind, neutral any) any {
	switch v := neutral.(type) {
	case string:
		// The PID Rulebook, 4.1, has dates without time, whatever the mdoc says.
		if kind == KindDateOrTime {
			return v[:len(time.DateOnly)]
		}
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case []byte:
		return dataURL(kind, v)
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list
	case map[string]string:
		object := make(map[string]any, len(v))
		for k, s := range v {
			object[k] = s
		}
		return object
	case []Privilege:
		list := make([]any, len(v))
		for i, p := range v {
			list[i] = p.json()
		}
		return list
	}
	return neutral
}

// dataURL writes bytes as RFC 2397 text. An empty picture is an empty text: the
// holder opted out of it (PID Rulebook, 4.1).
func dataURL(kind Kind, b []byte) string {
	if len(b) == 0 && kind == KindJPEG {
		return ""
	}
	media := "application/octet-stream"
	if kind == KindJPEG || kind == KindImage {
		media = "image/jpeg"
		if sniff(b) != FormatJPEG {
			media = "image/jp2"
		}
	}
	return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString(b)
}
