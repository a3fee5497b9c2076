//go:build e2e

package browsertest

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// axeFile is axe-core, as `npm ci` in testdata/axe puts it, from a room of app.
const axeFile = "../../../testdata/axe/node_modules/axe-core/axe.min.js"

const axeRun = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}, resultTypes: ["violations"], preload: false
}).then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary).join(" | ")))`

// Screen is how a page is looked at: light or dark, and how wide in CSS pixels.
type Screen struct {
	Scheme string
	Width  int64
}

// Every is what a page is looked at on. Two are enough for pages that differ in a
// word and a sign.
var (
	Every = []Screen{{"light", 1280}, {"light", 320}, {"dark", 1280}, {"dark", 320}}
	Two   = []Screen{{"light", 1280}, {"dark", 320}}
)

// Check runs axe on the page as it is, on the screens given, and finds what would
// have to be scrolled sideways (WCAG 2.1, 1.4.10). The tab is one ForAxe.
func (b *Tab) Check(name string, screens ...Screen) {
	b.t.Helper()
	b.loadAxe()
	for _, s := range screens {
		b.show(s)
		for _, v := range b.violations() {
			b.t.Errorf("%s, %s at %d: %s", name, s.Scheme, s.Width, v)
		}
		if wide := b.width(); wide > s.Width {
			b.t.Errorf("%s at %d is %d wide", name, s.Width, wide)
		}
		b.Picture(fmt.Sprintf("%s-%s-%d", name, s.Scheme, s.Width))
	}
}

// Violations are what axe finds on the page as it is, on a screen.
func (b *Tab) Violations(s Screen) []string {
	b.t.Helper()
	b.loadAxe()
	b.show(s)
	return b.violations()
}

// Fits fails the test when the page has to be scrolled sideways on a screen.
func (b *Tab) Fits(name string, s Screen) {
	b.t.Helper()
	b.show(s)
	if wide := b.width(); wide > s.Width {
		b.t.Errorf("%s at %d is %d wide", name, s.Width, wide)
	}
}

// Picture keeps a screenshot when SCREENSHOTS names a folder.
func (b *Tab) Picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), Ask(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Tab) loadAxe() {
	b.t.Helper()
	raw, err := os.ReadFile(axeFile)
	if err != nil {
		b.t.Fatalf("axe-core is missing: run ./t.sh e2e, or npm ci in testdata/axe: %v", err)
	}
	Ask(b, chromedp.Evaluate[bool](string(raw)+"; true"))
}

func (b *Tab) show(s Screen) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.Scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
	b.Do("setting the width", chromedp.EmulateViewport(s.Width, 900))
}

func (b *Tab) violations() []string {
	b.t.Helper()
	return Ask(b, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
}

func (b *Tab) width() int64 {
	b.t.Helper()
	return Ask(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
}
