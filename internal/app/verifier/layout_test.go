package verifier

import (
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

func TestLayout(t *testing.T) {
	long := strings.Repeat("x", 90)
	for _, tt := range []struct{ in, want string }{
		{`{"a": 1, "b": [1, 2]}`, `{"a": 1, "b": [1, 2]}`},
		{`{"a": 1, "b": "` + long + `"}`, "{\n  \"a\": 1,\n  \"b\": \"" + long + "\"\n}"},
		{`24(<<{"a": "` + long + `", "b": [1]}>>)`, "24(<<\n  {\n    \"a\": \"" + long + "\",\n    \"b\": [1]\n  }\n>>)"},
		{`["}, {", "` + long + `", "\"]"]`, "[\n  \"}, {\",\n  \"" + long + "\",\n  \"\\\"]\"\n]"},
		{`{"a": "` + long + ` / malformed /`, "{\n  \"a\": \"" + long + " / malformed /"},
		{`{"a": [1 / cut /`, `{"a": [1 / cut /`},
		{``, ``}, {`"`, `"`}, {`<`, `<`}, {`]`, `]`}, {`>`, `>`},
	} {
		if got := layout(tt.in); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

// Nothing but line breaks and spaces is added, whatever the text.
func FuzzLayout(f *testing.F) {
	f.Add(cbor.MustMarshal(map[string]any{"a": []any{cbor.WrapEncoded([]byte{0xa0}), strings.Repeat("x", 200)}}))
	f.Add([]byte{0x9f})
	f.Fuzz(func(t *testing.T, data []byte) {
		squeeze := func(s string) string { return strings.NewReplacer("\n", "", " ", "").Replace(s) }
		for _, s := range []string{cbor.Diagnose(data), string(data)} {
			if got := layout(s); squeeze(got) != squeeze(s) {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}
