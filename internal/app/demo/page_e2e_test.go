//go:build e2e

package demo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"vidimus/internal/browsertest"
	"vidimus/internal/policy"
)

// look finds what would have to be scrolled sideways, on a desk and on a phone.
func look(b *browsertest.Tab, name string) {
	for _, s := range []browsertest.Screen{{Scheme: "light", Width: 1280}, {Scheme: "light", Width: 360}} {
		b.Fits(name, s)
		b.Picture(fmt.Sprintf("%s-%d", name, s.Width))
	}
}

// A person at the page: an offer, the wallet takes it, the licence is annulled,
// the state turns.
func TestPageInBrowser(t *testing.T) {
	b := browsertest.Chromium(t).Tab(t, browsertest.NothingRefused)
	k := keepDemo(t)
	b.Open(k.page)
	if state := b.Text("#state-DL-2"); state != "in force" {
		t.Errorf("the licence is %q", state)
	}
	look(b, "people")

	b.Do("making an offer", chromedp.Click(chromedp.CSS("#offer-P-2")), chromedp.WaitVisible(chromedp.CSS("#tx-code")))
	link, href := b.Text("#link"), browsertest.Ask(b, chromedp.AttributeValue(chromedp.CSS("#link"), "href"))
	if link != href.Value || !strings.HasPrefix(link, "openid-credential-offer://") {
		t.Errorf("the link says %q and leads to %q", link, href.Value)
	}
	look(b, "offer")
	licence, kinds, anchors := k.take(t, link, b.Text("#tx-code"))
	if len(kinds) != 3 || k.status(t, licence, anchors) != policy.Valid {
		t.Errorf("fetched %q, status %s", kinds, k.status(t, licence, anchors))
	}

	b.Do("annulling", chromedp.Navigate(k.page), chromedp.Click(chromedp.CSS("#annul-DL-2")), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	notice, state, receipt := b.Text("[role=status]"), b.Text("#state-DL-2"), b.Text("#receipt-DL-2")
	if !strings.Contains(notice, "DL-2 is annulled") || state != "annulled" || !strings.Contains(receipt, "every copy is revoked") {
		t.Errorf("the page says %q, the state is %q, the receipt %q", notice, state, receipt)
	}
	look(b, "annulled")
	if got := k.status(t, licence, anchors); got != policy.Revoked {
		t.Errorf("the copy is %s after all", got)
	}
}
