package citizenhttp_test

import (
	"maps"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/citizenhttp"
	"vidimus/internal/document"
	"vidimus/internal/i18n"
	"vidimus/internal/idp"
	"vidimus/internal/problem"
)

func TestHome(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	wantText(t, b.get("/office/my", 200), "My documents", "Log in", "Phone lost")
	a := b.want(b.login("P1"), 200)
	wantText(t, a, "Driving licence DL-1 in force", "31 August 2030", "Utopia <DMV>", "3 copies on phones", "Identity document ID-1 annulled",
		"Copies cannot be issued now.", "Wallet with copies since 1 April 2026", "Erika Dvorak")
	if strings.Contains(a.body, "P1") || strings.Contains(a.body, "unit-one") || strings.Contains(a.body, "<script") {
		t.Error("a number, a unit or a script is on the page")
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": ""} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	wantText(t, b.get("/office/my/messages", 200), "Phone lost", "1 June 2026")
	wantText(t, b.get("/office/my/issued", 200), "DL-1", "mdl", "20", "2")
	export := b.get("/office/my/export", 200)
	if export.body != `{"person":"P1"}` || export.Header.Get("Content-Disposition") != `attachment; filename="my-data.json"` {
		t.Errorf("%s, %v", export.body, export.Header)
	}
	b.want(b.do("POST", "/office/my/logout", a.form("/logout")), 303)
	wantText(t, b.get("/office/my", 200), "Log in")
	for _, path := range []string{"/messages", "/issued", "/export"} {
		if a := b.get("/office/my"+path, 303); a.Header.Get("Location") != "/office/my" {
			t.Errorf("%s leads to %s", path, a.Header.Get("Location"))
		}
	}
	wantText(t, s.browser().login("P2"), "This did not work", "nobody is known")
}

// Every page in every language, with every word of it.
func TestLanguages(t *testing.T) {
	s := newSite(t)
	for _, l := range i18n.Languages() {
		b := s.browser()
		b.lang = string(l)
		home := b.want(b.login("P1"), 200)
		all := []answer{
			home, b.get("/office/my/messages", 200), b.get("/office/my/issued", 200), b.get("/office/my/lost", 200), s.browser().get("/office/my?lang="+string(l), 200),
			b.want(b.do("POST", "/office/my/offer", home.form("/offer")), 200), b.want(b.do("POST", "/office/my/wallet", home.form("/wallet")), 200),
		}
		for _, a := range all {
			if !strings.Contains(a.body, `<html lang="`+string(l)+`">`) || a.Header.Get("Content-Language") != string(l) {
				t.Errorf("%s: not in this language: %s", l, a.body)
			}
			if m := regexp.MustCompile(`\b(my|sorry|document|copy|fact|document-state|document-type)\.[a-z-]+`).FindString(a.text()); m != "" {
				t.Errorf("%s: %q has no words", l, m)
			}
		}
	}
	for _, key := range []string{"valid", "annulled", "surrendered", "not-valid", "card-lost"} {
		if !i18n.Has("document-state." + key) {
			t.Errorf("no words for the state %s", key)
		}
	}
	if !i18n.Has("fact." + string(document.FactDocumentAnnulled)) {
		t.Error("no words for facts")
	}
}

func TestOffer(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	form := b.want(b.login("P1"), 200).form("/offer")
	a := b.want(b.do("POST", "/office/my/offer", form), 200)
	wantText(t, a, "123456", "On this phone", "On another phone")
	if !strings.Contains(a.body, `href="openid-credential-offer://?credential_offer=%7B%22a%22%3A1%7D"`) || !strings.Contains(a.body, `src="data:image/svg`) ||
		!strings.Contains(a.Header.Get("Content-Security-Policy"), "img-src 'self' data:;") {
		t.Error(a.body)
	}
	// A page that is loaded again asks for the same offer.
	b.want(b.do("POST", "/office/my/offer", form), 200)
	if len(s.wishes) != 2 || s.wishes[0] != s.wishes[1] || s.wishes[0].Person != "P1" || s.wishes[0].Document != "DL-1" || s.wishes[0].ACR != idp.DemoACR {
		t.Errorf("%+v", s.wishes)
	}
	for name, c := range map[string]struct {
		field, value string
		status       int
	}{
		"of somebody else": {"document", "DL-2", 404}, "no document": {"document", "", 404}, "no key": {"key", "", 400}, "a made up key": {"key", "../x", 400},
	} {
		bad := maps.Clone(form)
		bad.Set(c.field, c.value)
		wantText(t, b.want(b.do("POST", "/office/my/offer", bad), c.status), "This did not work")
		if len(s.wishes) != 2 {
			t.Errorf("%s: an offer was made", name)
		}
	}
}

func TestRevoke(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	form := b.want(b.login("P1"), 200).form("/wallet")
	a := b.want(b.do("POST", "/office/my/wallet", form), 200)
	wantText(t, a, "cannot be undone", "Revoke this wallet")
	if len(s.revoked) != 0 {
		t.Fatal("revoked by looking")
	}
	wantText(t, b.want(b.do("POST", "/office/my/wallet/revoke", a.form("/wallet/revoke")), 200), "The wallet is revoked")
	if len(s.revoked) != 1 || s.revoked[0] != "unit-one" {
		t.Errorf("revoked %v", s.revoked)
	}
	for _, unit := range []string{"", "unit-one", "0000000000000000"} {
		bad := maps.Clone(form)
		bad.Set("wallet", unit)
		for _, path := range []string{"/wallet", "/wallet/revoke", "/wallet/code"} {
			b.want(b.do("POST", "/office/my"+path, bad), 404)
		}
	}
	if len(s.revoked) != 1 || len(s.made) != 0 {
		t.Errorf("revoked %v, codes %v", s.revoked, s.made)
	}
}

// A code works once, without a login, however it is typed.
func TestCode(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	form := b.want(b.login("P1"), 200).form("/wallet")
	a := b.want(b.do("POST", "/office/my/wallet/code", form), 200)
	code := regexp.MustCompile(`id="code">([0-9A-Z-]+)<`).FindStringSubmatch(a.body)
	if code == nil || len(code[1]) != 24 || len(s.made) != 1 {
		t.Fatalf("%v: %s", code, a.body)
	}
	for _, c := range s.made {
		if c.Person != "P1" || c.Unit != "unit-one" || !c.Expires.After(now) {
			t.Errorf("kept %+v", c)
		}
	}
	stranger := s.browser()
	stranger.get("/office/my/lost", 200)
	typed := strings.ToLower(strings.ReplaceAll(code[1], "-", " "))
	typed = strings.NewReplacer("0", "o", "1", "l").Replace(typed)
	wantText(t, stranger.want(stranger.do("POST", "/office/my/lost", url.Values{"code": {"  " + typed + " "}}), 200), "The wallet is revoked")
	if len(s.revoked) != 1 || s.revoked[0] != "unit-one" {
		t.Errorf("revoked %v", s.revoked)
	}
	// A used one and a wrong one look alike.
	used := stranger.want(stranger.do("POST", "/office/my/lost", url.Values{"code": {code[1]}}), 403)
	wrong := stranger.want(stranger.do("POST", "/office/my/lost", url.Values{"code": {"AAAA-AAAA-AAAA-AAAA-AAAA"}}), 403)
	wantText(t, used, "not valid, or was used before")
	if used.body != wrong.body || strings.Contains(used.body, code[1]) {
		t.Error("a used code is told from a wrong one, or repeated")
	}
	// Guesses are counted, and the right code does not help who made too many.
	tried := s.tried
	for range 20 {
		stranger.do("POST", "/office/my/lost", url.Values{"code": {"AAAA-AAAA-AAAA-AAAA-AAAB"}})
	}
	if s.tried-tried > 10 {
		t.Errorf("%d guesses were evaluated", s.tried-tried)
	}
	stranger.want(stranger.do("POST", "/office/my/lost", url.Values{"code": {code[1]}}), 429)
	s.clock.Advance(10 * time.Minute)
	for _, bad := range []string{"", "AAAA", strings.Repeat("A", 100), "UUUU-UUUU-UUUU-UUUU-UUUU", "AAAA-AAAA-AAAA-AAAA-AAA\u0410"} {
		tried := s.tried
		stranger.want(stranger.do("POST", "/office/my/lost", url.Values{"code": {bad}}), 403)
		if s.tried != tried {
			t.Errorf("%q was looked up", bad)
		}
	}
}

// Forms that do not come from the page: bad input H13.
func TestBadForms(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	home := b.want(b.login("P1"), 200)
	for path, good := range map[string]url.Values{
		"/offer": home.form("/offer"), "/wallet": home.form("/wallet"), "/wallet/revoke": home.form("/wallet"), "/wallet/code": home.form("/wallet"), "/logout": home.form("/logout"),
	} {
		at := "/office/my" + path
		b.want(b.do("POST", at, good, "Sec-Fetch-Site", "cross-site"), 403)
		b.want(b.do("POST", at, good, "Origin", "https://evil.example"), 403)
		bad := maps.Clone(good)
		bad.Set("form_token", "x")
		b.want(b.do("POST", at, bad), 403)
		bad["form_token"] = []string{good.Get("form_token"), "x"}
		b.want(b.do("POST", at, bad), 400)
		b.want(b.do("POST", at+"?x=y", good), 400)
		b.want(b.do("GET", at, nil), 405)
		stranger := s.browser()
		stranger.want(stranger.do("POST", at, good), 403)
	}
	b.want(b.do("POST", "/office/my/lost", url.Values{"code": {"x"}}, "Sec-Fetch-Site", "cross-site"), 403)
	if len(s.wishes)+len(s.revoked)+len(s.made)+s.tried != 0 {
		t.Error("something was done")
	}
	s.clock.Advance(30 * time.Minute)
	wantText(t, b.get("/office/my", 200), "Log in")
	b.want(b.do("POST", "/office/my/wallet", home.form("/wallet")), 403)
}

func TestLogin(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	_, state, _ := strings.Cut(b.get("/office/my/login", 303).Header.Get("Location"), "?")
	callback := "/office/my/login/callback?person=P1&" + state
	s.browser().get(callback, 403)
	if a := b.get("/office/my/login/callback?error=access_denied&"+state, 303); a.Header.Get("Location") != "/office/my" {
		t.Errorf("cancelled: %s", a.Header.Get("Location"))
	}
	b.get(callback, 403)
	wantText(t, b.get("/office/my", 200), "Log in")
}

func TestFailures(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.want(b.login("P1"), 200)
	for kind, status := range map[problem.Kind]int{problem.Unavailable: 503, problem.Internal: 500} {
		for _, path := range []string{"", "/messages", "/issued", "/export"} {
			s.fail = problem.New(kind, "secret detail")
			if a := b.get("/office/my"+path, status); strings.Contains(a.body, "secret detail") {
				t.Error(a.body)
			}
		}
	}
	if err := citizenhttp.Pages(nil, citizenhttp.Config{URL: publicURL}); err == nil {
		t.Error("pages without an office")
	}
}
