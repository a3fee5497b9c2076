package wallet

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxLine is the number of characters after which a text is cut.
const maxLine = 2000

// clean makes a stranger's text fit for a terminal: control characters, and
// those that turn the direction of writing or cannot be seen, are spelled out.
func clean(s string) string {
	var b strings.Builder
	count := 0
	for _, r := range s {
		if count++; count > maxLine {
			b.WriteString(" …")
			break
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xad || r == 0x61c || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
			r >= 0x2060 && r <= 0x206f || r == 0xfeff || r == 0xfffd || r >= 0xe0000 && r <= 0xe0fff {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// valueText writes a value on one line: text as it is, everything else as JSON.
func valueText(v any) string {
	if s, ok := v.(string); ok {
		return clean(s)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return clean(fmt.Sprint(v))
	}
	return clean(strings.TrimSuffix(b.String(), "\n"))
}
