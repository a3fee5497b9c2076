//go:build e2e

package browsertest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Browser is a running Chromium.
type Browser struct{ ctx context.Context }

// Chromium starts one, which ends with the test; flags are beside the usual ones.
func Chromium(t *testing.T, flags ...chromedp.ExecAllocatorOption) *Browser {
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
	return &Browser{ctx}
}

// Mode is what a tab lets run.
type Mode int

const (
	AsServed       Mode = iota // scripts of ours, under our content policy
	NothingRefused             // the same, and whatever a page names must be there
	WithoutScripts             // none at all
	ForAxe                     // axe too, which the policy would stop
)

// Tab is a browser of its own, with its own cookies. What pages complain of,
// such as a breach of the content policy, fails the test.
type Tab struct {
	t   *testing.T
	ctx context.Context
}

// Tab opens one, for ten minutes at most: what is waited for may never come.
func (b *Browser) Tab(t *testing.T, m Mode) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	said := chromedp.Console(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for line, err := range said {
			if err != nil {
				return // the browser is gone
			}
			// That a page was refused is what most tests ask for.
			if text := strings.TrimSpace(line.String()); m == NothingRefused || !strings.Contains(text, "Failed to load resource") {
				t.Errorf("the browser says: %s", text)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-heard })
	switch m {
	case ForAxe:
		if _, err := chromedp.Call(ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
			t.Fatal(err)
		}
	case WithoutScripts:
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	limited, cancelLimited := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(cancelLimited)
	return &Tab{t, limited}
}

// Do takes steps, called what when they fail.
func (b *Tab) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Ask takes a step that has an answer.
func Ask[T any](b *Tab, a chromedp.Action[T]) T {
	b.t.Helper()
	answer, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

// Open goes to an address.
func (b *Tab) Open(url string) {
	b.t.Helper()
	b.Do("opening "+url, chromedp.Navigate(url))
}

// Leads takes a step that leads to another page.
func (b *Tab) Leads(what string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, step); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Click presses a control that leads to another page.
func (b *Tab) Click(css string) {
	b.t.Helper()
	b.Leads("clicking "+css, chromedp.Click(chromedp.CSS(css)))
}

// Type writes into a field.
func (b *Tab) Type(css, text string) {
	b.t.Helper()
	b.Do("typing into "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

// Choose sets a value as a person does who picks it: date fields have a layout
// of their own in every browser.
func (b *Tab) Choose(css, value string) {
	b.t.Helper()
	b.Do("choosing "+css, chromedp.SetValue(chromedp.CSS(css), value))
}

// Text gives what an element says, on one line.
func (b *Tab) Text(css string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(Ask(b, chromedp.Text(chromedp.CSS(css)))), " ")
}

// Want fails the test when an element does not have the words.
func (b *Tab) Want(css, words string) {
	b.t.Helper()
	if text := b.Text(css); !strings.Contains(text, words) {
		b.t.Errorf("%s says %q, want %q", css, text, words)
	}
}

// Comes waits for an element of a page that follows.
func (b *Tab) Comes(css string) {
	b.t.Helper()
	b.Do("waiting for "+css, chromedp.WaitVisible(chromedp.CSS(css)))
}
