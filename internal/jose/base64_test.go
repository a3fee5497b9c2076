package jose

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestDecodeBase64URL(t *testing.T) {
	for text, want := range map[string]string{"": "", "QQ": "A", "QUI": "AB", "QUJD": "ABC", "-_8": "\xfb\xff"} {
		got, err := DecodeBase64URL(text)
		if err != nil || string(got) != want || EncodeBase64URL(got) != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"Q", "QQ==", "QQ=", "QR", "QUJ", "QU\nI", "QUI\r\n", " QUI", "QU I", "+/8", "QUI.", "QÜI", "QUI\x00"} {
		if got, err := DecodeBase64URL(text); !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestDecodeBase64(t *testing.T) {
	for text, want := range map[string]string{"": "", "QQ==": "A", "QUI=": "AB", "QUJD": "ABC", "+/8=": "\xfb\xff"} {
		got, err := DecodeBase64(text)
		if err != nil || string(got) != want || EncodeBase64(got) != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"QQ", "QQ=", "QQ===", "Q===", "QR==", "QUJ=", "Q=Q=", "=", "==", "QU\nI=", "QUI=\n", "-_8=", "QQ==QQ=="} {
		if got, err := DecodeBase64(text); !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func FuzzDecodeBase64URL(f *testing.F) {
	for _, s := range []string{"", "QQ", "QUJD", "-_8", "QR", "QUI\r\n", "+/8=", "QQ=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := DecodeBase64URL(s); err == nil && EncodeBase64URL(b) != s {
			t.Errorf("%q was accepted, its one spelling is %q", s, EncodeBase64URL(b))
		} else if err != nil && b != nil {
			t.Errorf("%q was refused with a result", s)
		}
		if b, err := DecodeBase64(s); err == nil && EncodeBase64(b) != s {
			t.Errorf("%q was accepted as base64, its one spelling is %q", s, EncodeBase64(b))
		}
		if b, err := DecodeBase64URL(EncodeBase64URL([]byte(s))); err != nil || !bytes.Equal(b, []byte(s)) {
			t.Errorf("round trip of %q: %q, %v", s, b, err)
		}
	})
}

// Long texts are made in parts: they are those of the library at every length
// about the borders.
func TestEncodeBase64URL(t *testing.T) {
	octets := make([]byte, 10_000)
	for i := range octets {
		octets[i] = byte(i*7 + i>>8)
	}
	for n := range len(octets) {
		if n > 40 && n%1024 > 4 && n%1024 < 1020 {
			continue
		}
		want := base64.RawURLEncoding.EncodeToString(octets[:n])
		if got := EncodeBase64URL(octets[:n]); got != want {
			t.Fatalf("%d octets: %d characters, want %d", n, len(got), len(want))
		}
		// Nothing behind the octets is read, and nothing behind the text written.
		room := bytes.Repeat([]byte{'#'}, len(want)+20)
		if got := AppendBase64URL(room[:3], slices.Clip(octets[:n])); string(got) != "###"+want || EncodedLen(n) != len(want) || string(room[len(got):]) != strings.Repeat("#", 17) {
			t.Fatalf("%d octets appended: %.100q", n, got)
		}
	}
}
