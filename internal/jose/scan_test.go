package jose

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusedByRule are the files that RFC 8259 lets pass and we refuse.
var refusedByRule = map[string]string{
	"y_object_duplicated_key.json":           "two members of one name (RFC 7493 section 2.3)",
	"y_object_duplicated_key_and_value.json": "two members of one name (RFC 7493 section 2.3)",
}

// leftToUs are the files on which RFC 8259 has no word, with what we do.
var leftToUs = map[string]struct {
	accept bool
	why    string
}{
	"i_number_double_huge_neg_exp.json":                   {false, "would silently become 0"},
	"i_number_huge_exp.json":                              {false, "no float64"},
	"i_number_neg_int_huge_exp.json":                      {false, "no float64"},
	"i_number_pos_double_huge_exp.json":                   {false, "no float64"},
	"i_number_real_neg_overflow.json":                     {false, "no float64"},
	"i_number_real_pos_overflow.json":                     {false, "no float64"},
	"i_number_real_underflow.json":                        {false, "would silently become 0"},
	"i_number_too_big_neg_int.json":                       {true, "kept exactly as json.Number; refused where an int64 is due"},
	"i_number_too_big_pos_int.json":                       {true, "kept exactly as json.Number; refused where an int64 is due"},
	"i_number_very_big_negative_int.json":                 {true, "kept exactly as json.Number; refused where an int64 is due"},
	"i_object_key_lone_2nd_surrogate.json":                {false, "lone surrogate"},
	"i_string_1st_surrogate_but_2nd_missing.json":         {false, "lone surrogate"},
	"i_string_1st_valid_surrogate_2nd_invalid.json":       {false, "lone surrogate"},
	"i_string_UTF-16LE_with_BOM.json":                     {false, "not UTF-8"},
	"i_string_UTF-8_invalid_sequence.json":                {false, "not UTF-8"},
	"i_string_UTF8_surrogate_U+D800.json":                 {false, "not UTF-8"},
	"i_string_incomplete_surrogate_and_escape_valid.json": {false, "lone surrogate"},
	"i_string_incomplete_surrogate_pair.json":             {false, "lone surrogate"},
	"i_string_incomplete_surrogates_escape_valid.json":    {false, "lone surrogate"},
	"i_string_invalid_lonely_surrogate.json":              {false, "lone surrogate"},
	"i_string_invalid_surrogate.json":                     {false, "lone surrogate"},
	"i_string_invalid_utf-8.json":                         {false, "not UTF-8"},
	"i_string_inverted_surrogates_U+1D11E.json":           {false, "surrogates in the wrong order"},
	"i_string_iso_latin_1.json":                           {false, "not UTF-8"},
	"i_string_lone_second_surrogate.json":                 {false, "lone surrogate"},
	"i_string_lone_utf8_continuation_byte.json":           {false, "not UTF-8"},
	"i_string_not_in_unicode_range.json":                  {false, "not UTF-8"},
	"i_string_overlong_sequence_2_bytes.json":             {false, "not UTF-8"},
	"i_string_overlong_sequence_6_bytes.json":             {false, "not UTF-8"},
	"i_string_overlong_sequence_6_bytes_null.json":        {false, "not UTF-8"},
	"i_string_truncated-utf-8.json":                       {false, "not UTF-8"},
	"i_string_utf16BE_no_BOM.json":                        {false, "not UTF-8"},
	"i_string_utf16LE_no_BOM.json":                        {false, "not UTF-8"},
	"i_structure_500_nested_arrays.json":                  {false, "nested deeper than 16"},
	"i_structure_UTF-8_BOM_empty_object.json":             {false, "byte order mark (RFC 8259 section 8.1)"},
}

func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob("testdata/jsontestsuite/*.json")
	if err != nil || len(files) != 318 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	count := map[byte]int{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		accept := name[0] == 'y'
		if _, ok := refusedByRule[name]; ok {
			accept = false
		}
		if name[0] == 'i' {
			c, ok := leftToUs[name]
			if !ok {
				t.Errorf("%s: nobody said what we do", name)
			}
			accept = c.accept
		}
		count[name[0]]++
		checked := CheckJSON(data, maxJSON)
		var v any
		decoded := DecodeJSON(data, &v)
		if (checked == nil) != accept || (decoded == nil) != accept {
			t.Errorf("%s: accept = %v, CheckJSON: %v, DecodeJSON: %v", name, accept, checked, decoded)
		}
		if checked != nil && !errors.Is(checked, ErrMalformed) && !errors.Is(checked, ErrLimit) {
			t.Errorf("%s: %v has no kind", name, checked)
		}
		if decoded != nil && v != nil {
			t.Errorf("%s: refused, yet left %v", name, v)
		}
		if decoded == nil && !sameAsLibrary(data, v) {
			t.Errorf("%s: encoding/json reads something else than %v", name, v)
		}
	}
	t.Logf("%d y_ accepted but for %d with duplicates, %d n_ refused, %d i_ as the table says", count['y'], len(refusedByRule), count['n'], count['i'])
}

// sameAsLibrary says whether encoding/json reads data as v.
func sameAsLibrary(data []byte, v any) bool {
	var w any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&w) != nil {
		return false
	}
	a, _ := json.Marshal(v)
	b, _ := json.Marshal(w)
	return bytes.Equal(a, b)
}

func TestScannerLimits(t *testing.T) {
	many := func(n int, item func(int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(item(i))
		}
		return b.String()
	}
	member := func(i int) string { return `"` + strings.Repeat("a", i%7) + string(rune('A'+i%26)) + itoa(i) + `":0` }
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"depth 16":          {strings.Repeat("[", 16) + strings.Repeat("]", 16), nil},
		"depth 17":          {strings.Repeat("[", 17) + strings.Repeat("]", 17), ErrLimit},
		"members":           {"{" + many(maxMembers, member) + "}", nil},
		"members and one":   {"{" + many(maxMembers+1, member) + "}", ErrLimit},
		"late duplicate":    {"{" + many(50, member) + "," + member(3) + "}", ErrMalformed},
		"duplicate at 13":   {"{" + many(12, member) + "," + member(0) + "}", ErrMalformed},
		"duplicate at 14":   {"{" + many(13, member) + "," + member(12) + "}", ErrMalformed},
		"same name inside":  {`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, nil},
		"values":            {"[" + many(maxValues-1, func(int) string { return "0" }) + "]", nil},
		"values and one":    {"[" + many(maxValues, func(int) string { return "0" }) + "]", ErrLimit},
		"number":            {strings.Repeat("1", maxNumber), nil},
		"number and one":    {strings.Repeat("1", maxNumber+1), ErrLimit},
		"NUL after":         {"{}\x00", ErrMalformed},
		"empty":             {"", ErrMalformed},
		"upper-case escape": {`"\U0041"`, ErrMalformed},
		"escape at the end": {`"\`, ErrMalformed},
		"half escape":       {`"\u12`, ErrMalformed},
		"pair":              {`"\ud83d\ude00"`, nil},
		"escape after high": {`"\ud83d\n"`, ErrMalformed},
		"two highs":         {`"\ud83d\ud83d"`, ErrMalformed},
		"bad second half":   {`"\ud83d\uZZZZ"`, ErrMalformed},
	} {
		if err := CheckJSON([]byte(c.text), maxJSON); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := CheckJSON([]byte("[1]"), 2); !errors.Is(err, ErrLimit) {
		t.Errorf("text over its limit: %v", err)
	}
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }
