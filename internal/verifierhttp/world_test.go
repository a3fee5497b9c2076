package verifierhttp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/verifierhttp"
	"vidimus/internal/webserver"
)

var now = time.Date(2026, 6, 1, 12, 2, 0, 0, time.UTC)

const goodCode = "mdoc:owBjMS4w"

// terminal is the pages with a reader that a test bends.
type terminal struct {
	t       *testing.T
	clock   *clock.Fake
	handler http.Handler
	log     bytes.Buffer
	close   func()

	mu       sync.Mutex
	standing verifierhttp.Standing
	wishes   []verifierhttp.Wish
	answer   func() (*verifierhttp.Answer, error)
	hold     chan struct{} // a reading waits for it, nil for none
	ended    chan struct{} // one for each reading that ended
	wiped    int
	timers   []func()
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	s := &terminal{t: t, clock: clock.NewFake(now), ended: make(chan struct{}, 100)}
	s.standing = verifierhttp.Standing{
		At: now, Freshness: policy.WithinPolicy, Policy: "bundle 12", Profiles: policy.Default().Profiles, Name: "Reader 7",
		Bundle: &verifierhttp.Bundle{Publisher: "https://readers.example", Sequence: 12, Issued: now.Add(-3 * time.Hour), Expires: now.AddDate(0, 0, 7)},
	}
	e, err := webserver.New(webserver.Config{Listener: "reader", Log: slog.New(slog.NewTextHandler(&s.log, nil)), Clock: s.clock, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s.close, err = verifierhttp.Pages(e, verifierhttp.Config{
		URL: "http://127.0.0.1:8770", Reader: s, Clock: s.clock, Rand: rand.Reader,
		Clean: func(text string, max int) string { return text[:min(len(text), max)] },
		After: func(d time.Duration, f func()) func() bool {
			if d != verifierhttp.Shown {
				t.Errorf("wiped after %s", d)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.timers = append(s.timers, f)
			return func() bool { return true }
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.handler = webserver.LoopbackOnly(e)
	s.answer = func() (*verifierhttp.Answer, error) { return s.licence(), nil }
	return s
}

// licence is a verdict on one that may drive B.
func (s *terminal) licence() *verifierhttp.Answer {
	portrait := []byte("\xff\xd8\xff\xe0 portrait")
	profile, _ := policy.Default().Profile("right-to-drive")
	asOf := now.Add(-3 * time.Hour)
	verdict := policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}
	r := &verification.Report{At: now, Policy: "bundle 12", Verdict: verdict, Colour: policy.Green,
		Knowledge: verification.Knowledge{AnchorsAsOf: &asOf, StatusAsOf: &asOf},
		Documents: []verification.Document{{Type: "org.iso.18013.5.1.mDL", Verdict: verdict, Colour: policy.Green,
			Checks: []verification.Check{{ID: "mso.digest", Result: verification.Pass, Clause: "ISO/IEC 18013-5, 9.1.2.4"}},
			IssuerSigned: []verification.Element{
				{NameSpace: "org.iso.18013.5.1", Name: "family_name", Value: "Canarius"}, {NameSpace: "org.iso.18013.5.1", Name: "given_name", Value: "Petra"},
				{NameSpace: "org.iso.18013.5.1", Name: "portrait", Bytes: portrait}, {NameSpace: "org.iso.18013.5.1", Name: "expiry_date", Value: "2034-01-09"}},
			Driving: []verification.Driving{{Category: "B", Answer: "yes"}, {Category: "C", Answer: "no"}},
		}}}
	return &verifierhttp.Answer{Report: r, Profile: profile, Signed: true, Took: 1200 * time.Millisecond, Wipe: func() {
		clear(portrait)
		for i := range r.Documents {
			r.Documents[i].IssuerSigned = nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wiped++
	}}
}

func (s *terminal) Standing(context.Context) verifierhttp.Standing { return s.standing }

func (s *terminal) Check(_ context.Context, w verifierhttp.Wish) error {
	if w.Code != goodCode || w.Profile != "right-to-drive" {
		return verifierhttp.ErrWish
	}
	return nil
}

func (s *terminal) Read(ctx context.Context, w verifierhttp.Wish, progress func(string)) (*verifierhttp.Answer, error) {
	defer func() { s.ended <- struct{}{} }()
	s.mu.Lock()
	s.wishes = append(s.wishes, w)
	hold := s.hold
	s.mu.Unlock()
	progress("engaged")
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, errors.New("given up")
		}
	}
	return s.answer()
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	s       *terminal
	cookies map[string]string
	lang    string
}

func (s *terminal) browser() *browser { return &browser{s, map[string]string{}, "en"} }

type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, target, mediaType string, body []byte, header ...string) answer {
	b.s.t.Helper()
	r := httptest.NewRequestWithContext(b.s.t.Context(), method, target, bytes.NewReader(body))
	r.Host = "127.0.0.1:8770"
	r.Header.Set("Accept-Language", b.lang)
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.s.handler.ServeHTTP(w, r)
	res := w.Result()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			b.s.t.Errorf("cookie %v", c)
		}
	}
	return answer{res, string(text)}
}

func (b *browser) get(path string, status int) answer {
	b.s.t.Helper()
	a := b.do("GET", path, "", nil)
	if a.StatusCode != status {
		b.s.t.Fatalf("GET %s: %d, want %d: %s", path, a.StatusCode, status, a.text())
	}
	return a
}

// fields is the form of the start page.
func fields(pairs ...string) (mediaType string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		make := w.CreateFormField
		if pairs[i] == "picture" {
			make = func(name string) (io.Writer, error) { return w.CreateFormFile(name, "photo.png") }
		}
		if part, err := make(pairs[i]); err == nil {
			_, _ = io.WriteString(part, pairs[i+1])
		}
	}
	w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func (b *browser) ask(pairs ...string) answer {
	b.s.t.Helper()
	mediaType, body := fields(pairs...)
	return b.do("POST", "/read", mediaType, body)
}

// read begins a reading and waits for its end.
func (b *browser) read() {
	b.s.t.Helper()
	if a := b.ask("profile", "right-to-drive", "category", "B", "code", goodCode+"\r\n"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/reading" {
		b.s.t.Fatalf("%d %s: %s", a.StatusCode, a.Header.Get("Location"), a.text())
	}
	<-b.s.ended
	b.settled()
}

// settled waits until the slot has taken what the reader gave.
func (b *browser) settled() {
	b.s.t.Helper()
	for range 100000 {
		if a := b.do("GET", "/progress", "", nil); a.StatusCode == http.StatusOK && strings.Contains(a.body, `"running":false`) {
			return
		}
		b.s.clock.Advance(100 * time.Millisecond) // the limit of requests
	}
	b.s.t.Fatal("the reading does not end")
}

func (s *terminal) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wiped
}

// text is a page without its markup.
func (a answer) text() string {
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(a.body, " "))
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "\u00a0", " ")
}

func wantText(t *testing.T, a answer, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(a.text(), w) {
			t.Errorf("%q is not on the page: %s", w, a.text())
		}
	}
}
