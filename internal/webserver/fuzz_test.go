package webserver

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func FuzzNegotiate(f *testing.F) {
	for _, s := range []string{"", "*/*", "a/b;q=0.1, application/*;q=1", "application/jwt;q=2", ",,;;=,", "a/b;q=0x1p-2"} {
		f.Add(s)
	}
	offers := []string{"application/statuslist+jwt", "application/statuslist+cwt"}
	f.Fuzz(func(t *testing.T, accept string) {
		got, ok := Negotiate(accept, offers...)
		if ok != slices.Contains(offers, got) || !ok && got != "" {
			t.Errorf("Negotiate(%q) = %q, %v", accept, got, ok)
		}
		if AcceptsGzip(accept) && !strings.Contains(strings.ToLower(accept), "gzip") {
			t.Errorf("AcceptsGzip(%q)", accept)
		}
	})
}

func FuzzLogSafe(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "\x1b[31m", strings.Repeat("ü", 300), "\xff\xfe", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		safe := LogSafe(s)
		if len(safe) > 4*maxLogValue || !utf8.ValidString(safe) || strings.ContainsFunc(safe, unicode.IsControl) {
			t.Errorf("LogSafe(%q) = %q", s, safe)
		}
		for _, c := range []byte(asciiDetail(s)) {
			if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
				t.Errorf("asciiDetail(%q) has %#x", s, c)
			}
		}
	})
}

// What passes has one reading.
func FuzzCheckQuery(f *testing.F) {
	for _, s := range []string{"", "a=b", "a=b;c=d", "a=%00", "a=1&a=2", "%zz", "a=%c0%af"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if checkQuery(&http.Request{Method: "GET", URL: &url.URL{RawQuery: raw}}) != nil {
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil || len(raw) > maxQuery {
			t.Fatalf("%q passes: %v", raw, err)
		}
		for k, v := range values {
			if len(v) != 1 || !utf8.ValidString(k+v[0]) || strings.Contains(k+v[0], "\x00") {
				t.Errorf("%q passes", raw)
			}
		}
	})
}
