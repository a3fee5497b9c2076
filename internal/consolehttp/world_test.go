package consolehttp_test

import (
	"crypto/tls"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/consoletest"
	"vidimus/internal/audit"
	"vidimus/internal/officer"
)

// site is a console over https, and its world.
type site struct {
	*consoletest.World
	URL string
	t   *testing.T
}

func newSite(t *testing.T, change func([]officer.Officer) []officer.Officer) *site {
	t.Helper()
	var w *consoletest.World
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.Handler.ServeHTTP(rw, r) }))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13}
	s := &site{URL: "https://" + server.Listener.Addr().String(), t: t}
	var err error
	if w, err = consoletest.New(s.URL, change); err != nil {
		t.Fatal(err)
	}
	s.World = w
	server.StartTLS()
	t.Cleanup(server.Close)
	return s
}

// browser is one that keeps cookies, follows no redirect by itself, and says
// like the real ones where a request comes from.
type browser struct {
	*http.Client
	s    *site
	Lang string
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s: s, Lang: "en", Client: &http.Client{
		Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // a made-up certificate on loopback
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is an answer with its body.
type page struct {
	*http.Response
	Body string
}

func (b *browser) do(method, path string, form url.Values, change func(*http.Request)) page {
	b.s.t.Helper()
	b.s.Clock.Advance(time.Second) // an officer does not click faster
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.s.t.Context(), method, b.s.URL+path, body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", b.Lang)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.s.URL)
	}
	if change != nil {
		change(r)
	}
	res, err := b.Do(r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return page{res, string(text)}
}

func (b *browser) get(path string) page { b.s.t.Helper(); return b.do(http.MethodGet, path, nil, nil) }

// post sends a form with the token of the session.
func (b *browser) post(path string, form url.Values) page {
	b.s.t.Helper()
	form.Set("form_token", b.token())
	return b.do(http.MethodPost, path, form, nil)
}

var formToken = regexp.MustCompile(`name="form_token" value="([^"]*)"`)

func (b *browser) token() string {
	b.s.t.Helper()
	m := formToken.FindStringSubmatch(b.get("/proposals").Body)
	if m == nil {
		b.s.t.Fatal("no form token")
	}
	return m[1]
}

// login logs an officer in with a link.
func (s *site) login(id string) *browser {
	s.t.Helper()
	b := s.browser()
	path, err := s.Link(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	if p := b.get(path); p.StatusCode != http.StatusOK || !strings.Contains(p.Body, `id="log-in"`) {
		s.t.Fatalf("%s: %s", p.Status, p.Body)
	}
	p := b.do(http.MethodPost, "/login", url.Values{"link": {path[strings.LastIndex(path, "/")+1:]}}, nil)
	if p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/" {
		s.t.Fatalf("login: %s to %q: %s", p.Status, p.Header.Get("Location"), p.Body)
	}
	return b
}

// find looks a person up and gives the path of the record.
func (b *browser) find(person string) string {
	b.s.t.Helper()
	p := b.post("/people", url.Values{"by": {"person"}, "number": {person}, "purpose": {audit.PurposeDecision}, "reference": {"2026/17"}})
	if p.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("looking up: %s: %s", p.Status, p.Body)
	}
	return p.Header.Get("Location")
}

// measure is a form for a measure that is filled in well.
func (b *browser) measure(path string) url.Values {
	b.s.t.Helper()
	m := regexp.MustCompile(`name="version" value="([0-9]+)"`).FindStringSubmatch(b.get(path + "/measure").Body)
	if m == nil {
		b.s.t.Fatal("no version in the form")
	}
	now := b.s.Clock.Now()
	return url.Values{
		"kind": {"provisional-withdrawal"}, "territory": {"UT"}, "from_date": {now.Format(time.DateOnly)}, "from_time": {now.Format("15:04")},
		"authority": {"Police of Utopia"}, "legal_basis": {"Art. 13"}, "categories": {"B"}, "reference": {"2026/17"}, "version": {m[1]},
	}
}

// propose proposes a measure about Person and gives the path of the proposal.
func (b *browser) propose() string {
	b.s.t.Helper()
	path := b.find(consoletest.Person)
	p := b.post(path+"/measure", b.measure(path))
	if p.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("proposing: %s: %s", p.Status, p.Body)
	}
	return p.Header.Get("Location")
}

// text is a page without its markup.
func (p page) text() string {
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(p.Body, " "))
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), " ,", ",")
}

func wantPage(t *testing.T, what string, p page, status int, words ...string) {
	t.Helper()
	if p.StatusCode != status {
		t.Errorf("%s: %s, want %d: %s", what, p.Status, status, p.text())
	}
	for _, w := range words {
		if !strings.Contains(p.text(), w) {
			t.Errorf("%s: %q is not on the page: %s", what, w, p.text())
		}
	}
}
