package elements

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vidimus/internal/cbor"
)

// The vector of ISO/IEC 18013-5, D.2.1.
const privilegesVector = "82a37576656869636c655f63617465676f72795f636f646561416a69737375655f64617465d903ec6a323031382d30382d30396b6578706972795f64617465d903ec6a323032342d31302d3230a37576656869636c655f63617465676f72795f636f646561426a69737375655f64617465d903ec6a323031372d30322d32336b6578706972795f64617465d903ec6a323032342d31302d3230"

func vector(t testing.TB) []byte {
	b, err := hex.DecodeString(privilegesVector)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPrivilegesVector(t *testing.T) {
	got, err := DecodePrivileges(vector(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(samplePrivileges(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The vector's members are unsorted; ours are sorted and otherwise the same.
	again, err := EncodePrivileges(got)
	if err != nil || len(again) != len(vector(t)) || cbor.Lint(again) != nil {
		t.Errorf("encoded again: %x, %v", []byte(again), err)
	}
}

func TestPrivilegesRefused(t *testing.T) {
	item := func(v any) []byte { return cbor.MustMarshal(v) }
	date := cbor.FullDate("2020-01-01")
	many := make([]any, MaxList+1)
	for i := range many {
		many[i] = map[string]any{memberCategory: "B"}
	}
	for name, raw := range map[string][]byte{
		"no_category":    item([]any{map[string]any{memberIssue: date}}),
		"category_bytes": item([]any{map[string]any{memberCategory: []byte("B")}}),
		"untagged_date":  item([]any{map[string]any{memberCategory: "B", memberExpiry: "2020-01-01"}}),
		"bad_day":        item([]any{map[string]any{memberCategory: "B", memberExpiry: cbor.Tag{Number: 1004, Content: "2023-02-29"}}}),
		"tdate":          item([]any{map[string]any{memberCategory: "B", memberExpiry: cbor.Tag{Number: 0, Content: "2020-01-01T00:00:00Z"}}}),
		"no_map":         item([]any{"B"}),
		"integer_key":    item([]any{map[int]any{1: "B"}}),
		"codes_no_list":  item([]any{map[string]any{memberCategory: "B", memberCodes: "01"}}),
		"code_no_code":   item([]any{map[string]any{memberCategory: "B", memberCodes: []any{map[string]any{memberSign: "="}}}}),
		"code_number":    item([]any{map[string]any{memberCategory: "B", memberCodes: []any{map[string]any{memberCode: 1}}}}),
		"too_many":       item(many),
		"duplicate":      {0x81, 0xa2, 0x61, 'x', 0x01, 0x61, 'x', 0x02},
		"truncated":      vector(t)[:40],
	} {
		if list, err := DecodePrivileges(raw); err == nil || list != nil {
			t.Errorf("%s: accepted %v", name, list)
		}
	}
	for name, list := range map[string][]Privilege{
		"lower_case":     {{Category: "b"}},
		"empty_category": {{}},
		"expiry_first":   {{Category: "B", IssueDate: "2020-01-02", ExpiryDate: "2020-01-01"}},
		"empty_code":     {{Category: "B", Codes: []Code{{}}}},
		"long_code":      {{Category: "B", Codes: []Code{{Code: "0123456789012345678901234567890123456789x"}}}},
		"bad_date":       {{Category: "B", IssueDate: "0000-00-00"}},
	} {
		if _, err := EncodePrivileges(list); !errors.Is(err, ErrRule) {
			t.Errorf("%s: %v, want ErrRule", name, err)
		}
	}
	if raw, err := EncodePrivileges([]Privilege{}); err != nil || len(raw) != 1 || raw[0] != 0x80 {
		t.Errorf("empty list: %x, %v", []byte(raw), err)
	}
	unknown := item([]any{map[string]any{memberCategory: "B", "future_member": 1}})
	if list, err := DecodePrivileges(unknown); err != nil || len(list) != 1 {
		t.Errorf("member for future use refused: %v", err)
	}
}

func TestMayDrive(t *testing.T) {
	glasses := []Code{{Code: "01", Sign: "=", Value: "06"}}
	note := []Code{{Code: "70", Value: "12345.UT"}}
	car := []Privilege{{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20"}}
	tests := []struct {
		name     string
		list     []Privilege
		asked    string
		at       string
		want     Answer
		category string
	}{
		{"plain", car, "B", "2026-06-15T10:00:00Z", Yes, "B"},
		{"last second", car, "B", "2030-10-20T23:59:59Z", Yes, "B"},
		{"expired", car, "B", "2030-10-21T00:00:00Z", No, "B"},
		{"first instant", car, "B", "2017-02-23T00:00:00Z", Yes, "B"},
		{"not yet", car, "B", "2017-02-22T23:59:59Z", No, "B"},
		{"other", car, "C", "2026-06-15T10:00:00Z", No, ""},
		{"nothing", nil, "B", "2026-06-15T10:00:00Z", No, ""},
		{"no dates", []Privilege{{Category: "B"}}, "B", "2026-06-15T10:00:00Z", Yes, "B"},
		{"glasses", []Privilege{{Category: "B", Codes: glasses}}, "B", "2026-06-15T10:00:00Z", UnderConditions, "B"},
		{"note only", []Privilege{{Category: "B", Codes: note}}, "B", "2026-06-15T10:00:00Z", Yes, "B"},
		{"twice", []Privilege{{Category: "B", Codes: glasses}, {Category: "B"}}, "B", "2026-06-15T10:00:00Z", Yes, "B"},
		{"twice, one expired", []Privilege{{Category: "B", ExpiryDate: "2020-01-01"}, {Category: "B", Codes: glasses}}, "B", "2026-06-15T10:00:00Z", UnderConditions, "B"},
		{"case", car, "b", "2026-06-15T10:00:00Z", No, ""},
		{"A for A1", []Privilege{{Category: "A"}}, "A1", "2026-06-15T10:00:00Z", Yes, "A"},
		{"A1 not for A", []Privilege{{Category: "A1"}}, "A", "2026-06-15T10:00:00Z", No, ""},
		{"CE for BE", []Privilege{{Category: "CE"}}, "BE", "2026-06-15T10:00:00Z", Yes, "CE"},
		{"CE for DE without D", []Privilege{{Category: "CE"}}, "DE", "2026-06-15T10:00:00Z", No, ""},
		{"CE for DE with D", []Privilege{{Category: "CE"}, {Category: "D", Codes: glasses}}, "DE", "2026-06-15T10:00:00Z", UnderConditions, "CE"},
		{"CE for DE, D expired", []Privilege{{Category: "CE"}, {Category: "D", ExpiryDate: "2020-01-01"}}, "DE", "2026-06-15T10:00:00Z", No, ""},
		{"A for AM", []Privilege{{Category: "A"}}, "AM", "2026-06-15T10:00:00Z", Yes, "A"},
		{"B for AM", car, "AM", "2026-06-15T10:00:00Z", UnderConditions, "B"},
		{"expired B for AM", car, "AM", "2031-06-15T10:00:00Z", No, ""},
	}
	for _, test := range tests {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		got := MayDrive(test.list, test.asked, at)
		if got.Answer != test.want || got.Category != test.category || got.Reason == "" && got.Answer != Yes {
			t.Errorf("%s: %+v, want %s by %q", test.name, got, test.want, test.category)
		}
	}
	r := MayDrive([]Privilege{{Category: "B", IssueDate: "2020-01-01", ExpiryDate: "2030-01-01", Codes: append(slices.Clone(glasses), note...)}}, "B", testNow)
	if diff := cmp.Diff(glasses, r.Codes); diff != "" || r.Until != "2030-01-01" || r.Since != "2020-01-01" {
		t.Errorf("conditions: %+v", r)
	}
	if diff := cmp.Diff(note, r.Notes); diff != "" {
		t.Errorf("notes: %+v", r)
	}
}

// A category that other states do not know grants nothing abroad, and depends on
// the place where that is not known.
func TestMayDriveAbroad(t *testing.T) {
	list := []Privilege{{Category: "B"}, {Category: "T"}, {Category: "L", ExpiryDate: "2020-01-01"}, {Category: "F", Codes: []Code{{Code: "112"}}}}
	for _, test := range []struct {
		asked, territory, issuer string
		want                     Answer
	}{
		{"B", "LU", "UT", Yes}, {"B", "", "", Yes}, {"B", "UT", "UT", Yes},
		{"T", "UT", "UT", Yes}, {"T", "LU", "UT", No}, {"T", "", "UT", UnderConditions}, {"T", "LU", "", UnderConditions},
		{"L", "UT", "UT", No}, {"L", "", "UT", No}, {"X", "UT", "UT", No},
		{"F", "UT", "UT", UnderConditions}, {"F", "LU", "UT", No},
	} {
		right := MayDrive(list, test.asked, testNow)
		got := right.In(test.territory, test.issuer)
		if got.Answer != test.want || got.Answer != Yes && got.Reason == "" || right.Answer == No && got.Reason != right.Reason {
			t.Errorf("%s in %q by %q: %+v, want %s", test.asked, test.territory, test.issuer, got, test.want)
		}
	}
}

// No place makes a right larger.
func TestAbroadIsNeverMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.SampledFrom([]string{"", "UT", "LU"})
		list := []Privilege{{Category: rapid.SampledFrom([]string{"B", "CE", "T", "b", "AM"}).Draw(t, "held")}}
		if rapid.Bool().Draw(t, "code") {
			list[0].Codes = []Code{{Code: rapid.SampledFrom([]string{"01", "70", "112"}).Draw(t, "which")}}
		}
		right := MayDrive(list, rapid.SampledFrom([]string{"B", "BE", "T", "AM"}).Draw(t, "asked"), testNow)
		if got := right.In(place.Draw(t, "territory"), place.Draw(t, "issuer")); rank(got.Answer) > rank(right.Answer) {
			t.Fatalf("%+v became %+v", right, got)
		}
	})
}
