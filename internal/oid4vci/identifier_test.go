package oid4vci

import (
	"strings"
	"testing"
)

func TestWellKnown(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://issuer.example.com":          "https://issuer.example.com/.well-known/openid-credential-issuer",
		"https://issuer.example.com/":         "https://issuer.example.com/.well-known/openid-credential-issuer",
		"https://issuer.example.com/tenant":   "https://issuer.example.com/.well-known/openid-credential-issuer/tenant",
		"https://issuer.example.com/tenant/":  "https://issuer.example.com/.well-known/openid-credential-issuer/tenant",
		"https://issuer.example.com:8443/a/b": "https://issuer.example.com:8443/.well-known/openid-credential-issuer/a/b",
		"https://issuer.example.com/a%2Fb":    "https://issuer.example.com/.well-known/openid-credential-issuer/a%2Fb",
	} {
		if got, err := WellKnown(issuer, WellKnownIssuer); err != nil || got != want {
			t.Errorf("%s: %s, %v", issuer, got, err)
		}
	}
	if got, err := WellKnown("https://as.example.com/x", WellKnownServer); err != nil || got != "https://as.example.com/.well-known/oauth-authorization-server/x" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := WellKnown("http://127.0.0.1:8080", WellKnownIssuer, true); err != nil || got != "http://127.0.0.1:8080/.well-known/openid-credential-issuer" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestCheckIssuer(t *testing.T) {
	for _, issuer := range []string{"", "issuer.example.com", "http://issuer.example.com", "https://", "https://:443", "https://issuer.example.com?x=1", "https://issuer.example.com?",
		"https://issuer.example.com#", "https://issuer.example.com/a#b", "https://u@issuer.example.com", "https:issuer", "ftp://issuer.example.com",
		"https://issuer.example.com/ä", "https://issuer.example.com/a b", `https://issuer.example.com\@evil.example`, "https://issuer.example.com/\n", "https://" + strings.Repeat("a", maxURL)} {
		if err := CheckIssuer(issuer); err == nil {
			t.Errorf("%q passes", issuer)
		}
		if _, err := WellKnown(issuer, WellKnownIssuer); err == nil {
			t.Errorf("%q has a metadata URL", issuer)
		}
	}
	if err := CheckIssuer("ftp://x", true); err == nil {
		t.Error("allowInsecure lets more than http pass")
	}
}
