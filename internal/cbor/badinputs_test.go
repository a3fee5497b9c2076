package cbor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// document is a struct as the format packages decode into.
type document struct {
	DocType string     `cbor:"docType"`
	Rest    RawMessage `cbor:"rest"`
}

// badInput is one refused message; hex is decoded unless raw is given.
type badInput struct {
	hex  string
	raw  []byte
	want error
}

func nest(prefix string, n int, core string) badInput {
	return badInput{hex: strings.Repeat(prefix, n) + core, want: ErrLimit}
}

// badInputs are the encoding cases E01 to E08 and M27 of the project's list of
// bad inputs.
var badInputs = map[string]badInput{
	"E01/arrays":              nest("81", 10_000, "00"),
	"E01/arrays_17":           nest("81", 17, "00"),
	"E01/maps":                nest("a100", 10_000, "00"),
	"E01/tags":                nest("c6", 10_000, "00"),
	"E01/epochs":              {hex: strings.Repeat("c1", 10_000) + "00", want: ErrMalformed},
	"E01/tags_3":              nest("d9ffff", 3, "00"),
	"E01/mixed":               nest("81a100", 10_000, "00"),
	"E01/unterminated":        {raw: bytes.Repeat([]byte{0x81}, 1<<20), want: ErrLimit},
	"E01/in_tag24":            {hex: "81" + hex.EncodeToString(WrapEncoded(append(bytes.Repeat([]byte{0x81}, 17), 0))), want: ErrLimit},
	"E02/array_2^32-1":        {hex: "9affffffff", want: ErrLimit},
	"E02/array_2^63":          {hex: "9b8000000000000000", want: ErrLimit},
	"E02/array_2^64-1":        {hex: "9bffffffffffffffff", want: ErrLimit},
	"E02/array_short":         {hex: "9903e80000", want: ErrMalformed},
	"E02/map_2^32-1":          {hex: "baffffffff", want: ErrLimit},
	"E02/map_2^63":            {hex: "bb8000000000000000", want: ErrLimit},
	"E02/map_short":           {hex: "a2000000", want: ErrMalformed},
	"E02/bytes_2^32-1":        {hex: "5affffffff00", want: ErrMalformed},
	"E02/bytes_2^63":          {hex: "5b800000000000000000", want: ErrMalformed},
	"E02/bytes_2^64-1":        {hex: "5bffffffffffffffff00", want: ErrMalformed},
	"E02/text_2^63":           {hex: "7b800000000000000000", want: ErrMalformed},
	"E02/10001_items":         {raw: append([]byte{0x99, 0x27, 0x11}, make([]byte, 10_001)...), want: ErrLimit},
	"E02/100001_nodes":        {raw: nodes(), want: ErrLimit},
	"E02/4MiB":                {raw: make([]byte, MaxMessage+1), want: ErrLimit},
	"E03/indefinite_bytes":    {hex: "5f4101ff", want: ErrMalformed},
	"E03/indefinite_text":     {hex: "7f6161ff", want: ErrMalformed},
	"E03/indefinite_array":    {hex: "9f01ff", want: ErrMalformed},
	"E03/indefinite_map":      {hex: "bf0101ff", want: ErrMalformed},
	"E03/indefinite_nested":   {hex: "819f9fffff", want: ErrMalformed},
	"E03/break_alone":         {hex: "ff", want: ErrMalformed},
	"E03/break_in_array":      {hex: "82ff00", want: ErrMalformed},
	"E03/break_in_map":        {hex: "a1ff00", want: ErrMalformed},
	"E03/odd_map":             {hex: "a10102a101", want: ErrTrailing},
	"E03/map_without_value":   {hex: "82a101", want: ErrMalformed},
	"E03/reserved_28":         {hex: "1c", want: ErrMalformed},
	"E03/reserved_29":         {hex: "5d", want: ErrMalformed},
	"E03/reserved_30":         {hex: "fe", want: ErrMalformed},
	"E03/integer_31":          {hex: "1f", want: ErrMalformed},
	"E03/tag_31":              {hex: "df00", want: ErrMalformed},
	"E03/cut_head":            {hex: "1903", want: ErrMalformed},
	"E03/empty":               {hex: "", want: ErrMalformed},
	"E04/text_text":           {hex: "a2616101616102", want: ErrDuplicateKey},
	"E04/int_int":             {hex: "a201020103", want: ErrDuplicateKey},
	"E04/int_not_shortest":    {hex: "a20102180103", want: ErrDuplicateKey},
	"E04/text_not_shortest":   {hex: "a26161017801" + "6102", want: ErrDuplicateKey},
	"E04/bytes_bytes":         {hex: "a2410102410103", want: ErrDuplicateKey},
	"E04/int_vs_bignum":       {hex: "a20102c2410103", want: ErrMalformed},
	"E04/int_vs_float":        {hex: "a20102f93c0003", want: ErrMalformed},
	"E04/nested_raw":          {hex: "a1" + "6472657374" + "81a201020103", want: ErrDuplicateKey},
	"E04/in_tag24":            {hex: "81d81845a201020103", want: ErrDuplicateKey},
	"E04/in_tag24_3_deep":     {hex: "d8184bd81848d81845a201020103", want: ErrDuplicateKey},
	"E04/in_unknown_member":   {hex: "a1" + "6178" + "a2616101616102", want: ErrDuplicateKey},
	"E04/among_many":          {raw: manyKeys(), want: ErrDuplicateKey},
	"E05/undefined":           {hex: "f7", want: ErrMalformed},
	"E05/simple_24_two_bytes": {hex: "f818", want: ErrMalformed},
	"E05/simple_20_two_bytes": {hex: "f814", want: ErrMalformed},
	"E05/nan_payload":         {hex: "f97e01", want: ErrMalformed},
	"E05/nan_32":              {hex: "faffc00001", want: ErrMalformed},
	"E05/nan_64":              {hex: "fb7ff8000000000001", want: ErrMalformed},
	"E05/infinity":            {hex: "f97c00", want: ErrMalformed},
	"E06/bignum_64KiB":        {raw: append([]byte{0xc2, 0x5a, 0, 1, 0, 0}, bytes.Repeat([]byte{0xff}, 1<<16)...), want: ErrLimit},
	"E06/negative_bignum":     {raw: append([]byte{0xc3, 0x58, 65}, make([]byte, 65)...), want: ErrLimit},
	"E06/bignum_of_text":      {hex: "c26101", want: ErrMalformed},
	"E06/date_1MB":            {raw: append([]byte{0xc0, 0x7a, 0, 0x10, 0, 0}, bytes.Repeat([]byte{'0'}, 1<<20)...), want: ErrLimit},
	"E06/date_of_integer":     {hex: "c000", want: ErrMalformed},
	"E06/epoch_of_bytes":      {hex: "c143303030", want: ErrMalformed},
	"E06/epoch_of_null":       {hex: "c1f6", want: ErrMalformed},
	"E06/exponent_1e9":        {hex: "c4821a3b9aca0001", want: ErrLimit},
	"E06/exponent_-1e9":       {hex: "c4823a3b9aca0001", want: ErrLimit},
	"E06/bigfloat_exponent":   {hex: "c5821b7fffffffffffffff01", want: ErrLimit},
	"E06/exponent_bignum":     {hex: "c482c24101" + "01", want: ErrMalformed},
	"E06/fraction_of_text":    {hex: "c46131", want: ErrMalformed},
	"E06/fraction_of_three":   {hex: "c483010101", want: ErrMalformed},
	"E06/fraction_float":      {hex: "c48201f93c00", want: ErrMalformed},
	"E07/invalid_utf8":        {hex: "62c328", want: ErrMalformed},
	"E07/overlong":            {hex: "62c080", want: ErrMalformed},
	"E07/surrogate":           {hex: "63eda080", want: ErrMalformed},
	"E07/beyond_unicode":      {hex: "64f4908080", want: ErrMalformed},
	"E07/nul_value":           {hex: "636100" + "62", want: ErrMalformed},
	"E07/nul_key":             {hex: "a163610062" + "01", want: ErrMalformed},
	"E07/key":                 {hex: "a161ff01", want: ErrMalformed},
	"E07/in_tag24":            {hex: "d8184261ff", want: ErrMalformed},
	"E08/trailing":            {hex: "0000", want: ErrTrailing},
	"E08/trailing_in_tag24":   {hex: "d818420000", want: ErrTrailing},
	"E08/trailing_garbage":    {hex: "a0ff", want: ErrTrailing},
	"M27/two_docTypes":        {hex: "a2" + "67646f6354797065" + "6161" + "67646f6354797065" + "6162", want: ErrDuplicateKey},
	"M27/key_array":           {hex: "a18000", want: ErrMalformed},
	"M27/key_map":             {hex: "a1a000", want: ErrMalformed},
	"M27/key_true":            {hex: "a1f500", want: ErrMalformed},
	"M27/key_null":            {hex: "a1f600", want: ErrMalformed},
	"M27/key_nan":             {hex: "a1f97e0000", want: ErrMalformed},
	"M27/nan":                 {hex: "a16178f97e00", want: ErrMalformed},
	"M27/undefined":           {hex: "a16178f7", want: ErrMalformed},
	"M27/simple_255":          {hex: "a16178f8ff", want: ErrMalformed},
	"M27/simple_16":           {hex: "a16178f0", want: ErrMalformed},
	"M27/trailing_byte":       {hex: "a1617800" + "00", want: ErrTrailing},
}

// nodes is 101 arrays of 1,000 integers: no array is too long, all together are.
func nodes() []byte {
	b := []byte{0x98, 101}
	for range 101 {
		b = append(append(b, 0x99, 0x03, 0xe8), make([]byte, 1000)...)
	}
	return b
}

// manyKeys is a map with 1,000 keys in descending order, one of them twice.
func manyKeys() []byte {
	b := AppendMap(nil, 1001)
	for i := 1000; i > 0; i-- {
		b = append(appendHead(b, majorUnsigned, uint64(i)), 0)
	}
	return append(appendHead(b, majorUnsigned, 500), 0)
}

func TestBadInputs(t *testing.T) {
	for id, input := range badInputs {
		t.Run(id, func(t *testing.T) {
			data := input.raw
			if data == nil {
				data = fromHex(t, input.hex)
			}
			sentinel := func(name string, err error) {
				t.Helper()
				if !errors.Is(err, input.want) {
					t.Errorf("%s: %v, want %v", name, err, input.want)
				}
				if n := sentinels(err); n != 1 {
					t.Errorf("%s: %v matches %d sentinels", name, err, n)
				}
			}
			var v any = "before"
			sentinel("any", Unmarshal(data, &v))
			d := document{DocType: "before"}
			sentinel("struct", Unmarshal(data, &d))
			raw := RawMessage{1}
			sentinel("raw", Unmarshal(data, &raw))
			if v != nil || d.DocType != "" || d.Rest != nil || raw != nil {
				t.Errorf("left behind: %v, %+v, %x", v, d, raw)
			}
			if len(Lint(data)) == 0 {
				t.Error("Lint has nothing to say")
			}
			if text := Diagnose(data); len(data) > 0 && (text == "" || len(text) > maxDiagnosis*3) {
				t.Errorf("diagnosis of %d bytes", len(text))
			}
		})
	}
}

func sentinels(err error) int {
	n := 0
	for _, sentinel := range []error{ErrMalformed, ErrLimit, ErrDuplicateKey, ErrTrailing} {
		if errors.Is(err, sentinel) {
			n++
		}
	}
	return n
}

// A claim of a length costs nothing.
func TestBombsDoNotAllocate(t *testing.T) {
	for _, id := range []string{"E01/unterminated", "E02/array_2^32-1", "E02/bytes_2^63", "E02/map_2^63"} {
		data := badInputs[id].raw
		if data == nil {
			data = fromHex(t, badInputs[id].hex)
		}
		if allocs := testing.AllocsPerRun(10, func() {
			var v RawMessage
			if Unmarshal(data, &v) == nil {
				t.Fatal("accepted")
			}
		}); allocs > 20 {
			t.Errorf("%s: %v allocations", id, allocs)
		}
	}
}

// What is not deterministic but well-formed is read, kept and named (E05).
func TestTolerated(t *testing.T) {
	for name, c := range map[string]struct{ hex, finding string }{
		"integer not shortest": {"1801", "byte 0: head is not the shortest"},
		"map head of cbor-x":   {"b9000100f4", "byte 0: head is not the shortest"},
		"unsorted":             {"a202010101", "byte 0: map keys are not sorted"},
		"unsorted in tag 24":   {"d81845a202010101", "byte 3: map keys are not sorted"},
		"float of 8 bytes":     {"fb3ff0000000000000", "byte 0: float is not the shortest"},
		"float of 4 bytes":     {"fa3f800000", "byte 0: float is not the shortest"},
		"tag not shortest":     {"d9001841" + "01", "byte 0: head is not the shortest"},
	} {
		t.Run(name, func(t *testing.T) {
			data := fromHex(t, c.hex)
			var raw RawMessage
			if err := Unmarshal(data, &raw); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw, data) {
				t.Errorf("kept %x", raw)
			}
			if findings := Lint(data); len(findings) != 1 || findings[0] != c.finding {
				t.Errorf("findings %q", findings)
			}
		})
	}
	for name, data := range map[string]string{"-0.0": "f98000", "largest half": "f97bff", "smallest half": "f90001", "single": "fa47c35000"} {
		if findings := Lint(fromHex(t, data)); findings != nil {
			t.Errorf("%s: %q", name, findings)
		}
	}
}

// Lint follows indefinite lengths to name them all.
func TestLintIndefinite(t *testing.T) {
	findings := Lint(fromHex(t, "9f5f4101ffbf01"+"7f6161ff"+"ffff"))
	want := []string{
		"byte 0: indefinite length", "byte 1: indefinite length", "byte 5: indefinite length", "byte 7: indefinite length",
	}
	if strings.Join(findings, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", findings)
	}
	if findings := Lint(bytes.Repeat([]byte{0x18, 0x01}, 2)); len(findings) != 2 || !strings.Contains(findings[1], "trailing") {
		t.Errorf("%q", findings)
	}
	many := append([]byte{0x98, 100}, bytes.Repeat([]byte{0x18, 0x01}, 100)...)
	if findings := Lint(many); len(findings) != maxFindings {
		t.Errorf("%d findings", len(findings))
	}
}

// The walker's limits lie within those of the library: what the one accepts at
// its edge, the other does too.
func TestEdges(t *testing.T) {
	for name, data := range map[string][]byte{
		"16 arrays":      append(bytes.Repeat([]byte{0x81}, 16), 0),
		"16 maps":        append(bytes.Repeat([]byte{0xa1, 0}, 16), 0),
		"14 arrays tags": append(bytes.Repeat([]byte{0x81}, 14), 0xd9, 0xff, 0xff, 0xd9, 0xff, 0xfe, 0),
		"3 embeddings":   WrapEncoded(WrapEncoded(WrapEncoded([]byte{0}))),
		"16 in each":     append(bytes.Repeat([]byte{0x81}, 15), WrapEncoded(append(bytes.Repeat([]byte{0x81}, 16), 0))...),
		"10 000 items":   append([]byte{0x99, 0x27, 0x10}, make([]byte, 10_000)...),
		"64 byte bignum": append([]byte{0xc2, 0x58, 64}, bytes.Repeat([]byte{0xff}, 64)...),
		"exponent 1024":  {0xc4, 0x82, 0x19, 0x04, 0x00, 0x01},
		"2^64 - 1":       {0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			var v any
			if err := Unmarshal(data, &v); err != nil {
				t.Error(err)
			}
		})
	}
	var v any
	if err := Unmarshal(WrapEncoded(WrapEncoded(WrapEncoded(WrapEncoded([]byte{0})))), &v); !errors.Is(err, ErrLimit) {
		t.Errorf("4 embeddings: %v", err)
	}
}

func TestDiagnose(t *testing.T) {
	for in, want := range map[string]string{
		"d81843a10126":       "24(<<{1: -7}>>)",
		"43a10126":           "h'a10126'",
		"d81843a101":         "24( / malformed /",
		"a20102f5f4":         "{1: 2, true: false}",
		"9f01ff":             "[_ 1]",
		"bf0102ff":           "{_ 1: 2}",
		"3bffffffffffffffff": "-18446744073709551616",
		"0102":               "1, 2",
		"62e280":             "/ not UTF-8 / h'e280'",
		"63e280ae":           `"\u202e"`,
		"61ff":               "/ not UTF-8 / h'ff'",
		"82ff":               "[ / break /",
		"1c":                 " / malformed /",
	} {
		if got := Diagnose(fromHex(t, in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := Diagnose(bytes.Repeat([]byte{0x81}, 1000)); !strings.HasSuffix(got, "/ too deep /") {
		t.Errorf("ends %q", got[len(got)-20:])
	}
	if got := Diagnose(make([]byte, 2<<20)); !strings.HasSuffix(got, "/ cut /") {
		t.Errorf("ends %q", got[len(got)-20:])
	}
}
