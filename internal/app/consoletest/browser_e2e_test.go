//go:build e2e

package consoletest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"vidimus/internal/app/consoletest"
)

// site is a console over https. Its clock moves a second with each request, as
// if an officer clicked.
type site struct {
	*consoletest.World
	URL string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Clock.Advance(time.Second)
		s.Handler.ServeHTTP(w, r)
	}))
	s.URL = "https://" + server.Listener.Addr().String()
	var err error
	if s.World, err = consoletest.New(s.URL, nil); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return s
}

// chromium starts one.
func chromium(t *testing.T) context.Context {
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
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.IgnoreCertErrors)
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

// tab is a browser of its own, with its own cookies. What pages complain of,
// such as a breach of the content policy, fails the test.
type tab struct {
	t    *testing.T
	ctx  context.Context
	site *site
}

func (s *site) tab(t *testing.T, parent context.Context, scripts bool) *tab {
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
	if !scripts {
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	limited, cancelLimited := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancelLimited)
	return &tab{t, limited, s}
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

func (b *tab) open(path string) {
	b.t.Helper()
	b.do("opening "+path, chromedp.Navigate(b.site.URL+path))
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

// choose sets a value as a person does who picks it: date fields have a layout
// of their own in every browser.
func (b *tab) choose(css, value string) {
	b.t.Helper()
	b.do("choosing "+css, chromedp.SetValue(chromedp.CSS(css), value))
}

func (b *tab) text(css string) string {
	b.t.Helper()
	return strings.TrimSpace(ask(b, chromedp.Text(chromedp.CSS(css))))
}

func (b *tab) want(css, words string) {
	b.t.Helper()
	if text := b.text(css); !strings.Contains(strings.Join(strings.Fields(text), " "), words) {
		b.t.Errorf("%s says %q, want %q", css, text, words)
	}
}

func (b *tab) login(id string) {
	b.t.Helper()
	path, err := b.site.Link(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	b.open(path)
	b.click("#log-in")
}

// find looks the person up and leaves the tab at the record.
func (b *tab) find() {
	b.t.Helper()
	b.open("/")
	b.typed("#number", consoletest.Person)
	b.choose("#purpose", "decision")
	b.typed("#reference", "2026/17")
	b.click("#search")
}

// picture keeps a screenshot when SCREENSHOTS names a folder.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), ask(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
}
