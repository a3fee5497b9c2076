//go:build e2e

package citizentest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"vidimus/internal/browsertest"
)

func (s *site) authorizePage() string {
	return s.URL + "/authorize?" + url.Values{"client_id": {client}, "request_uri": {requestURI}}.Encode()
}

// Without any script: from the wallet's link to the wallet.
func TestApprove(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	b := browser.Tab(t, browsertest.WithoutScripts)
	b.Open(s.authorizePage())
	b.Want("h1", "Pick a person")
	b.Click(`button[value="P-100"]`)
	b.Want("main", "Driving licence: document DL-2025-000100")
	b.Want("main", "Wallet of Utopia")
	b.Click("#approve")
	b.Want("h1", "Back in the wallet") // the content policy lets the form lead there
	if at := browsertest.Ask(b, chromedp.Location()); at != s.wallet+"/back?code=c&state=s" {
		t.Errorf("the browser is at %s", at)
	}
	if s.decision.Person != "P-100" || len(s.decision.Documents) != 2 {
		t.Errorf("decision %+v", s.decision)
	}
	// The way back in the browser's history leads to a page that says no.
	b.Open(s.authorizePage())
	b.Want("h1", "This did not work")
}

func TestDeny(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	b := browser.Tab(t, browsertest.WithoutScripts)
	b.Open(s.authorizePage())
	b.Click(`button[value="P-100"]`)
	b.Click("#deny")
	b.Want("h1", "Back in the wallet")
	if s.denied != "access_denied" || s.decision.Person != "" {
		t.Errorf("%q, %+v", s.denied, s.decision)
	}
	s.ask(requestURI)
	b.Open(s.authorizePage())
	b.Click("#cancel")
	b.Want("h1", "Back in the wallet")
}

// Without any script: documents, an offer, a code, and a phone that is lost.
func TestMyDocuments(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	b := browser.Tab(t, browsertest.WithoutScripts)
	b.Open(s.URL + "/my")
	b.Click("#log-in")
	b.Click(`button[value="P-100"]`)
	b.Want("main", "Driving licence DL-2025-000100 in force")
	b.Click(`form[action$="/offer"] button`)
	b.Want("#tx-code", "493536")
	b.Open(s.URL + "/my")
	b.Click(`form[action$="/wallet"] button`)
	b.Click("#make-code")
	code := b.Text("#code")
	stranger := browser.Tab(t, browsertest.WithoutScripts)
	stranger.Open(s.URL + "/my/lost")
	stranger.Type("#code", strings.ToLower(code))
	stranger.Click("#revoke")
	stranger.Want("h1", "Wallet revoked")
	if len(s.revoked) != 1 || s.revoked[0] != "one" {
		t.Errorf("revoked %v", s.revoked)
	}
	b.Open(s.URL + "/my")
	b.Click("#logout")
	b.Want("main", "Log in")
}

// Every page, in every language, light and dark, wide and narrow: no violation
// of WCAG 2.1, levels A and AA, that a program can find.
func TestAxe(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			b := browser.Tab(t, browsertest.ForAxe)
			check := func(name string) { t.Helper(); b.Check(lang+"-"+name, browsertest.Every...) }
			s.ask(requestURI)
			b.Open(s.authorizePage() + "&lang=" + lang)
			check("pick")
			b.Click(`button[value="P-100"]`)
			if got := browsertest.Ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)); got != lang {
				t.Errorf("the page is in %q", got)
			}
			check("confirm")
			b.Click("#deny")
			s.ask(requestURI)
			b.Open(s.authorizePage())
			b.Click(`button[value="P-102"]`)
			check("nothing")
			b.Open(s.URL + "/authorize")
			check("sorry")

			b.Open(s.URL + "/my")
			check("welcome")
			b.Click("#log-in")
			b.Click(`button[value="P-100"]`)
			check("home")
			b.Click(`form[action$="/offer"] button`)
			check("offer")
			b.Open(s.URL + "/my")
			b.Click(`form[action$="/wallet"] button`)
			check("wallet")
			b.Click("#make-code")
			check("code")
			b.Open(s.URL + "/my/messages")
			check("messages")
			b.Open(s.URL + "/my/issued")
			check("issued")
			b.Open(s.URL + "/my/lost")
			check("lost")
			b.Type("#code", "AAAA")
			b.Click("#revoke")
			check("lost-wrong")
		})
	}
}
