// Package typedcode makes secrets that people read from one screen and type on
// another: twenty characters in groups of four, 100 random bits.
//
// Start with New and DigestOf. Nothing but the digest of a code is to be kept: a
// plain SHA-256 does for so many random bits. Reading is forgiving where eyes and
// fingers err (case, blanks, O for 0, I and L for 1) and strict in all else.
package typedcode

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// alphabet of codes: Crockford's base 32, without letters that look like digits.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	// characters of five bits: 100. At least 80 are due.
	characters = 20
	// maxTyped bounds what is read of a typed code, in bytes.
	maxTyped = 4 * characters
)

// New makes a code, in groups of four for the eye.
func New(rand io.Reader) (string, error) {
	var raw [characters]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return "", fmt.Errorf("reading randomness: %w", err)
	}
	var b strings.Builder
	for i, r := range raw {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[r&31])
	}
	return b.String(), nil
}

// DigestOf reads a code as a person typed it, and gives what is kept of it; false
// for what cannot be one.
func DigestOf(typed string) ([32]byte, bool) {
	if len(typed) > maxTyped {
		return [32]byte{}, false
	}
	code := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ' || r == '\u00a0' || r == '\t':
			return -1
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		switch r {
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, typed)
	if len(code) != characters || strings.Trim(code, alphabet) != "" {
		return [32]byte{}, false
	}
	return sha256.Sum256([]byte(code)), true
}
