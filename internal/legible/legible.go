// Package legible writes text that strangers had a hand in so that a terminal shows
// it and obeys nothing in it, and an eye sees all of it: control characters and
// escape sequences, marks of direction, what is invisible or unassigned, and octets
// that are no UTF-8 become escapes. Text of ours goes through unchanged.
//
// Start with Line; Lines is for text of several lines, JSON for JSON.
package legible

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// plain is a character that an eye sees. Some letters are defined as blanks
// (Unicode, Default_Ignorable_Code_Point).
func plain(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// Line is text for one line: an end of line is written as an escape as well, so that
// no name passes for a line of ours.
func Line(s string) string { return escaped(s, "") }

// Lines is text that may have several lines.
func Lines(s string) string { return escaped(s, "\n") }

func escaped(s, keep string) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case plain(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// JSON writes a JSON text anew that says the same to a program. The text is one
// that encoding/json wrote: all but ASCII stands in strings.
func JSON(text []byte) []byte {
	var b bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case plain(r) || r == '\n':
			b.Write(text[:size])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[size:]
	}
	return b.Bytes()
}
