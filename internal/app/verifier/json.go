package verifier

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"vidimus/internal/verification"
)

// WriteJSON writes a report for programs: the members of verification.Report. What
// a terminal would obey, or an eye not see, is escaped: the text of a stranger ends
// on a screen by this way too.
func WriteJSON(w io.Writer, r *verification.Report) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(visible{out})
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return errors.Join(enc.Encode(r), out.Flush())
}

// visible escapes in JSON what is no printable character. It is given whole
// characters, of which all but ASCII stand in strings.
type visible struct{ *bufio.Writer }

func (v visible) Write(text []byte) (n int, err error) {
	for n < len(text) && err == nil {
		r, size := utf8.DecodeRune(text[n:])
		switch {
		case r == '\n' || unicode.IsPrint(r):
			_, err = v.Writer.Write(text[n : n+size])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			_, err = fmt.Fprintf(v.Writer, `\u%04x\u%04x`, high, low)
		default:
			_, err = fmt.Fprintf(v.Writer, `\u%04x`, r)
		}
		n += size
	}
	return n, err
}

func compactJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "<cannot be shown>"
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
