package verifier

import (
	"bytes"
	"encoding/json"
	"io"

	"vidimus/internal/verification"
)

// WriteJSON writes a report for programs: the members of verification.Report.
func WriteJSON(w io.Writer, r *verification.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
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
