//go:build e2e

package citizentest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func (s *site) authorizePage() string {
	return s.URL + "/authorize?" + url.Values{"client_id": {client}, "request_uri": {requestURI}}.Encode()
}

// Without any script: from the wallet's link to the wallet.
func TestApprove(t *testing.T) {
	s, browser := newSite(t), chromium(t)
	b := newTab(t, browser, false)
	b.open(s.authorizePage())
	b.want("h1", "Pick a person")
	b.click(`button[value="P-100"]`)
	b.want("main", "Driving licence: document DL-2025-000100")
	b.want("main", "Wallet of Utopia")
	b.click("#approve")
	b.want("h1", "Back in the wallet") // the content policy lets the form lead there
	if at := ask(b, chromedp.Location()); at != s.wallet+"/back?code=c&state=s" {
		t.Errorf("the browser is at %s", at)
	}
	if s.decision.Person != "P-100" || len(s.decision.Documents) != 2 {
		t.Errorf("decision %+v", s.decision)
	}
	// The way back in the browser's history leads to a page that says no.
	b.open(s.authorizePage())
	b.want("h1", "This did not work")
}

func TestDeny(t *testing.T) {
	s, browser := newSite(t), chromium(t)
	b := newTab(t, browser, false)
	b.open(s.authorizePage())
	b.click(`button[value="P-100"]`)
	b.click("#deny")
	b.want("h1", "Back in the wallet")
	if s.denied != "access_denied" || s.decision.Person != "" {
		t.Errorf("%q, %+v", s.denied, s.decision)
	}
	s.ask(requestURI)
	b.open(s.authorizePage())
	b.click("#cancel")
	b.want("h1", "Back in the wallet")
}

// Without any script: documents, an offer, a code, and a phone that is lost.
func TestMyDocuments(t *testing.T) {
	s, browser := newSite(t), chromium(t)
	b := newTab(t, browser, false)
	b.open(s.URL + "/my")
	b.click("#log-in")
	b.click(`button[value="P-100"]`)
	b.want("main", "Driving licence DL-2025-000100 in force")
	b.click(`form[action$="/offer"] button`)
	b.want("#tx-code", "493536")
	b.open(s.URL + "/my")
	b.click(`form[action$="/wallet"] button`)
	b.click("#make-code")
	code := b.text("#code")
	stranger := newTab(t, browser, false)
	stranger.open(s.URL + "/my/lost")
	stranger.typed("#code", strings.ToLower(code))
	stranger.click("#revoke")
	stranger.want("h1", "Wallet revoked")
	if len(s.revoked) != 1 || s.revoked[0] != "one" {
		t.Errorf("revoked %v", s.revoked)
	}
	b.open(s.URL + "/my")
	b.click("#logout")
	b.want("main", "Log in")
}

// Every page, in every language, light and dark, wide and narrow: no violation
// of WCAG 2.1, levels A and AA, that a program can find.
func TestAxe(t *testing.T) {
	s, browser := newSite(t), chromium(t)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			b := newTab(t, browser, true)
			check := func(name string) { b.t.Helper(); b.check(lang + "-" + name) }
			s.ask(requestURI)
			b.open(s.authorizePage() + "&lang=" + lang)
			check("pick")
			b.click(`button[value="P-100"]`)
			if got := ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)); got != lang {
				t.Errorf("the page is in %q", got)
			}
			check("confirm")
			b.click("#deny")
			s.ask(requestURI)
			b.open(s.authorizePage())
			b.click(`button[value="P-102"]`)
			check("nothing")
			b.open(s.URL + "/authorize")
			check("sorry")

			b.open(s.URL + "/my")
			check("welcome")
			b.click("#log-in")
			b.click(`button[value="P-100"]`)
			check("home")
			b.click(`form[action$="/offer"] button`)
			check("offer")
			b.open(s.URL + "/my")
			b.click(`form[action$="/wallet"] button`)
			check("wallet")
			b.click("#make-code")
			check("code")
			b.open(s.URL + "/my/messages")
			check("messages")
			b.open(s.URL + "/my/issued")
			check("issued")
			b.open(s.URL + "/my/lost")
			check("lost")
			b.typed("#code", "AAAA")
			b.click("#revoke")
			check("lost-wrong")
		})
	}
}
