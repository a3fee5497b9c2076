//go:build e2e

package consoletest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"vidimus/internal/app/consoletest"
)

// What wallets ask for, and offers to them: pages and deeds of their own.
func TestAxeWallets(t *testing.T) {
	source := axe(t)
	s := newSite(t)
	browser := chromium(t)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			if err := s.Ask(t.Context(), lang); err != nil {
				t.Fatal(err)
			}
			anna := s.tab(t, browser, true)
			if _, err := chromedp.Call(anna.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil { // for axe alone
				t.Fatal(err)
			}
			anna.login("anna")
			anna.open("/")
			anna.click(`[name=language][value=` + lang + `]`)
			anna.open("/requests")
			anna.check(source, lang+"-requests")
			anna.click("main li a")
			anna.want("main", "Marie Louise Weber")
			anna.check(source, lang+"-request")
			anna.click("#approve")
			if n := ask(anna, chromedp.Evaluate[int64](`document.querySelectorAll("main li").length`)); n != 0 {
				t.Errorf("%d requests wait", n)
			}
			anna.find()
			record := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
			anna.open(record + "/offer?document=" + consoletest.Licence)
			anna.check(source, lang+"-offer")
			anna.click("#by-code")
			anna.want("#tx-code", "493536")
			if width := ask(anna, chromedp.Evaluate[int64](`document.querySelector(".qr").naturalWidth`)); width == 0 {
				t.Error("the QR code is not shown")
			}
			anna.check(source, lang+"-offer-made")
		})
	}
}
