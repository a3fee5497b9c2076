//go:build e2e

package consoletest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"vidimus/internal/browsertest"
)

// Every page, in every language, light and dark, wide and narrow: no violation
// of WCAG 2.1, levels A and AA, that a program can find.
func TestAxe(t *testing.T) {
	s := newSite(t)
	browser := browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			anna, ben, otto := s.tab(t, browser, browsertest.ForAxe), s.tab(t, browser, browsertest.ForAxe), s.tab(t, browser, browsertest.ForAxe)
			for _, b := range []*tab{anna, ben, otto} {
				b.Open("/login")
				b.Click(`[name=language][value=` + lang + `]`)
				if got := ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)); got != lang {
					t.Fatalf("the page is in %q", got)
				}
			}
			check := func(b *tab, name string) { t.Helper(); b.Check(lang+"-"+name, browsertest.Every...) }
			check(anna, "login")
			anna.Type("#link", "nonsense")
			anna.Click("#log-in")
			check(anna, "login-refused")
			path, err := s.Link(t.Context(), "anna")
			if err != nil {
				t.Fatal(err)
			}
			anna.Open(path)
			check(anna, "login-link")
			anna.Click("#log-in")
			check(anna, "search")
			anna.Click("#search")
			check(anna, "search-errors")
			anna.find()
			record := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
			check(anna, "record")
			anna.Click("#history")
			check(anna, "history")
			anna.Click("main li .button")
			check(anna, "receipt-applied")
			anna.Open(record + "/measure")
			check(anna, "measure")
			anna.Click("#propose")
			check(anna, "measure-errors")
			anna.Choose("#kind", "court-ban")
			anna.Type("#authority", "Court of Utopia")
			anna.Choose("#from_date", "2030-01-01")
			anna.Click("#propose")
			check(anna, "proposal-own")
			proposal := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
			anna.Open(record + "/lift?measure=m-later")
			check(anna, "lift")
			anna.Click("#propose")
			check(anna, "lift-errors")
			anna.Open("/record")
			check(anna, "refusal")

			ben.login(t, "ben")
			ben.Open("/proposals")
			check(ben, "proposals")
			ben.Open(proposal)
			check(ben, "proposal-other")
			ben.Click("#confirm")
			check(ben, "proposal-done")
			ben.Click("#receipt")
			check(ben, "receipt")

			otto.login(t, "otto")
			check(otto, "record-of-officers")
		})
	}
}

// The receipt with its lists, and the record of a person whose copies are
// revoked, are pages with tables that the others do not have.
func TestAxeAfterPublication(t *testing.T) {
	s := newSite(t)
	browser := browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	anna, ben := s.tab(t, browser, browsertest.ForAxe), s.tab(t, browser, browsertest.ForAxe)
	anna.login(t, "anna")
	anna.find()
	anna.Click("#add-measure")
	anna.Choose("#kind", "provisional-withdrawal")
	anna.Type("#authority", "Police")
	anna.Click("#propose")
	proposal := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
	ben.login(t, "ben")
	ben.Open(proposal)
	ben.Click("#confirm")
	if err := s.Publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	ben.Click("#receipt")
	ben.Want("#state", "published")
	ben.Check("receipt-covered", browsertest.Every...)
	anna.find()
	anna.Want("main", "revoked")
	anna.Check("record-revoked", browsertest.Every...)
}

// axe itself must bite.
func TestAxeBites(t *testing.T) {
	s := newSite(t)
	b := s.tab(t, browsertest.Chromium(t, chromedp.IgnoreCertErrors), browsertest.ForAxe)
	b.Open("/login")
	ask(b, chromedp.Evaluate[bool](`document.documentElement.removeAttribute("lang"); document.querySelector("label").remove();
		document.querySelector("h1").style.color = "#fefefe"; true`))
	found := strings.Join(b.Violations(browsertest.Every[0]), "\n")
	for _, rule := range []string{"html-has-lang", "label", "color-contrast"} {
		if !strings.Contains(found, rule+": ") {
			t.Errorf("%s is not found: %s", rule, found)
		}
	}
}
