//go:build e2e

package consoletest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vidimus/internal/app/consoletest"
	"vidimus/internal/browsertest"
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

// tab is a browser of an officer.
type tab struct {
	*browsertest.Tab
	site *site
}

func (s *site) tab(t *testing.T, browser *browsertest.Browser, m browsertest.Mode) *tab {
	t.Helper()
	return &tab{browser.Tab(t, m), s}
}

// Open goes to a page of the console.
func (b *tab) Open(path string) { b.Tab.Open(b.site.URL + path) }

func ask[T any](b *tab, a chromedp.Action[T]) T { return browsertest.Ask(b.Tab, a) }

func (b *tab) login(t *testing.T, id string) {
	t.Helper()
	path, err := b.site.Link(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b.Open(path)
	b.Click("#log-in")
}

// find looks the person up and leaves the tab at the record.
func (b *tab) find() {
	b.Open("/")
	b.Type("#number", consoletest.Person)
	b.Choose("#purpose", "decision")
	b.Type("#reference", "2026/17")
	b.Click("#search")
}
