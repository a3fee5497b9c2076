package jose

import (
	"encoding/json"
	"fmt"
	"slices"
)

// ParseCritical is Parse for a token of at most max bytes whose signer may have
// marked extensions as critical, if the reader understands all of them: header
// members that it then acts upon, such as sigT of JAdES (ETSI TS 119 182-1).
func ParseCritical(token string, max int, understood ...string) (*Signed, error) {
	return parse(token, max, func(part string, max int) (Header, *wireHeader, error) {
		h, w, err := parseExtendedHeader(part, max, understood)
		if err == nil && bool(w.Zip) {
			return Header{}, nil, fmt.Errorf("%w: header member zip", ErrUnsupported)
		}
		return h, w, err
	})
}

// criticalMembers reads crit: names of members that are there, each once, all
// understood (RFC 7515 section 4.1.11).
func criticalMembers(members map[string]json.RawMessage, understood []string) ([]string, error) {
	if len(understood) == 0 {
		return nil, fmt.Errorf("%w: header member crit", ErrUnsupported)
	}
	var names []string
	if err := DecodeJSON(members["crit"], &names); err != nil || len(names) == 0 {
		return nil, fmt.Errorf("%w: header member crit is not a list of names", ErrMalformed)
	}
	for i, name := range names {
		if !slices.Contains(understood, name) {
			return nil, fmt.Errorf("%w: critical header member %s", ErrUnsupported, quote([]byte(name)))
		}
		if _, there := members[name]; !there || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("%w: crit names %s, which is not there or twice", ErrMalformed, quote([]byte(name)))
		}
	}
	return names, nil
}
