package oauth

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"vidimus/internal/problem"
)

// Form holds the parameters of one request, each at most once.
type Form struct {
	values    map[string]string
	resources []string
}

// ParseForm reads an application/x-www-form-urlencoded body, or a query
// without its question mark. A parameter that comes twice is refused, be it
// known or not (RFC 6749 section 3.2); only resource may repeat (RFC 8707
// section 2). Refusals are problem.InvalidRequest.
func ParseForm(body []byte) (Form, error) {
	if len(body) > maxForm {
		return Form{}, problem.New(problem.TooLarge, "the form is larger than %d bytes", maxForm)
	}
	f := Form{values: map[string]string{}}
	seen := map[string]bool{}
	rest, n := string(body), 0
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		if n++; n > maxParameters {
			return Form{}, problem.New(problem.InvalidRequest, "more than %d parameters", maxParameters)
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := parameter(rawName)
		if err != nil {
			return Form{}, err
		}
		value, err := parameter(rawValue)
		if err != nil {
			return Form{}, err
		}
		if name == "" || len(name) > maxName {
			return Form{}, problem.New(problem.InvalidRequest, "a parameter name is empty or longer than %d bytes", maxName)
		}
		if name == "resource" {
			f.resources = append(f.resources, value)
			continue
		}
		if seen[name] {
			return Form{}, problem.New(problem.InvalidRequest, "parameter %s is there twice", visible(name))
		}
		seen[name] = true
		if value != "" { // RFC 6749 section 3.2: without a value it counts as omitted
			f.values[name] = value
		}
	}
	return f, nil
}

// Get gives the value of a parameter, "" when it was omitted.
func (f Form) Get(name string) string { return f.values[name] }

// Has reports whether a parameter was sent with a value.
func (f Form) Has(name string) bool { return f.values[name] != "" }

// Resources gives the values of resource in their order (RFC 8707).
func (f Form) Resources() []string { return f.resources }

// Names gives the names of the parameters that have a value, in no order.
func (f Form) Names() []string {
	names := make([]string, 0, len(f.values))
	for name := range f.values {
		names = append(names, name)
	}
	return names
}

// parameter undoes the percent encoding of a name or value. Semicolons
// separate nothing; control characters have no place but white space, which
// pretty-printed authorization_details hold.
func parameter(raw string) (string, error) {
	s, err := url.QueryUnescape(raw)
	if err != nil {
		return "", problem.New(problem.InvalidRequest, "a parameter has a broken percent encoding")
	}
	if !utf8.ValidString(s) {
		return "", problem.New(problem.InvalidRequest, "a parameter is not UTF-8")
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return "", problem.New(problem.InvalidRequest, "a parameter holds a control character")
		}
	}
	return s, nil
}

// visible makes a name of the peer fit for error_description (RFC 6749
// section 5.2): printable ASCII without quote and backslash.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, name)
}
