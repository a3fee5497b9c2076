package oid4vci

import (
	"fmt"
	"net/url"
	"strings"
)

// Names for WellKnown.
const (
	WellKnownIssuer = "openid-credential-issuer"
	WellKnownServer = "oauth-authorization-server"
)

// WellKnown gives the URL of a metadata document: "/.well-known/" and name go
// between host and path of the identifier (OpenID4VCI 1.0 section 12.2.2, RFC
// 8414 section 3.1). A slash that ends the path is dropped. allowInsecure lets
// an http identifier pass, for development.
func WellKnown(issuer, name string, allowInsecure ...bool) (string, error) {
	u, err := checkURL(issuer, allowed(allowInsecure), false)
	if err != nil {
		return "", fmt.Errorf("issuer identifier: %w", err)
	}
	return u.Scheme + "://" + u.Host + "/.well-known/" + name + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

// CheckIssuer judges a credential issuer identifier (section 12.2.1): https,
// host, optional port and path, no query, no fragment, no user.
func CheckIssuer(issuer string, allowInsecure ...bool) error {
	if _, err := checkURL(issuer, allowed(allowInsecure), false); err != nil {
		return fmt.Errorf("issuer identifier: %w", err)
	}
	return nil
}

func allowed(allowInsecure []bool) bool { return len(allowInsecure) > 0 && allowInsecure[0] }

func checkURL(raw string, allowInsecure, query bool) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("a URL of %d bytes, at most %d", len(raw), maxURL)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] <= ' ' || raw[i] >= 0x7f || raw[i] == '\\' {
			return nil, fmt.Errorf("character %#02x in a URL", raw[i])
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a URL")
	case u.Scheme != "https" && !(allowInsecure && u.Scheme == "http"):
		return nil, fmt.Errorf("not an https URL")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.User != nil:
		return nil, fmt.Errorf("not a URL of a host alone")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("a URL with a fragment")
	case !query && (u.RawQuery != "" || u.ForceQuery):
		return nil, fmt.Errorf("a URL with a query")
	}
	return u, nil
}
