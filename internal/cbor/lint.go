package cbor

import "fmt"

// Lint says where data is not in core deterministic form (RFC 8949, 4.2.1):
// heads or floats that are not the shortest, indefinite lengths, maps whose
// keys are not sorted. It looks into tag-24 items too. It returns nil for a
// deterministic item, and one line for data that the decoder refuses; such data
// ends the list.
func Lint(data []byte) []string {
	if err := bounded(data, MaxMessage); err != nil {
		return []string{err.Error()}
	}
	var findings []string
	w := walker{data: data, nodes: MaxNodes, note: func(off int, finding string) {
		if len(findings) < maxFindings {
			findings = append(findings, fmt.Sprintf("byte %d: %s", off, finding))
		}
	}}
	if err := w.whole(0, len(data), 0); err != nil {
		findings = append(findings, err.Error())
	}
	return findings
}
