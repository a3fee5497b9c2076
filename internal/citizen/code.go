package citizen

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// alphabet of codes: Crockford's base 32, without letters that look like digits.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newCode makes a code, in groups of four for the eye.
func newCode(rand io.Reader) (string, error) {
	var raw [codeCharacters]byte
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

// digestOf reads a code as a person typed it, and gives what is kept of it; false
// for what cannot be one. A plain digest does for 100 random bits.
func digestOf(typed string) (Digest, bool) {
	if len(typed) > maxTyped {
		return Digest{}, false
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
	if len(code) != codeCharacters || strings.Trim(code, alphabet) != "" {
		return Digest{}, false
	}
	return sha256.Sum256([]byte(code)), true
}
