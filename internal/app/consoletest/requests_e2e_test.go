//go:build e2e

package consoletest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"vidimus/internal/app/consoletest"
	"vidimus/internal/browsertest"
)

// What wallets ask for, and offers to them: pages and deeds of their own.
func TestAxeWallets(t *testing.T) {
	s := newSite(t)
	browser := browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			if err := s.Ask(t.Context(), lang); err != nil {
				t.Fatal(err)
			}
			anna := s.tab(t, browser, browsertest.ForAxe)
			anna.login(t, "anna")
			anna.Open("/")
			anna.Click(`[name=language][value=` + lang + `]`)
			anna.Open("/requests")
			anna.Check(lang+"-requests", browsertest.Every...)
			anna.Click("main li a")
			anna.Want("main", "Marie Louise Weber")
			anna.Check(lang+"-request", browsertest.Every...)
			anna.Click("#approve")
			if n := ask(anna, chromedp.Evaluate[int64](`document.querySelectorAll("main li").length`)); n != 0 {
				t.Errorf("%d requests wait", n)
			}
			anna.find()
			record := strings.TrimPrefix(ask(anna, chromedp.Location()), s.URL)
			anna.Open(record + "/offer?document=" + consoletest.Licence)
			anna.Check(lang+"-offer", browsertest.Every...)
			anna.Click("#by-code")
			anna.Want("#tx-code", "493536")
			if width := ask(anna, chromedp.Evaluate[int64](`document.querySelector(".qr").naturalWidth`)); width == 0 {
				t.Error("the QR code is not shown")
			}
			anna.Check(lang+"-offer-made", browsertest.Every...)
		})
	}
}
