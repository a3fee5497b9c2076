package elements

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ccVirama is the canonical combining class of a virama.
const ccVirama = 9

// text normalises to form C and applies the rules that every text obeys. What
// could make the text look like another on a screen is refused outright; too
// much of it, or code points that Unicode does not assign yet, only when issuing.
func text(s string, emptyAllowed bool) (string, *flaw) {
	if len(s) > MaxReadText {
		return "", broken("too long to be read")
	}
	if s == "" && !emptyAllowed {
		return "", soft("empty")
	}
	if printable(s) && len(s) <= MaxText {
		return s, nil // of which the rules below find nothing
	}
	if !utf8.ValidString(s) {
		return "", wrong("text is not UTF-8")
	}
	s = norm.NFC.String(s)
	var later *flaw
	for i, r := range s {
		if f := character(s, i, r); f != nil && !f.soft {
			return "", f
		} else if f != nil {
			later = f
		}
	}
	if later == nil && utf8.RuneCountInString(s) > MaxText {
		later = soft("longer than 150 characters")
	}
	return s, later
}

// printable reports text of printable ASCII alone, as most is.
func printable(s string) bool {
	for i := range len(s) {
		if s[i]-0x20 >= 0x5f {
			return false
		}
	}
	return true
}

// character judges the code point r at byte i of s.
func character(s string, i int, r rune) *flaw {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return broken("control character")
	case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return broken("bidirectional control")
	case r == utf8.RuneError:
		// What is left of a lone surrogate or of a wrong character set.
		return broken("replacement character")
	case r == 0x200c || r == 0x200d:
		// Zero-width joiners are spelling in Indic scripts, after a virama, and
		// disguise elsewhere (the rule of RFC 5892, A.1 and A.2).
		if i == 0 || norm.NFC.PropertiesString(lastRune(s[:i])).CCC() != ccVirama {
			return soft("zero-width joiner")
		}
	case r >= 0xa0 && unicode.In(r, unicode.Cf, unicode.Co, unicode.Cn, unicode.Zl, unicode.Zp):
		return soft("format, private or unassigned character")
	}
	return nil
}

func lastRune(s string) string {
	_, n := utf8.DecodeLastRuneInString(s)
	return s[len(s)-n:]
}

// latin1 is text of the ISO/IEC 8859-1 repertoire (still UTF-8 on the wire).
func latin1(s string, emptyAllowed bool) (string, *flaw) {
	s, f := text(s, emptyAllowed)
	if f != nil {
		return s, f
	}
	if !IsLatin1(s) {
		return s, soft("character outside ISO 8859-1")
	}
	return s, nil
}

// IsLatin1 says whether every character is of the ISO/IEC 8859-1 repertoire.
func IsLatin1(s string) bool {
	return printable(s) || strings.IndexFunc(s, func(r rune) bool { return r > 0xff }) < 0
}

// Latinize writes a text with the characters of ISO/IEC 8859-1 alone, for the
// mDL elements that allow no others: Latin letters beyond it lose what the
// repertoire lacks, as in ICAO Doc 9303-3, section 6, table A. It answers false
// for every other script: that transliteration belongs to the registry, which
// knows what stands in the passport.
func Latinize(s string) (string, bool) {
	s = norm.NFC.String(s)
	if IsLatin1(s) {
		return s, true
	}
	var b strings.Builder
	for _, r := range s {
		switch to, ok := latinLetters[r]; {
		case r <= 0xff:
			b.WriteRune(r)
		case ok:
			b.WriteString(to)
		default:
			// A letter with marks: its base letter, if that is Latin.
			for _, d := range norm.NFD.String(string(r)) {
				switch {
				case unicode.Is(unicode.Mn, d):
				case d < 0x80:
					b.WriteRune(d)
				default:
					return "", false
				}
			}
		}
	}
	return b.String(), true
}

// latinLetters are the Latin letters and marks that do not decompose.
var latinLetters = map[rune]string{
	'Đ': "D", 'đ': "d", 'Ħ': "H", 'ħ': "h", 'ı': "i", 'ĸ': "q", 'Ł': "L", 'ł': "l", 'Ŋ': "N", 'ŋ': "n",
	'Œ': "OE", 'œ': "oe", 'Ŧ': "T", 'ŧ': "t", 'Ĳ': "IJ", 'ĳ': "ij", 'ẞ': "SS", 'Ə': "E", 'ə': "e",
	'\u2018': "'", '\u2019': "'", '\u02bc': "'", '\u2010': "-", '\u2011': "-", '\u2013': "-",
}

// Codes whose form is fixed. They are read as other text and warn when broken.

func country(s string) (string, *flaw) {
	if len(s) != 2 || !all(s, isUpper) {
		return "", soft("not an ISO 3166-1 alpha-2 code")
	}
	return s, nil
}

func subdivision(s string) (string, *flaw) {
	head, tail, ok := strings.Cut(s, "-")
	if !ok || len(head) != 2 || !all(head, isUpper) || len(tail) < 1 || len(tail) > 3 || !all(tail, isUpperOrDigit) {
		return "", soft("not an ISO 3166-2 code")
	}
	return s, nil
}

func sign(s string) (string, *flaw) {
	if len(s) < 1 || len(s) > 3 || !all(s, isUpper) {
		return "", soft("not a distinguishing sign of one to three capital letters")
	}
	return s, nil
}

func webAddress(s string) (string, *flaw) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return "", soft("not a web address")
	}
	return s, nil
}

func email(s string) (string, *flaw) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || strings.ContainsFunc(s, unicode.IsSpace) {
		return "", soft("not a mail address")
	}
	return s, nil
}

func phone(s string) (string, *flaw) {
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) < 3 || len(digits) > 15 || !all(digits, isDigit) {
		return "", soft("not + and digits")
	}
	return s, nil
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool        { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool        { return c >= '0' && c <= '9' }
func isUpperOrDigit(c byte) bool { return isUpper(c) || isDigit(c) }
