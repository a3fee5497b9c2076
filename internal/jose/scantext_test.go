package jose

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainSlow is plain, octet by octet.
func plainSlow(b []byte) int {
	i := slices.IndexFunc(b, func(c byte) bool { return c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf })
	if i < 0 {
		return len(b)
	}
	return i
}

// Every octet at every place of texts around the width of a word, alone and
// with another odd one behind it.
func TestPlain(t *testing.T) {
	for length := range 26 {
		for at := range length {
			for c := range 256 {
				b := bytes.Repeat([]byte{'a'}, length)
				b[at] = byte(c)
				if got, want := plain(b), plainSlow(b); got != want {
					t.Fatalf("%q: %d, not %d", b, got, want)
				}
				b[length-1] = '"'
				if got, want := plain(b), plainSlow(b); got != want {
					t.Fatalf("%q: %d, not %d", b, got, want)
				}
			}
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte(`plain text and then "`))
	f.Add([]byte("\x7f\x80\x1f !#[]^\x00\xff\"\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := plain(b), plainSlow(b); got != want {
			t.Errorf("%q: %d, not %d", b, got, want)
		}
	})
}

// What is refused in a long text is refused wherever it stands.
func TestLongStrings(t *testing.T) {
	for at := range 40 {
		before, after := strings.Repeat("x", at), strings.Repeat("y", 40-at)
		for part, good := range map[string]bool{
			"é": true, `\n`: true, `\u00e9`: true, "\x7f": true,
			"\n": false, "\x00": false, "\xff": false, "\xc3": false, `\x`: false, `\ud800`: false, `"`: false,
		} {
			for _, text := range []string{before + part + after, `\t` + before + part + after} {
				var s string
				if err := DecodeJSON([]byte(`"`+text+`"`), &s); (err == nil) != good {
					t.Errorf("%q at %d: %v", part, at, err)
				}
			}
		}
	}
}

// base64Slow holds a text against the alphabet first and then the library.
func base64Slow(s, chars string, decode func(string) ([]byte, error)) ([]byte, bool) {
	for i := range len(s) {
		if strings.IndexByte(chars, s[i]) < 0 {
			return nil, false
		}
	}
	b, err := decode(s)
	return b, err == nil
}

// FuzzBase64Strictness: the length of what was decoded tells as much as a look
// at every character.
func FuzzBase64Strictness(f *testing.F) {
	for _, s := range []string{"", "QQ", "QUJD", "-_8", "QR", "QUI\r\n", "+/8=", "QQ==", "QQ==\n", "Q\nQ==", "QQ=\n=", "QQ\r", "\n"} {
		f.Add(s)
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	f.Fuzz(func(t *testing.T, s string) {
		want, good := base64Slow(s, letters+"-_", rawURL.DecodeString)
		if got, err := DecodeBase64URL(s); (err == nil) != good || good && !bytes.Equal(got, want) {
			t.Errorf("%q: %q, %v", s, got, err)
		}
		if got, err := appendBase64URL([]byte("x"), []byte(s)); (err == nil) != good || good && string(got) != "x"+string(want) {
			t.Errorf("%q appended: %q, %v", s, got, err)
		}
		want, good = base64Slow(s, letters+"+/=", standard.DecodeString)
		if got, err := DecodeBase64(s); (err == nil) != good || good && !bytes.Equal(got, want) {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	})
}
