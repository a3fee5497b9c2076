//go:build e2e

package consoletest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// axeFile is axe-core, as `npm ci` in testdata/axe puts it.
const axeFile = "../../../testdata/axe/node_modules/axe-core/axe.min.js"

const axeRun = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}, resultTypes: ["violations"], preload: false
}).then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary).join(" | ")))`

func axe(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatalf("axe-core is missing: run ./t.sh e2e, or npm ci in testdata/axe: %v", err)
	}
	return string(raw)
}

// screen is how a page is looked at.
type screen struct {
	scheme string
	width  int64
}

var screens = []screen{{"light", 1280}, {"light", 320}, {"dark", 1280}, {"dark", 320}}

// check runs axe on the page as it is, on every screen, and finds what would
// have to be scrolled sideways (WCAG 2.1, 1.4.10).
func (b *tab) check(axe, name string) {
	b.t.Helper()
	ask(b, chromedp.Evaluate[bool](axe+"; true"))
	for _, s := range screens {
		b.look(s)
		for _, v := range ask(b, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise)) {
			b.t.Errorf("%s, %s at %d: %s", name, s.scheme, s.width, v)
		}
		if wide := ask(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > s.width {
			b.t.Errorf("%s at %d is %d wide", name, s.width, wide)
		}
		b.picture(fmt.Sprintf("%s-%s-%d", name, s.scheme, s.width))
	}
}

func (b *tab) look(s screen) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
	b.do("setting the width", chromedp.EmulateViewport(s.width, 900))
}

// Every page, in every language, light and dark, wide and narrow: no violation
// of WCAG 2.1, levels A and AA, that a program can find.
func TestAxe(t *testing.T) {
	source := axe(t)
	s := newSite(t)
	browser := chromium(t)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			anna, ben, otto := s.tab(t, browser, true), s.tab(t, browser, true), s.tab(t, browser, true)
			for _, b := range []*tab{anna, ben, otto} {
				if _, err := chromedp.Call(b.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil { // for axe alone
					t.Fatal(err)
				}
				b.open("/login")
				b.click(`[name=language][value=` + lang + `]`)
				if got := ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)); got != lang {
					t.Fatalf("the page is in %q", got)
				}
			}
			check := func(b *tab, name string) { b.t.Helper(); b.check(source, lang+"-"+name) }
			check(anna, "login")
			anna.typed("#link", "nonsense")
			anna.click("#log-in")
			check(anna, "login-refused")
			path, err := s.Link(t.Context(), "anna")
			if err != nil {
				t.Fatal(err)
			}
			anna.open(path)
			check(anna, "login-link")
			anna.click("#log-in")
			check(anna, "search")
			anna.click("#search")
			check(anna, "search-errors")
			anna.find()
			record := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
			check(anna, "record")
			anna.click("#history")
			check(anna, "history")
			anna.click("main li .button")
			check(anna, "receipt-applied")
			anna.open(record + "/measure")
			check(anna, "measure")
			anna.click("#propose")
			check(anna, "measure-errors")
			anna.choose("#kind", "court-ban")
			anna.typed("#authority", "Court of Utopia")
			anna.choose("#from_date", "2030-01-01")
			anna.click("#propose")
			check(anna, "proposal-own")
			proposal := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
			anna.open(record + "/lift?measure=m-later")
			check(anna, "lift")
			anna.click("#propose")
			check(anna, "lift-errors")
			anna.open("/record")
			check(anna, "refusal")

			ben.login("ben")
			ben.open("/proposals")
			check(ben, "proposals")
			ben.open(proposal)
			check(ben, "proposal-other")
			ben.click("#confirm")
			check(ben, "proposal-done")
			ben.click("#receipt")
			check(ben, "receipt")

			otto.login("otto")
			check(otto, "record-of-officers")
		})
	}
}

// The receipt with its lists, and the record of a person whose copies are
// revoked, are pages with tables that the others do not have.
func TestAxeAfterPublication(t *testing.T) {
	source := axe(t)
	s := newSite(t)
	browser := chromium(t)
	anna, ben := s.tab(t, browser, true), s.tab(t, browser, true)
	anna.login("anna")
	anna.find()
	anna.click("#add-measure")
	anna.choose("#kind", "provisional-withdrawal")
	anna.typed("#authority", "Police")
	anna.click("#propose")
	proposal := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
	ben.login("ben")
	ben.open(proposal)
	ben.click("#confirm")
	if err := s.Publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	ben.click("#receipt")
	ben.want("#state", "published")
	ben.check(source, "receipt-covered")
	anna.find()
	anna.want("main", "revoked")
	anna.check(source, "record-revoked")
}

// axe itself must bite.
func TestAxeBites(t *testing.T) {
	source := axe(t)
	s := newSite(t)
	b := s.tab(t, chromium(t), true)
	b.open("/login")
	ask(b, chromedp.Evaluate[bool](`document.documentElement.removeAttribute("lang"); document.querySelector("label").remove();
		document.querySelector("h1").style.color = "#fefefe"; true`))
	ask(b, chromedp.Evaluate[bool](source+"; true"))
	b.look(screens[0])
	found := strings.Join(ask(b, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise)), "\n")
	for _, rule := range []string{"html-has-lang", "label", "color-contrast"} {
		if !strings.Contains(found, rule+": ") {
			t.Errorf("%s is not found: %s", rule, found)
		}
	}
}
