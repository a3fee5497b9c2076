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

// CheckMap makes the checks that every decoding makes on exactly one map of at
// most max bytes, and says whether Lint would find nothing. False says no more
// than that Lint has to be asked.
func CheckMap(data []byte, max int) (deterministic bool, err error) {
	if err := bounded(data, max); err != nil {
		return false, err
	}
	w := walker{data: data, nodes: MaxNodes}
	if err := w.whole(0, len(data), 0); err != nil {
		return false, err
	}
	if major := data[0] >> 5; major != majorMap {
		return false, fmt.Errorf("%w: %s expected, %s found", ErrMalformed, majorNames[majorMap], majorNames[major])
	}
	return !w.loose && len(data) <= MaxMessage, nil
}

// CheckEncoded is [UnwrapEncoded], and says what [CheckMap] says.
func CheckEncoded(item []byte) (content []byte, deterministic bool, err error) {
	w := walker{data: item, nodes: MaxNodes}
	if err := w.whole(0, len(item), 0); err != nil {
		return nil, false, err
	}
	if content, err = unwrap(item); err != nil {
		return nil, false, err
	}
	return content, !w.loose && len(item) <= MaxMessage, nil
}
