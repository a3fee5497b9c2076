package document

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"vidimus/internal/problem"
)

// cleanText gives s in form NFC, or a refusal that names the field. It refuses
// what a human eye does not see: control characters, every format character
// (direction overrides, joiners, soft hyphens), line and paragraph separators,
// private-use and unassigned code points.
func cleanText(field, s string, limit int) (string, error) {
	if len(s) <= limit && printable(s) {
		return s, nil
	}
	// A character takes at most 4 octets; composing makes few of many.
	if len(s) > 16*limit {
		return "", problem.New(problem.InvalidRequest, "%s has more than %d characters", field, limit)
	}
	if !utf8.ValidString(s) {
		return "", problem.New(problem.InvalidRequest, "%s is not UTF-8", field)
	}
	s = norm.NFC.String(s)
	if s == "" {
		return "", problem.New(problem.InvalidRequest, "%s is empty", field)
	}
	if utf8.RuneCountInString(s) > limit {
		return "", problem.New(problem.InvalidRequest, "%s has more than %d characters", field, limit)
	}
	for _, r := range s {
		if !visible(r) {
			return "", problem.New(problem.InvalidRequest, "%s contains the character U+%04X", field, r)
		}
	}
	return s, nil
}

// printable tells whether s is visible ASCII and blanks, and not empty: such
// text is in its kept form.
func printable(s string) bool {
	return asciiWithin(s, len(s), func(c byte) bool { return c >= ' ' && c < 0x7f })
}

// visible is true of letters, marks, numbers, punctuation, symbols and spaces.
func visible(r rune) bool { return unicode.IsGraphic(r) }

// checkNumber accepts a person or document number: 1 to MaxNumber visible
// ASCII characters. Such numbers are keys of the store.
func checkNumber(field, s string) error {
	if !asciiWithin(s, MaxNumber, func(c byte) bool { return c > ' ' && c < 0x7f }) {
		return problem.New(problem.InvalidRequest, "%s is not 1 to %d visible ASCII characters", field, MaxNumber)
	}
	return nil
}

// checkMeasureID accepts the id of a measure, also one that a merge made.
func checkMeasureID(field, s string) error {
	if !asciiWithin(s, MaxMeasureID, func(c byte) bool { return c > ' ' && c < 0x7f }) {
		return problem.New(problem.InvalidRequest, "%s is not 1 to %d visible ASCII characters", field, MaxMeasureID)
	}
	return nil
}

// checkWallet accepts the name of a wallet unit: base64url characters.
func checkWallet(field, s string) error {
	if !asciiWithin(s, MaxNumber, func(c byte) bool {
		return c >= 'a' && c <= 'z' || upper(c) || c >= '0' && c <= '9' || c == '-' || c == '_'
	}) {
		return problem.New(problem.InvalidRequest, "%s is not the name of a wallet unit", field)
	}
	return nil
}

// checkWord accepts a kind or type: lower-case letters, digits, - and _.
func checkWord(field, s string) error {
	if !asciiWithin(s, MaxWord, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}) {
		return problem.New(problem.InvalidRequest, "%s is not a word of a-z, 0-9, - and _", field)
	}
	return nil
}

// checkCountry accepts the form of an ISO 3166-1 alpha-2 code, which is also
// that of QU and QS (unknown, stateless) in the PID.
func checkCountry(field, s string) error {
	if len(s) != 2 || !upper(s[0]) || !upper(s[1]) {
		return problem.New(problem.InvalidRequest, "%s is not a country code of two capital letters", field)
	}
	return nil
}

// checkTerritory accepts ISO 3166-1 alpha-2 or ISO 3166-2.
func checkTerritory(field, s string) error {
	if len(s) == 2 {
		return checkCountry(field, s)
	}
	if len(s) < 4 || len(s) > 6 || s[2] != '-' || checkCountry(field, s[:2]) != nil ||
		!asciiWithin(s[3:], 3, func(c byte) bool { return upper(c) || c >= '0' && c <= '9' }) {
		return problem.New(problem.InvalidRequest, "%s is not a country or subdivision code (ISO 3166)", field)
	}
	return nil
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

func asciiWithin(s string, limit int, ok func(byte) bool) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
