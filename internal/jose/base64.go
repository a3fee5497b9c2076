package jose

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

var (
	rawURL   = base64.RawURLEncoding.Strict()
	standard = base64.StdEncoding.Strict()
)

// urlAlphabet and standardAlphabet hold true for the characters of RFC 4648
// sections 5 and 4. Strict skips CR and LF, and one octet string must have one
// spelling: replay caches and digests are keyed on text. So a text that decodes
// must also be as long as its octets make it; the alphabets then tell what is
// wrong.
var urlAlphabet, standardAlphabet = alphabet('-', '_'), alphabet('+', '/')

func alphabet(c62, c63 byte) (t [256]bool) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	for c := byte('A'); c <= 'Z'; c++ {
		t[c], t[c+'a'-'A'] = true, true
	}
	t[c62], t[c63] = true, true
	return t
}

// DecodeBase64URL decodes base64url without padding (RFC 7515 section 2). It
// accepts exactly the text that EncodeBase64URL makes: no padding, no white
// space, no bits set beyond the last octet.
func DecodeBase64URL(s string) ([]byte, error) {
	b, err := rawURL.DecodeString(s)
	if err != nil || rawURL.EncodedLen(len(b)) != len(s) {
		return nil, notBase64URL(s)
	}
	return b, nil
}

// appendBase64URL is DecodeBase64URL onto the end of out.
func appendBase64URL(out, text []byte) ([]byte, error) {
	before := len(out)
	out, err := rawURL.AppendDecode(out, text)
	if err != nil || rawURL.EncodedLen(len(out)-before) != len(text) {
		return nil, notBase64URL(text)
	}
	return out, nil
}

func notBase64URL[T string | []byte](text T) error {
	for i := range len(text) {
		if !urlAlphabet[text[i]] {
			return fmt.Errorf("%w: character %#02x at %d is not base64url", ErrMalformed, text[i], i)
		}
	}
	return fmt.Errorf("%w: base64url with a wrong length or unused bits set", ErrMalformed)
}

// EncodeBase64URL encodes without padding (RFC 7515 section 2).
func EncodeBase64URL(b []byte) string {
	if len(b) <= encodedAtOnce {
		return rawURL.EncodeToString(b)
	}
	// The library makes the text twice, once as octets: for a copy with a portrait
	// that is as much work again.
	var text strings.Builder
	text.Grow(rawURL.EncodedLen(len(b)))
	var part [encodedAtOnce / 3 * 4]byte
	for len(b) > 0 {
		n := min(len(b), encodedAtOnce)
		text.Write(AppendBase64URL(part[:0], b[:n]))
		b = b[n:]
	}
	return text.String()
}

// encodedAtOnce is a multiple of three octets: a part in the middle has no rest.
const encodedAtOnce = 3 << 10

// EncodedLen is the length of EncodeBase64URL for n octets.
func EncodedLen(n int) int { return rawURL.EncodedLen(n) }

// AppendBase64URL appends EncodeBase64URL. Twelve bits are looked up at a time,
// where the library looks up six: the text of a batch of copies with portraits is
// most of its answer.
func AppendBase64URL(b, octets []byte) []byte {
	begin, end := len(b), len(b)+rawURL.EncodedLen(len(octets))
	b = slices.Grow(b, end-begin)[:end]
	out := b[begin:]
	for len(octets) >= 8 { // are read for six, which become eight
		v := binary.BigEndian.Uint64(octets)
		binary.LittleEndian.PutUint64(out, uint64(pairs[v>>52])|uint64(pairs[v>>40&0xfff])<<16|uint64(pairs[v>>28&0xfff])<<32|uint64(pairs[v>>16&0xfff])<<48)
		out, octets = out[8:], octets[6:]
	}
	rawURL.Encode(out, octets)
	return b
}

// pairs are the two characters of every twelve bits, the first in the lower octet.
var pairs = func() *[1 << 12]uint16 {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var t [1 << 12]uint16
	for v := range t {
		t[v] = uint16(characters[v>>6]) | uint16(characters[v&63])<<8
	}
	return &t
}()

// DecodeBase64 decodes padded standard base64 (RFC 4648 section 4), the form
// of x5c. It is as strict as DecodeBase64URL.
func DecodeBase64(s string) ([]byte, error) {
	b, err := standard.DecodeString(s)
	if err == nil && standard.EncodedLen(len(b)) == len(s) {
		return b, nil
	}
	end := len(s)
	for end > 0 && len(s)-end < 2 && s[end-1] == '=' {
		end--
	}
	for i := 0; i < end; i++ {
		if !standardAlphabet[s[i]] {
			return nil, fmt.Errorf("%w: character %#02x at %d is not base64", ErrMalformed, s[i], i)
		}
	}
	return nil, fmt.Errorf("%w: base64 with wrong padding or unused bits set", ErrMalformed)
}

// EncodeBase64 encodes with padding (RFC 4648 section 4).
func EncodeBase64(b []byte) string { return standard.EncodeToString(b) }
