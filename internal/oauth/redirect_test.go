package oauth

import (
	"net/url"
	"strings"
	"testing"

	"vidimus/internal/problem"
)

func TestCheckRedirectURI(t *testing.T) {
	for _, good := range []string{
		"https://wallet.example/cb", "https://wallet.example", "https://wallet.example:8443/cb?a=b&c=d", "https://wallet.example/%C3%BC",
		"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://[::1]:61023/cb",
		"eu.europa.ec.euidi://authorization", "com.example.app:/oauth2redirect", "com.example.app:cb",
	} {
		if err := CheckRedirectURI(good, false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if err := CheckRedirectURI("openid4vci://cb", true); err != nil {
		t.Errorf("a scheme known to be the client's: %v", err)
	}
	for _, bad := range []string{
		"", "/cb", "wallet.example/cb", "//wallet.example/cb", "https:///cb", "https:cb", "https://", "https://:443/cb",
		"https://wallet.example/cb#", "https://wallet.example/cb#x", "https://wallet.example@evil.example/cb", "https://@evil.example/cb",
		"https://u:p@wallet.example/cb", "http://wallet.example/cb", "http://localhost/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.2/cb",
		"http://[::1%25eth0]/cb", "http://127.0.0.1@evil.example/", "http://0.0.0.0/cb", "HTTP://wallet.example/cb",
		"javascript:alert(1)", "JavaScript://x%0aalert(1)", "data:text/html,x", "file:///etc/passwd", "blob:https://x", "openid4vci://cb", "x://cb",
		"https://wallet.example/c b", "https://wallet.example/\\evil", "https://wallet.example/\r\nSet-Cookie: x", "https://wället.example/",
		"https://wallet.example/<x>", "https://wallet.example/%zz", "https://" + strings.Repeat("a", 3000),
	} {
		if err := CheckRedirectURI(bad, false); problem.KindOf(err) != problem.InvalidRequest {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
	for _, bad := range []string{"javascript:alert(1)", "http://wallet.example/", "https://a@b/"} {
		if CheckRedirectURI(bad, true) == nil {
			t.Errorf("%s as a scheme of the client's own", bad)
		}
	}
}

func TestMatchRedirectURI(t *testing.T) {
	registered := []string{"https://wallet.example/cb", "http://127.0.0.1/cb", "http://[::1]:80/cb?x=1", "org.example.app:/cb"}
	for _, same := range []string{"https://wallet.example/cb", "http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://[::1]:9/cb?x=1", "org.example.app:/cb"} {
		if !MatchRedirectURI(same, registered) {
			t.Errorf("%s is not taken", same)
		}
	}
	for _, other := range []string{
		"", "https://wallet.example/cb/", "https://wallet.example/cb/more", "https://wallet.example/cb?x=1", "https://wallet.example/c", "https://wallet.example:443/cb",
		"https://WALLET.example/cb", "https://wallet.example.evil/cb", "https://wallet.example@evil/cb", "http://127.0.0.1:51004/other", "http://127.0.0.2/cb",
		"http://[::1]:9/cb", "https://127.0.0.1/cb", "http://127.0.0.1:1@evil/cb", "org.example.app:/cb2",
	} {
		if MatchRedirectURI(other, registered) {
			t.Errorf("%s is taken", other)
		}
	}
	if MatchRedirectURI("https://wallet.example/cb", nil) {
		t.Error("taken without any registered")
	}
}

func TestRedirectTo(t *testing.T) {
	p := []Parameter{{"code", "c+/="}, {"state", ""}, {"iss", "https://as.example/a?b"}}
	for uri, want := range map[string]string{
		"https://w.example/cb":     "https://w.example/cb?code=c%2B%2F%3D&iss=https%3A%2F%2Fas.example%2Fa%3Fb",
		"https://w.example/cb?a=b": "https://w.example/cb?a=b&code=c%2B%2F%3D&iss=https%3A%2F%2Fas.example%2Fa%3Fb",
		"https://w.example/cb?":    "https://w.example/cb?code=c%2B%2F%3D&iss=https%3A%2F%2Fas.example%2Fa%3Fb",
		"org.example.app:cb":       "org.example.app:cb?code=c%2B%2F%3D&iss=https%3A%2F%2Fas.example%2Fa%3Fb",
	} {
		got := RedirectTo(uri, p...)
		if got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
		if u, err := url.Parse(got); err != nil || u.Query().Get("code") != "c+/=" {
			t.Errorf("%s does not read back", got)
		}
	}
}

func FuzzCheckRedirectURI(f *testing.F) {
	for _, s := range []string{"https://wallet.example/cb?x=1", "http://127.0.0.1:9/", "a.b:/c", "https://a@b", "http://[::1]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckRedirectURI(s, false) != nil {
			return
		}
		if !MatchRedirectURI(s, []string{s}) {
			t.Errorf("%q is not itself", s)
		}
		u, err := url.Parse(RedirectTo(s, Parameter{"code", "x&y"}, Parameter{"iss", "z"}))
		if err != nil || u.Fragment != "" || u.User != nil {
			t.Errorf("%q: %v", s, err)
		}
	})
}
