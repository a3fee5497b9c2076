package cbor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// appendixARefused are the examples of RFC 8949, Appendix A that the strict
// decoder refuses, each with the reason.
var appendixARefused = map[string]string{
	"f97c00": "infinity", "f9fc00": "infinity", "fa7f800000": "infinity", "faff800000": "infinity",
	"fb7ff0000000000000": "infinity", "fbfff0000000000000": "infinity",
	"f97e00": "NaN", "fa7fc00000": "NaN", "fb7ff8000000000000": "NaN",
	"f7": "undefined", "f0": "unassigned simple value", "f8ff": "unassigned simple value",
	"f818":                       "simple value below 32 in two bytes, not well-formed since RFC 8949",
	"5f42010243030405ff":         "indefinite length",
	"7f657374726561646d696e67ff": "indefinite length",
	"9fff":                       "indefinite length",
	"9f018202039f0405ffff":       "indefinite length",
	"9f01820203820405ff":         "indefinite length",
	"83018202039f0405ff":         "indefinite length",
	"83019f0203ff820405":         "indefinite length",
	"bf61610161629f0203ffff":     "indefinite length",
	"826161bf61626163ff":         "indefinite length",
	"bf6346756ef563416d7421ff":   "indefinite length",
	"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff": "indefinite length",
}

// appendixANoRoundTrip are examples that are read, but not written back alike.
var appendixANoRoundTrip = map[string]string{
	"c11a514b67b0":         "epoch time: instants are written as tag 0",
	"c1fb41d452d9ec200000": "epoch time: instants are written as tag 0",
}

type appendixAExample struct {
	Hex        string          `json:"hex"`
	RoundTrip  bool            `json:"roundtrip"`
	Decoded    json.RawMessage `json:"decoded"`
	Diagnostic string          `json:"diagnostic"`
}

func appendixA(t testing.TB) []appendixAExample {
	t.Helper()
	data, err := os.ReadFile("testdata/rfc8949/appendix_a.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples []appendixAExample
	if err := json.Unmarshal(data, &examples); err != nil {
		t.Fatal(err)
	}
	if len(examples) != 82 {
		t.Fatalf("%d examples instead of 82", len(examples))
	}
	return examples
}

func TestAppendixA(t *testing.T) {
	refused, altered := 0, 0
	for _, example := range appendixA(t) {
		t.Run(example.Hex, func(t *testing.T) {
			data := fromHex(t, example.Hex)
			var v any
			err := Unmarshal(data, &v)
			if reason, ok := appendixARefused[example.Hex]; ok {
				refused++
				if !errors.Is(err, ErrMalformed) || v != nil {
					t.Errorf("%v, %v: want a refusal for %s", v, err, reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if example.Decoded != nil {
				if got := asJSON(v); got != canonicalJSON(t, example.Decoded) {
					t.Errorf("decoded %s, want %s", got, canonicalJSON(t, example.Decoded))
				}
			}
			again := MustMarshal(v)
			if reason, ok := appendixANoRoundTrip[example.Hex]; ok {
				altered++
				if bytes.Equal(again, data) {
					t.Errorf("round trip in spite of: %s", reason)
				}
				return
			}
			if !bytes.Equal(again, data) {
				t.Errorf("encoded again %x", again)
			}
			if findings := Lint(data); findings != nil {
				t.Errorf("Lint: %q", findings)
			}
		})
	}
	if refused != len(appendixARefused) || altered != len(appendixANoRoundTrip) {
		t.Errorf("%d refused and %d altered, the tables have %d and %d", refused, altered, len(appendixARefused), len(appendixANoRoundTrip))
	}
}

// asJSON writes a decoded value in the form that canonicalJSON gives: numbers as
// exact rationals, so that 1.0 and 1 compare as JSON has them.
func asJSON(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case int64:
		return new(big.Rat).SetInt64(v).RatString()
	case *big.Int:
		return new(big.Rat).SetInt(v).RatString()
	case float64:
		return strconv.FormatFloat(v, 'e', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case string:
		return strconv.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = asJSON(item)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[any]any:
		keys := make([]string, 0, len(v))
		for key, value := range v {
			keys = append(keys, asJSON(key)+":"+asJSON(value))
		}
		return sortedObject(keys)
	}
	return fmt.Sprintf("%T", v)
}

func sortedObject(members []string) string {
	slices.Sort(members)
	return "{" + strings.Join(members, ",") + "}"
}

func canonicalJSON(t *testing.T, data []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var write func(v any) string
	write = func(v any) string {
		switch v := v.(type) {
		case json.Number:
			if strings.ContainsAny(v.String(), ".eE") {
				f, err := v.Float64()
				if err != nil {
					t.Fatal(err)
				}
				return strconv.FormatFloat(f, 'e', -1, 64)
			}
			return v.String()
		case []any:
			parts := make([]string, len(v))
			for i, item := range v {
				parts[i] = write(item)
			}
			return "[" + strings.Join(parts, ",") + "]"
		case map[string]any:
			keys := make([]string, 0, len(v))
			for key, value := range v {
				keys = append(keys, strconv.Quote(key)+":"+write(value))
			}
			return sortedObject(keys)
		}
		return asJSON(v)
	}
	return write(v)
}

// The notation of RFC 8949, 8 is that of the vectors, but for embedded items,
// which are shown open, and text outside ASCII.
func TestDiagnoseAppendixA(t *testing.T) {
	for _, example := range appendixA(t) {
		want := example.Diagnostic
		switch {
		case want == "":
			continue
		case example.Hex == "d818456449455446":
			want = `24(<<"IETF">>)`
		}
		if got := Diagnose(fromHex(t, example.Hex)); got != want {
			t.Errorf("%s: %s, want %s", example.Hex, got, want)
		}
	}
}
