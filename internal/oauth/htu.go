package oauth

import (
	"fmt"
	"net/url"
	"strings"
)

// NormalizeURL brings an absolute http or https URL into the one form in which
// htu values are compared: without query and fragment (RFC 9449 section 4.2),
// normalised by syntax and scheme (RFC 3986 sections 6.2.2 and 6.2.3). Path
// case and a trailing slash stay significant. Host names must be ASCII: no
// mapping of international names is attempted.
func NormalizeURL(raw string) (string, error) {
	for i := 0; i < len(raw); i++ {
		if raw[i] <= ' ' || raw[i] >= 0x7f || raw[i] == '\\' {
			return "", fmt.Errorf("character %#02x in a URL", raw[i])
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("not a URL")
	}
	scheme := strings.ToLower(u.Scheme)
	port := map[string]string{"https": "443", "http": "80"}[scheme]
	if port == "" || u.Opaque != "" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("not an absolute http URL without user")
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":"+port), ":")
	if host == "" {
		return "", fmt.Errorf("no host")
	}
	for i := 0; i < len(host); i++ {
		// url.Parse has decoded percent signs here: what is left over names no
		// server of ours, and would not normalize to itself.
		if c := host[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:[]", rune(c)) {
			return "", fmt.Errorf("character %#02x in a host name", c)
		}
	}
	path := removeDotSegments(normalizePercent(u.EscapedPath()))
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, nil
}

// normalizePercent decodes percent-encoded unreserved characters and writes
// the others in upper case (RFC 3986 sections 6.2.2.1 and 6.2.2.2).
func normalizePercent(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		triple := path[i : i+3]
		i += 2
		s, err := url.PathUnescape(triple)
		if err == nil && len(s) == 1 && isUnreserved(s[0]) {
			b.WriteByte(s[0])
		} else {
			b.WriteString(strings.ToUpper(triple))
		}
	}
	return b.String()
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// removeDotSegments is RFC 3986 section 5.2.4 for an absolute path.
func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path, "/")
	out := segments[:1] // what comes before the first slash: nothing
	for i, s := range segments[1:] {
		last := i == len(segments)-2
		switch s {
		case ".", "..":
			if s == ".." && len(out) > 1 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return strings.Join(out, "/")
}
