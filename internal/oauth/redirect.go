package oauth

import (
	"net/netip"
	"net/url"
	"strings"

	"vidimus/internal/problem"
)

// activeSchemes are never a place to send a browser to: what stands in such a
// URI runs, or reads files, where the user is logged in.
var activeSchemes = map[string]bool{
	"javascript": true, "data": true, "vbscript": true, "file": true, "blob": true, "about": true, "filesystem": true,
	"ws": true, "wss": true, "ftp": true, "mailto": true, "tel": true, "sms": true, "view-source": true,
}

// CheckRedirectURI judges a redirect_uri by itself: an absolute https URL, an
// http URL of a loopback address for native apps (RFC 8252 section 7.3; FAPI
// 2.0 section 5.3.2.2), or a URI of a private-use scheme. The name of such a
// scheme has a dot (RFC 8252 section 7.1), unless it is known to belong to the
// client: then dotless is true. Refused are fragments, users before the host,
// and what is not printable ASCII. Refusals are problem.InvalidRequest.
func CheckRedirectURI(raw string, dotless bool) error {
	bad := func(why string) error { return problem.New(problem.InvalidRequest, "redirect_uri %s", why) }
	switch {
	case raw == "":
		return bad("is missing")
	case len(raw) > maxRedirectURI:
		return bad("is too long")
	case strings.Contains(raw, "#"):
		return bad("has a fragment")
	}
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}", c) >= 0 {
			return bad("holds a character that no URI has")
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return bad("is no absolute URI")
	}
	if u.User != nil || strings.Contains(u.Host, "@") {
		return bad("names a user")
	}
	switch {
	case u.Scheme == "https":
		if u.Opaque != "" || u.Hostname() == "" {
			return bad("has no host")
		}
	case u.Scheme == "http":
		if !loopback(u) {
			return bad("is neither https nor of a loopback address")
		}
	case activeSchemes[u.Scheme]:
		return bad("has a scheme that is not redirected to")
	case !dotless && !strings.Contains(u.Scheme, "."):
		return bad("has a scheme that is not the client's own")
	}
	return nil
}

// loopback says that a URL points to the device itself, by number: a name may
// resolve to something else (RFC 8252 section 8.3).
func loopback(u *url.URL) bool {
	at, err := netip.ParseAddr(u.Hostname())
	return err == nil && u.Opaque == "" && at.Zone() == "" && (at == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || at == netip.IPv6Loopback())
}

// MatchRedirectURI says whether raw is one of the registered URIs: the same
// string, or the same but for the port of a loopback address (RFC 8252 section
// 7.3). Nothing else is equal: no prefix, no normalisation.
func MatchRedirectURI(raw string, registered []string) bool {
	for _, r := range registered {
		if raw == r || raw != "" && withoutLoopbackPort(raw) == withoutLoopbackPort(r) {
			return true
		}
	}
	return false
}

func withoutLoopbackPort(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.User != nil || !loopback(u) {
		return raw
	}
	rest, found := strings.CutPrefix(raw, "http://"+u.Host)
	if !found {
		return raw
	}
	return "http://" + u.Hostname() + " " + rest
}

// Parameter is one parameter of a redirect; one without a value is left out.
type Parameter struct{ Name, Value string }

// RedirectTo appends parameters to the query of a checked redirect_uri, which
// keeps its own (RFC 6749 section 3.1.2).
func RedirectTo(uri string, parameters ...Parameter) string {
	var b strings.Builder
	b.WriteString(uri)
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
		if strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&") {
			separator = ""
		}
	}
	for _, p := range parameters {
		if p.Value == "" {
			continue
		}
		b.WriteString(separator + url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value))
		separator = "&"
	}
	return b.String()
}
