package document

import (
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Every character is judged by its category, and visible ASCII is in its kept
// form, which is why such text is not looked at twice.
func TestVisible(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := r == ' ' || unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs)
		if visible(r) != want {
			t.Fatalf("U+%04X: %v", r, visible(r))
		}
		if r < 0x80 && printable(string(r)) != (want && norm.NFC.IsNormalString(string(r))) {
			t.Fatalf("U+%04X: %v as text", r, printable(string(r)))
		}
	}
	if printable("") || printable("é") || printable("a\n") {
		t.Error("printable")
	}
}
