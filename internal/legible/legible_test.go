package legible

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "Straße 7, Ω 東京 — “x”", "Straße 7, Ω 東京 — “x”"},
		{"an escape sequence", "a\x1b[2J\x1b]0;x\ab", `a\u001b[2J\u001b]0;x\u0007b`},
		{"eight-bit control", "a\u009b2Jb", `a\u009b2Jb`},
		{"marks of direction", "a\u202eb\u2066c\u200ed\u061ce", `a\u202eb\u2066c\u200ed\u061ce`},
		{"invisible", "a\u200bb\ufeffc\u3164d\u00ade", `a\u200bb\ufeffc\u3164d\u00ade`},
		{"tags", "a\U000e0041", `a\U000e0041`},
		{"ends of lines", "a\nb\rc\u2028d", `a\u000ab\u000dc\u2028d`},
		{"no UTF-8", "a\xff\xc3", `a\xff\xc3`},
	} {
		if got := Line(tt.in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := Lines("a\nb\r\n"); got != "a\nb\\u000d\n" {
		t.Errorf("%q", got)
	}
}

// FuzzLine: whatever goes in, nothing comes out that a terminal obeys.
func FuzzLine(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Line(s)
		if !utf8.ValidString(out) || strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", out)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(JSON(text), &after) != nil || before != after {
			t.Errorf("%q became %q", before, after)
		}
		if strings.ContainsFunc(string(JSON(text)), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", JSON(text))
		}
	})
}
