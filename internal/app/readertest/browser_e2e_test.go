//go:build e2e

package readertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// chromium starts one; flags are beside the usual ones.
func chromium(t *testing.T, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no chromium on this machine: install the Debian package chromium, or run ./t.sh e2e, which does")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	options = append(options, flags...)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// mode is what a tab lets run.
type mode int

const (
	asServed mode = iota // scripts of ours, under our content policy
	withoutScripts
	forAxe // axe too, which the policy would stop
)

// tab is a browser of its own, with its own cookies. What pages complain of,
// such as a breach of the content policy, fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func newTab(t *testing.T, parent context.Context, m mode) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	said := chromedp.Console(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for m, err := range said {
			if err != nil {
				return // the browser is gone
			}
			// That a page was refused is what some tests ask for.
			if text := strings.TrimSpace(m.String()); !strings.Contains(text, "Failed to load resource") {
				t.Errorf("the browser says: %s", text)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-heard })
	switch m {
	case forAxe:
		if _, err := chromedp.Call(ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
			t.Fatal(err)
		}
	case withoutScripts:
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	limited, cancelLimited := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancelLimited)
	return &tab{t, limited}
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func ask[T any](b *tab, a chromedp.Action[T]) T {
	b.t.Helper()
	answer, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

func (b *tab) open(url string) {
	b.t.Helper()
	b.do("opening "+url, chromedp.Navigate(url))
}

// click presses a control that leads to another page.
func (b *tab) click(css string) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(css))); err != nil {
		b.t.Fatalf("clicking %s: %v", css, err)
	}
}

func (b *tab) typed(css, text string) {
	b.t.Helper()
	b.do("typing into "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

func (b *tab) text(css string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(ask(b, chromedp.Text(chromedp.CSS(css)))), " ")
}

func (b *tab) want(css, words string) {
	b.t.Helper()
	if text := b.text(css); !strings.Contains(text, words) {
		b.t.Errorf("%s says %q, want %q", css, text, words)
	}
}

// comes waits for an element of a page that follows.
func (b *tab) comes(css string) {
	b.t.Helper()
	b.do("waiting for "+css, chromedp.WaitVisible(chromedp.CSS(css)))
}

// axeFile is axe-core, as `npm ci` in testdata/axe puts it.
const axeFile = "../../../testdata/axe/node_modules/axe-core/axe.min.js"

const axeRun = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}, resultTypes: ["violations"], preload: false
}).then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary).join(" | ")))`

// screen is how a page is looked at.
type screen struct {
	scheme string
	width  int64
}

// Two of them are enough for verdicts that differ in a word and a sign.
var (
	every = []screen{{"light", 1280}, {"light", 320}, {"dark", 1280}, {"dark", 320}}
	two   = []screen{{"light", 1280}, {"dark", 320}}
)

// check runs axe on the page as it is, on the screens given, and finds what would
// have to be scrolled sideways (WCAG 2.1, 1.4.10).
func (b *tab) check(name string, screens ...screen) {
	b.t.Helper()
	raw, err := os.ReadFile(axeFile)
	if err != nil {
		b.t.Fatalf("axe-core is missing: run ./t.sh e2e, or npm ci in testdata/axe: %v", err)
	}
	ask(b, chromedp.Evaluate[bool](string(raw)+"; true"))
	for _, s := range screens {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
			b.t.Fatal(err)
		}
		b.do("setting the width", chromedp.EmulateViewport(s.width, 900))
		for _, v := range ask(b, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise)) {
			b.t.Errorf("%s, %s at %d: %s", name, s.scheme, s.width, v)
		}
		if wide := ask(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > s.width {
			b.t.Errorf("%s at %d is %d wide", name, s.width, wide)
		}
		if dir := os.Getenv("SCREENSHOTS"); dir != "" {
			file := filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, s.scheme, s.width))
			if err := os.WriteFile(file, ask(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}
