package webserver

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"vidimus/internal/problem"
)

// checkQuery refuses what could be read in two ways, in time linear in the
// capped length. A POST takes its parameters from the body alone: RFC 6749,
// section 3.2, and an access token in a query is refused, not ignored.
func checkQuery(r *http.Request) error {
	raw := r.URL.RawQuery
	if raw == "" {
		return nil
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return problem.New(problem.InvalidRequest, "no query parameters are taken here")
	}
	if len(raw) > maxQuery || strings.Count(raw, "&") >= maxQueryPairs {
		return problem.New(problem.InvalidRequest, "the query is too long")
	}
	values, err := url.ParseQuery(raw) // refuses ';' and broken escapes
	if err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "the query is malformed")
	}
	for name, vs := range values {
		if len(vs) != 1 {
			return problem.New(problem.InvalidRequest, "a query parameter is repeated")
		}
		for _, s := range []string{name, vs[0]} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				return problem.New(problem.InvalidRequest, "the query is not plain text")
			}
		}
	}
	return nil
}
