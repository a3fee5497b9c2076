package webserver

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
)

// refuse writes the answer for err in the route's style.
//
// A refusal of HTTP itself (413, 429, 503 and their like) is plain text in the
// styles of a protocol: a wallet that reads an OAuth error code there would
// give up for good. RFC 8935 wants its own two members, RFC 6749 and OpenID4VCI
// 1.0 theirs.
func refuse(c *gin.Context, style Style, err error) {
	kind := problem.KindOf(err)
	status := StatusOf(style, kind)
	noteRefusal(c, kind, err)
	if c.Writer.Written() { // too late for anything but the log
		return
	}
	defer leaveBody(c)()
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	h.Del("Content-Encoding")
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	case style == StyleResource && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		challenge(c, kind, problem.Detail(err))
	}
	if page := eventOf(c).page; page != nil {
		page(c, err)
		return
	}
	detail := asciiDetail(problem.Detail(err))
	switch {
	case style == StyleAPI:
		JSON(c, status, oauthError{Error: string(kind), Description: detail})
	case style == StyleEvent && status == http.StatusBadRequest:
		JSON(c, status, eventError{Err: EventCode(kind), Description: detail})
	case webOnly(kind):
		if detail == "" {
			detail = http.StatusText(status)
		}
		Bytes(c, status, "text/plain; charset=utf-8", []byte(detail+"\n"))
	default:
		JSON(c, status, oauthError{Error: string(kind), Description: detail})
	}
}

// oauthError is the body of RFC 6749, section 5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// eventError is the body of RFC 8935, section 2.4.
type eventError struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

// EventCode gives the code of RFC 8935, section 2.4 for a kind: its own name
// when the registry of codes has it, else invalid_request.
func EventCode(kind problem.Kind) string {
	switch kind {
	case problem.InvalidKey, problem.InvalidIssuer, problem.InvalidAudience, problem.AuthenticationFailed, problem.AccessDenied:
		return string(kind)
	}
	return string(problem.InvalidRequest)
}

// challenge sets WWW-Authenticate as RFC 9449, section 7.1 shows it. A request
// without any credentials gets no error code (RFC 6750, section 3.1).
func challenge(c *gin.Context, kind problem.Kind, detail string) {
	v := `DPoP algs="` + dpopAlgorithms + `"`
	if c.GetHeader("Authorization") != "" {
		v += `, error="` + string(kind) + `"`
		if d := asciiDetail(detail); d != "" {
			v += `, error_description="` + d + `"`
		}
	}
	c.Header("WWW-Authenticate", v)
}

// dpopAlgorithms is what the authorization server's metadata names too.
const dpopAlgorithms = "ES256"

// asciiDetail keeps to the characters of RFC 6749, section 5.2 (0x20-21,
// 0x23-5B, 0x5D-7E) and to a length that fits a header.
func asciiDetail(s string) string {
	if len(s) > maxLogValue {
		s = s[:maxLogValue]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < 0x20 || r > 0x7e:
			return '?'
		}
		return r
	}, s)
}
