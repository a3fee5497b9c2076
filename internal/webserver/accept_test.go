package webserver

import (
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const j, c = "application/statuslist+jwt", "application/statuslist+cwt"
	for _, tt := range []struct{ accept, want string }{
		{"", j},
		{"*/*", j},
		{c, c},
		{j + ", " + c, j},
		{j + ";q=0.1, " + c + ";q=0.9", c},
		{"application/*", j},
		{"*/*;q=0.5, " + j + ";q=0", c},
		{"APPLICATION/STATUSLIST+CWT", c},
		{"text/html", ""},
		{c + ";q=2", ""},
		{c + ";q=NaN", ""},
		{strings.Repeat("text/x,", 31) + c, c},
		{strings.Repeat("text/x,", 40) + c, ""},
		{strings.Repeat("text/x,", 5000), j},
		{",,;;=,", ""},
	} {
		got, ok := Negotiate(tt.accept, j, c)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Negotiate(%.60q) = %q, %v, want %q", tt.accept, got, ok, tt.want)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for v, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "*": false, "identity": false, "x-unknown": false,
		strings.Repeat("br,", 40) + "gzip": false,
	} {
		if got := AcceptsGzip(v); got != want {
			t.Errorf("AcceptsGzip(%q) = %v", v, got)
		}
	}
}
