package elements

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"vidimus/internal/cbor"
)

func TestRender(t *testing.T) {
	for item, want := range map[string]string{
		"d903ec6a313939312d30332d3039":                 `"1991-03-09"`,
		"c074323033302d30382d33315430303a30303a30305a": `"2030-08-31T00:00:00Z"`,
		"43010203":           `"AQID"`,
		"18ac":               `172`,
		"1bffffffffffffffff": `18446744073709551615`,
		"3903e7":             `-1000`,
		"f5":                 `true`,
		"f6":                 `null`,
		"fb3ff8000000000000": `1.5`,
		"82624649625345":     `["FI","SE"]`,
		"a2616101200f":       `{"-1":15,"a":1}`,
		"d8646161":           `{"tag":100,"value":"a"}`,
	} {
		raw, err := hex.DecodeString(item)
		if err != nil {
			t.Fatal(err)
		}
		value, err := Render(raw)
		if err != nil {
			t.Errorf("%s: %v", item, err)
			continue
		}
		if text, _ := json.Marshal(value); string(text) != want {
			t.Errorf("%s: %s, want %s", item, text, want)
		}
	}
	for _, bad := range [][]byte{nil, {0x01, 0x02}, {0xa2, 0x01, 0x01, 0x61, '1', 0x02}, {0x5f, 0xff}, {0xf9, 0x7e, 0x00}} {
		if value, err := Render(cbor.RawMessage(bad)); !errors.Is(err, ErrEncoding) || value != nil {
			t.Errorf("%x: %v, %v", bad, value, err)
		}
	}
}
