package cbor

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// Every byte at every place of a text, alone and after each of what a place before
// it may hold, is judged as one byte at a time would be.
func TestPlain(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for b := range 256 {
				text := bytes.Repeat([]byte("a"), size)
				text[at] = byte(b)
				for _, before := range []byte{'a', 0x7f, 0x80, 0xc2, 0xff, 1} {
					if at > 0 {
						text[at-1] = before
					}
					if want := utf8.Valid(text) && bytes.IndexByte(text, 0) < 0; plain(text) != want {
						t.Fatalf("%x: plain is %v", text, !want)
					}
				}
			}
		}
	}
	for _, text := range []string{"", "Dvořák-Müller, 東京都", "\u007f\u0080\u07ff\u0800\uffff\U0010ffff"} {
		if !plain([]byte(text)) {
			t.Errorf("%q is refused", text)
		}
	}
}
