package pages_test

import (
	"testing"
	"testing/fstest"

	"vidimus/internal/webserver/pages"
)

func TestFormTarget(t *testing.T) {
	for uri, want := range map[string]string{
		"https://wallet.example/back?x=y":   "https://wallet.example",
		"https://wallet.example:8443/":      "https://wallet.example:8443",
		"http://127.0.0.1:4711/back":        "http://127.0.0.1:4711",
		"eu.example.wallet:/back":           "eu.example.wallet:",
		"eu.example.wallet://back":          "eu.example.wallet:",
		"":                                  "",
		"/back":                             "",
		"https://a.example;script-src/":     "",
		"https://a.example'unsafe-inline'/": "",
		"https://*/":                        "",
	} {
		if got := pages.FormTarget(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	room := fstest.MapFS{"page/x.html": {Data: []byte(`{{template "top" .}}{{template "bottom" .}}`)}}
	s, err := pages.New("https://issuer.example/office", "/my", room)
	if err != nil || s.Path("/lost") != "/office/my/lost" || !s.Secure() {
		t.Errorf("%v, %v", s, err)
	}
	for _, u := range []string{"", "issuer.example", "ftp://issuer.example"} {
		if _, err := pages.New(u, "", room); err == nil {
			t.Errorf("%q is taken for a public URL", u)
		}
	}
	if _, err := pages.New("https://issuer.example", "", fstest.MapFS{"page/x.html": {Data: []byte(`{{`)}}); err == nil {
		t.Error("a broken template is taken")
	}
}
