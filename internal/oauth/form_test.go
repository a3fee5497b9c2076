package oauth

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/problem"
)

func TestParseForm(t *testing.T) {
	f, err := ParseForm([]byte("grant_type=authorization_code&code=a%2Bb+c&empty=&bare&resource=https%3A%2F%2Fa&&resource=https%3A%2F%2Fb&authorization_details=%5B%0A%5D&d=Z%C3%BCrich"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Get("grant_type") != "authorization_code" || f.Get("code") != "a+b c" || f.Get("d") != "Zürich" || f.Get("authorization_details") != "[\n]" {
		t.Errorf("%+v", f)
	}
	if f.Has("empty") || f.Has("bare") || f.Has("absent") || !f.Has("code") {
		t.Error("a parameter without a value counts as omitted")
	}
	if !slices.Equal(f.Resources(), []string{"https://a", "https://b"}) {
		t.Errorf("resources = %q", f.Resources())
	}
	if names := f.Names(); len(names) != 4 || !slices.Contains(names, "d") {
		t.Errorf("names = %q", names)
	}
}

func TestParseFormRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want problem.Kind
	}{
		"twice":            {"code=a&code=a", problem.InvalidRequest},
		"twice, one empty": {"code=&code=a", problem.InvalidRequest},
		"twice, escaped":   {"code=a&c%6Fde=b", problem.InvalidRequest},
		"unknown twice":    {"x=1&y=2&x=3", problem.InvalidRequest},
		"broken escape":    {"code=%zz", problem.InvalidRequest},
		"cut escape":       {"code=%2", problem.InvalidRequest},
		"not UTF-8":        {"code=%ff", problem.InvalidRequest},
		"NUL":              {"code=a%00", problem.InvalidRequest},
		"escape character": {"code=%1b[2J", problem.InvalidRequest},
		"empty name":       {"=a", problem.InvalidRequest},
		"long name":        {strings.Repeat("n", maxName+1) + "=a", problem.InvalidRequest},
		"many":             {strings.Repeat("resource=a&", maxParameters+1), problem.InvalidRequest},
		"large":            {"code=" + strings.Repeat("a", maxForm), problem.TooLarge},
	} {
		f, err := ParseForm([]byte(c.body))
		if problem.KindOf(err) != c.want || f.values != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range problem.Detail(err) {
			if r < ' ' || r > '~' || r == '"' || r == '\\' {
				t.Errorf("%s: %q does not fit error_description", name, problem.Detail(err))
			}
		}
	}
	if _, err := ParseForm([]byte("%22%C3%A9=1&%22%C3%A9=2")); !strings.Contains(problem.Detail(err), "??") {
		t.Errorf("name of the peer in the detail: %q", problem.Detail(err))
	}
}

func TestParseAuthorization(t *testing.T) {
	for value, want := range map[string][2]string{
		"DPoP abc-._~+/==": {"DPoP", "abc-._~+/=="},
		"dpop abc":         {"DPoP", "abc"},
		"BEARER abc":       {"Bearer", "abc"},
	} {
		scheme, token, err := ParseAuthorization(value)
		if err != nil || scheme != want[0] || token != want[1] {
			t.Errorf("%q: %q, %q, %v", value, scheme, token, err)
		}
	}
	for _, value := range []string{"", "DPoP", "DPoP ", "DPoP  abc", "DPoP a b", "DPoP abc,Bearer x", "Basic abc", "abc", "DPoP a=b", "DPoP =", "DPoP ä", "DPoP " + strings.Repeat("a", maxAccessToken+1)} {
		scheme, token, err := ParseAuthorization(value)
		if !errors.Is(err, &problem.Error{Kind: problem.InvalidToken}) || scheme != "" || token != "" {
			t.Errorf("%.40q: %q, %q, %v", value, scheme, token, err)
		}
	}
}

func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"a=b&c=d", "a=%41&a=b", "resource=x&resource=y", "=&&=", "%zz"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := ParseForm(body)
		if err != nil {
			if form.values != nil || form.resources != nil || problem.KindOf(err) == problem.Internal {
				t.Errorf("%v beside a result", err)
			}
			return
		}
		for _, name := range form.Names() {
			if form.Get(name) == "" || len(name) > maxName {
				t.Errorf("%q = %q", name, form.Get(name))
			}
		}
	})
}
