//go:build e2e

package readertest

import (
	"strings"
	"testing"
	"unicode"

	"github.com/chromedp/chromedp"

	"vidimus/internal/browsertest"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/verifierhttp"
)

// spoken is what a page says but for what is marked as English: ids and clauses.
const spoken = `(() => {
	document.querySelectorAll("details").forEach(d => d.open = true);
	const page = document.querySelector("main").cloneNode(true);
	page.querySelectorAll("[lang=en]").forEach(e => e.remove());
	return page.textContent;
})()`

// Why a verdict is as it is, and every check, stand in the language of the page.
func TestReasonsInTheLanguageOfThePage(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t)
	b := browser.Tab(t, browsertest.AsServed)
	for name, bend := range map[string]func(*policy.Verdict, *verification.Document){
		"in order": func(*policy.Verdict, *verification.Document) {},
		"revoked": func(v *policy.Verdict, d *verification.Document) {
			v.Status = policy.Revoked
			answer(d, "mso.status", verification.Fail, "INVALID, as of 2026-06-26T10:00:00Z")
		},
		"forged": func(v *policy.Verdict, d *verification.Document) {
			v.Authenticity = policy.Forged
			answer(d, "mso.digest", verification.Fail, `digest of "family_name" in "org.iso.18013.5.1" differs`)
			answer(d, "mdl.elements", verification.NotDone, "not looked at: nobody vouches for the document")
		},
		"cannot tell": func(v *policy.Verdict, d *verification.Document) {
			v.Authenticity, v.Status, v.Freshness = policy.UnknownIssuer, policy.NotChecked, policy.NotKnown
			answer(d, "ia.path", verification.Fail, "certificate path: no-anchor: CN=signer (012345): issuer is CN=root; 0 anchors are trusted for org.iso.18013.5.1.mDL")
			answer(d, "ds.revocation", verification.NotDone, "not checked: no revocation list of CN=root (14f8cce75370) is at hand")
			answer(d, "mso.status", verification.NotDone, "not checked: no status list at hand for https://issuer.example/status/7")
		},
		"old": func(v *policy.Verdict, d *verification.Document) {
			v.Freshness = policy.Old
			answer(d, "st.ttl", verification.Warn, "as of 2026-06-26T10:00:00Z: old by policy, past its own ttl")
			d.Warnings = []string{"st.ttl: as of 2026-06-26T10:00:00Z: old by policy, past its own ttl"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			told := make(chan []verification.Check, 1)
			change := verdictOf(bend)
			s.as(func(a *verifierhttp.Answer) {
				change(a)
				told <- a.Report.Documents[0].Checks
			})
			b.Open(s.URL + "/?lang=en")
			b.Click("#simulate")
			b.Comes(".verdict")
			checks := <-told
			for _, lang := range []string{"fr", "de", "lb"} {
				b.Click(`a[hreflang="` + lang + `"]`)
				b.Comes(`html[lang="` + lang + `"] .verdict`)
				text := browsertest.Ask(b, chromedp.Evaluate[string](spoken))
				for _, c := range checks {
					if c.Detail != "" && isSentence(c.Detail) && strings.Contains(text, c.Detail) {
						t.Errorf("%s: %s tells in English: %s", lang, c.ID, c.Detail)
					}
				}
				for _, english := range []string{"In English", "auf Englisch", "Auf Englisch", "En anglais", "Op Englesch", " pass ", "not done", " as of ", " by policy", "built-in", `\u00`} {
					if strings.Contains(text, english) {
						t.Errorf("%s: %q stands on the page:\n%s", lang, english, text)
					}
				}
				if spaced := strings.Contains(text, "Document\u00a0:"); spaced != (lang == "fr") {
					t.Errorf("%s: a space before the mark: %v", lang, spaced)
				}
			}
		})
	}
}

// answer changes what one check says.
func answer(d *verification.Document, id string, r verification.Result, detail string) {
	for i := range d.Checks {
		if d.Checks[i].ID == id {
			d.Checks[i].Result, d.Checks[i].Detail = r, detail
			return
		}
	}
	d.Checks = append(d.Checks, verification.Check{ID: id, Result: r, Detail: detail})
}

// isSentence tells a text of words from one that is the same in every language,
// such as "jpeg, 420 x 540".
func isSentence(s string) bool {
	words := 0
	for _, w := range strings.Fields(s) {
		if len(w) > 1 && strings.IndexFunc(w, func(r rune) bool { return !unicode.IsLower(r) }) < 0 {
			words++
		}
	}
	return words > 1
}
