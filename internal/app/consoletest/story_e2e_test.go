//go:build e2e

package consoletest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"vidimus/internal/app/consoletest"
	"vidimus/internal/browsertest"
)

// Two officers at two machines, without any script: one finds a person and
// proposes, the other confirms, the receipt says that every copy is published.
func TestStoryWithoutScripts(t *testing.T) {
	s := newSite(t)
	browser := browsertest.Chromium(t, chromedp.IgnoreCertErrors)
	anna, ben := s.tab(t, browser, browsertest.WithoutScripts), s.tab(t, browser, browsertest.WithoutScripts)
	anna.Do("looking for scripts", chromedp.Navigate(`data:text/html,<title>none</title><script>document.title = "ran"</script>`))
	if title := ask(anna, chromedp.Title()); title != "none" {
		t.Fatalf("scripts are not switched off: %q", title)
	}
	anna.login(t, "anna")
	anna.Want("h1", "Find a person")
	anna.find()
	anna.Want("#who", "Marie Louise Weber")
	anna.Want("#driving", "B, A")
	if width := ask(anna, chromedp.Evaluate[int64](`document.querySelector(".portrait").naturalWidth`)); width == 0 {
		t.Error("the portrait is not shown")
	}
	anna.Picture("record")
	anna.Click("#add-measure")
	anna.Choose("#kind", "provisional-withdrawal")
	anna.Click("#propose")
	anna.Want("#errors", "Enter the authority that decided.")
	anna.Picture("errors")
	anna.Type("#authority", "Police of Utopia")
	anna.Do("ticking", chromedp.Click(chromedp.CSS("#category-B")))
	if !ask(anna, chromedp.Evaluate[bool](`document.querySelector("#category-B").checked`)) {
		t.Fatal("the category is not ticked")
	}
	anna.Click("#propose")
	anna.Want("#stage", "waits for a second officer")
	if n := ask(anna, chromedp.Evaluate[int64](`document.querySelectorAll("#confirm").length`)); n != 0 {
		t.Error("who proposed may confirm")
	}

	ben.login(t, "ben")
	ben.Want("nav", "1 waiting")
	ben.Open("/proposals")
	ben.Click("main li a")
	ben.Want("#effect ~ ul", "Every copy of document DL-1 is revoked; the lists say so at once.")
	ben.Picture("confirm")
	ben.Click("#confirm")
	ben.Want("#stage", "carried out")
	ben.Click("#receipt")
	ben.Want("#state", "applied")
	if err := s.Publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	ben.Click("#refresh")
	ben.Want("#state", "published")
	ben.Want("main", consoletest.OfficeURL+"/status/")
	ben.Picture("receipt")

	anna.find()
	anna.Want("#driving", "May drive now: A")
	anna.Want("main", "revoked")
	anna.Click("#logout")
	anna.Want("h1", "Log in")
	anna.Open("/proposals")
	anna.Want("h1", "Log in")
}

// A name that is markup stays a name (A07), with scripts allowed.
func TestHostileNameInBrowser(t *testing.T) {
	s := newSite(t)
	anna := s.tab(t, browsertest.Chromium(t, chromedp.IgnoreCertErrors), browsertest.AsServed)
	anna.login(t, "anna")
	anna.Open("/")
	anna.Type("#number", consoletest.Hostile)
	anna.Choose("#purpose", "holder-request")
	anna.Click("#search")
	anna.Want("#who", consoletest.HostileName)
	if n := ask(anna, chromedp.Evaluate[int64](`document.querySelectorAll("main img, main script").length`)); n != 0 {
		t.Errorf("%d elements came out of a name", n)
	}
}

// Everything can be done with the keyboard, and one sees where one is.
func TestKeyboard(t *testing.T) {
	s := newSite(t)
	anna := s.tab(t, browsertest.Chromium(t, chromedp.IgnoreCertErrors), browsertest.AsServed)
	path, err := s.Link(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	anna.Open(path)
	key := func(k string) { anna.Do("pressing a key", chromedp.KeyEvent(k)) }
	focus := func() string {
		return ask(anna, chromedp.Evaluate[string](`(e => e.id || e.name || e.className || e.tagName)(document.activeElement)`))
	}
	// tab goes on until a control has the focus, and sees to it that each on
	// the way shows it.
	tabTo := func(id string) {
		t.Helper()
		for range 60 {
			key("\t")
			if style := ask(anna, chromedp.Evaluate[string](`getComputedStyle(document.activeElement).outlineStyle`)); style == "none" && focus() != "BODY" && focus() != "skip" {
				t.Errorf("%s has the focus and does not show it", focus())
			}
			if focus() == id {
				return
			}
		}
		t.Fatalf("the keyboard does not come to %s", id)
	}
	tabTo("log-in")
	anna.Leads("pressing Enter", chromedp.KeyEvent("\r"))
	anna.Want("h1", "Find a person")
	key("\t")
	if focus() != "skip" || ask(anna, chromedp.Evaluate[float64](`document.activeElement.getBoundingClientRect().left`)) < 0 {
		t.Errorf("the first stop is %s, not the way past the menu", focus())
	}
	key("\r")
	tabTo("by-person")
	tabTo("number")
	key(consoletest.Person)
	tabTo("purpose")
	key("A") // a purpose that begins with it
	tabTo("reference")
	key("2026/17")
	tabTo("search")
	anna.Leads("pressing Enter", chromedp.KeyEvent("\r"))
	anna.Want("#who", "Marie Louise Weber")
	if url := ask(anna, chromedp.Location()); strings.Contains(url, consoletest.Person) {
		t.Errorf("the address %q has the number of the person", url)
	}
}
