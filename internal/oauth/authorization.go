package oauth

import (
	"strings"

	"vidimus/internal/problem"
)

// ParseAuthorization reads the value of the one Authorization header of a
// protected resource. scheme is "DPoP" or "Bearer", however it was spelled
// (RFC 9110 section 11.1 compares names without regard to case).
func ParseAuthorization(value string) (scheme, token string, err error) {
	name, token, found := strings.Cut(value, " ")
	switch {
	case !found:
		return "", "", problem.New(problem.InvalidToken, "no access token in the Authorization header")
	case strings.EqualFold(name, "DPoP"):
		scheme = "DPoP"
	case strings.EqualFold(name, "Bearer"):
		scheme = "Bearer"
	default:
		return "", "", problem.New(problem.InvalidToken, "the Authorization scheme is neither DPoP nor Bearer")
	}
	if !isToken68(token) || len(token) > maxAccessToken {
		return "", "", problem.New(problem.InvalidToken, "the access token is malformed")
	}
	return scheme, token, nil
}

// isToken68 is the grammar of RFC 9110 section 11.2.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isUnreserved(c) && c != '+' && c != '/' {
			return false
		}
	}
	return s != ""
}
