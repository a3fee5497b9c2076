//go:build e2e

package demo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vidimus/internal/policy"
)

// browser starts Chromium. What the pages complain of, such as a breach of the
// content security policy, fails the test.
func browser(t *testing.T) context.Context {
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
	said := chromedp.Console(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for m, err := range said {
			if err != nil {
				return // the browser is gone
			}
			t.Errorf("the browser says: %s", m)
		}
	}()
	t.Cleanup(func() { cancel(); <-heard })
	limited, cancelLimited := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancelLimited)
	return limited
}

// screens are the widths at which every page is looked at.
var screens = []struct {
	name          string
	width, height int64
}{{"desktop", 1280, 900}, {"phone", 360, 740}}

func do(ctx context.Context, t *testing.T, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func ask[T any](ctx context.Context, t *testing.T, a chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// look takes a screenshot at every width, and finds what would have to be
// scrolled sideways. SCREENSHOTS names a folder that stays.
func look(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	for _, s := range screens {
		do(ctx, t, "setting the width", chromedp.EmulateViewport(s.width, s.height))
		wide := ask(ctx, t, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
		picture := ask(ctx, t, chromedp.FullScreenshot(100))
		if wide > s.width {
			t.Errorf("%s on a %s is %d pixels wide, and has %d", name, s.name, wide, s.width)
		}
		file := filepath.Join(dir, name+"-"+s.name+".png")
		if err := os.WriteFile(file, picture, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", file, len(picture))
	}
}

// A person at the page: an offer, the wallet takes it, the licence is annulled,
// the state turns.
func TestPageInBrowser(t *testing.T) {
	ctx := browser(t)
	k := keepDemo(t)
	text := func(css string) string {
		t.Helper()
		return strings.TrimSpace(ask(ctx, t, chromedp.Text(chromedp.CSS(css))))
	}
	do(ctx, t, "opening the page", chromedp.Navigate(k.page))
	if state := text("#state-DL-2"); state != "in force" {
		t.Errorf("the licence is %q", state)
	}
	look(ctx, t, "people")

	do(ctx, t, "making an offer", chromedp.Click(chromedp.CSS("#offer-P-2")), chromedp.WaitVisible(chromedp.CSS("#tx-code")))
	link, href := text("#link"), ask(ctx, t, chromedp.AttributeValue(chromedp.CSS("#link"), "href"))
	if link != href.Value || !strings.HasPrefix(link, "openid-credential-offer://") {
		t.Errorf("the link says %q and leads to %q", link, href.Value)
	}
	look(ctx, t, "offer")
	licence, kinds, anchors := k.take(t, link, text("#tx-code"))
	if len(kinds) != 3 || k.status(t, licence, anchors) != policy.Valid {
		t.Errorf("fetched %q, status %s", kinds, k.status(t, licence, anchors))
	}

	do(ctx, t, "annulling", chromedp.Navigate(k.page), chromedp.Click(chromedp.CSS("#annul-DL-2")), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	notice, state, receipt := text("[role=status]"), text("#state-DL-2"), text("#receipt-DL-2")
	if !strings.Contains(notice, "DL-2 is annulled") || state != "annulled" || !strings.Contains(receipt, "every copy is revoked") {
		t.Errorf("the page says %q, the state is %q, the receipt %q", notice, state, receipt)
	}
	look(ctx, t, "annulled")
	if got := k.status(t, licence, anchors); got != policy.Revoked {
		t.Errorf("the copy is %s after all", got)
	}
}
