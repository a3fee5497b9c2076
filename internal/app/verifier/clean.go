package verifier

import (
	"fmt"
	"strings"
	"unicode"
)

// Lengths in bytes after which text of strangers is cut on the screen. JSON
// holds all of it.
const (
	maxName   = 120
	maxValue  = 300
	maxDetail = 1000
)

// Clean makes text of strangers safe for a terminal and for the eye, in one
// line of at most max bytes: control characters, marks of direction, invisible
// and unassigned characters and pictures, the marks of a verdict among them, are
// written as escapes, so that no name can paint the screen or pass for a headline; runs of
// spaces, which could push text to the start of a line, and of combining marks
// are shortened.
func Clean(s string, max int) string {
	var b strings.Builder
	spaces, marks := 0, 0
	flush := func() {
		if spaces > 2 {
			fmt.Fprintf(&b, "[%d spaces]", spaces)
		}
		spaces = 0
	}
	for i, r := range s {
		if i >= max {
			flush()
			b.WriteString("…")
			break
		}
		if r == ' ' {
			if spaces++; spaces <= 2 {
				b.WriteByte(' ')
			}
			continue
		}
		flush()
		if marks++; !unicode.Is(unicode.Mn, r) {
			marks = 0
		}
		switch {
		case plain(r) && marks <= 4:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	flush()
	return b.String()
}

// plain is a character that an eye sees, and takes for text. Some letters are
// defined as blanks (Unicode, Default_Ignorable_Code_Point); of other symbols those
// before the arrows stand in addresses.
func plain(r rune) bool {
	return unicode.IsPrint(r) && r != unicode.ReplacementChar && !unicode.In(r, unicode.Me, unicode.Other_Default_Ignorable_Code_Point) &&
		(r < '\u2190' || !unicode.Is(unicode.So, r))
}

func name(s string) string   { return Clean(s, maxName) }
func detail(s string) string { return Clean(s, maxDetail) }

// CleanLines is Clean for an error of several lines.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = detail(lines[i])
	}
	return strings.Join(lines, "\n")
}
