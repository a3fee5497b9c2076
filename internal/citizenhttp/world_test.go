package citizenhttp_test

import (
	"context"
	"crypto/rand"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/citizen"
	"vidimus/internal/citizenhttp"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/idp"
	"vidimus/internal/notice"
	"vidimus/internal/problem"
	"vidimus/internal/store/memory"
	"vidimus/internal/webserver"
)

const publicURL = "https://issuer.example/office"

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// site is the pages with an office that a test bends.
type site struct {
	t       *testing.T
	clock   *clock.Fake
	handler http.Handler

	documents []citizenhttp.Document
	wallets   []citizenhttp.Wallet
	notices   []notice.Record
	issued    []citizenhttp.Issue
	fail      error

	wishes  []citizenhttp.OfferWish
	revoked []string
	made    []citizen.Code
	tried   int // codes that the store was asked for
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{
		t: t, clock: clock.NewFake(now),
		documents: []citizenhttp.Document{
			{Number: "DL-1", Type: "mdl", State: "valid", Issued: "2025-09-01", Expires: "2030-08-31", Authority: "Utopia <DMV>", Issuable: true, Copies: 3},
			{Number: "ID-1", Type: "pid", State: "annulled", Issued: "2025-09-01", Authority: "Utopia DMV"},
		},
		wallets: []citizenhttp.Wallet{
			{Unit: "unit-one", Since: now.AddDate(0, -2, 0), Last: now.AddDate(0, -1, 0), Copies: 2, Documents: []string{"DL-1"}},
			{Since: now, Last: now, Copies: 1, Documents: []string{"DL-1"}},
		},
		notices: []notice.Record{{Notice: document.Notice{Fact: document.FactWalletLost}, Created: now}},
		issued:  []citizenhttp.Issue{{Day: now, Document: "DL-1", Configuration: "mdl", Unit: "unit-one", Copies: 20, Valid: 2}},
	}
	sealer, err := idp.NewSealer([]byte("a secret of thirty-two bytes or more"), s.clock, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e, err := webserver.New(webserver.Config{Listener: "public", Log: slog.New(slog.DiscardHandler), Clock: s.clock, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	store, err := memory.New(memory.Options{PublicURL: publicURL, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	codes, err := citizen.New(citizen.Parts{Store: counting{store, s}, Wallets: s, Clock: s.clock, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	err = citizenhttp.Pages(e, citizenhttp.Config{
		URL: publicURL, Sealer: sealer, Office: s, Desk: s, Revocations: codes, Rand: rand.Reader,
		Login: &idp.Demo{
			PageURL: publicURL + citizenhttp.DemoPath, People: []idp.DemoPerson{{Number: "P1", Name: "Erika Dvorak"}, {Number: "P2"}}, Clock: s.clock, Rand: rand.Reader,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.handler = e
	return s
}

func (s *site) known(person string) error {
	if person != "P1" {
		return problem.New(problem.NotFound, "nobody")
	}
	err := s.fail
	s.fail = nil
	return err
}

func (s *site) Documents(_ context.Context, person string) ([]citizenhttp.Document, error) {
	return s.documents, s.known(person)
}
func (s *site) Wallets(_ context.Context, person string) ([]citizenhttp.Wallet, error) {
	return s.wallets, s.known(person)
}
func (s *site) Issued(_ context.Context, person string, _ int) ([]citizenhttp.Issue, error) {
	return s.issued, s.known(person)
}
func (s *site) Notices(_ context.Context, person string, _ int) ([]notice.Record, error) {
	return s.notices, s.known(person)
}
func (s *site) Export(_ context.Context, person string) ([]byte, error) {
	return []byte(`{"person":"` + person + `"}`), s.known(person)
}

func (s *site) Offer(_ context.Context, w citizenhttp.OfferWish) (*citizenhttp.Offer, error) {
	s.wishes = append(s.wishes, w)
	return &citizenhttp.Offer{
		URI: "openid-credential-offer://?credential_offer=%7B%22a%22%3A1%7D", Reference: "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fx",
		TxCode: "123456", Expires: now.Add(10 * time.Minute),
	}, nil
}

// Lost implements citizen.Wallets.
func (s *site) Lost(_ context.Context, person, unit, _ string) error {
	s.revoked = append(s.revoked, unit)
	return s.known(person)
}

// counting counts the guesses that reach the store.
type counting struct {
	*memory.Store
	s *site
}

func (c counting) Code(ctx context.Context, digest citizen.Digest, now time.Time) (citizen.Code, error) {
	c.s.tried++
	return c.Store.Code(ctx, digest, now)
}

func (c counting) PutCode(ctx context.Context, code citizen.Code, did audit.Event) error {
	c.s.made = append(c.s.made, code)
	return c.Store.PutCode(ctx, code, did)
}

// browser keeps cookies and follows nothing by itself.
type browser struct {
	s       *site
	cookies map[string]string
	lang    string
}

func (s *site) browser() *browser { return &browser{s: s, cookies: map[string]string{}, lang: "en"} }

type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, target string, form url.Values, header ...string) answer {
	b.s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(b.s.t.Context(), method, strings.TrimPrefix(target, "https://issuer.example"), body)
	r.Header.Set("Accept-Language", b.lang)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
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
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly {
			b.s.t.Errorf("cookie %v", c)
		}
	}
	return answer{res, string(text)}
}

func (b *browser) want(a answer, status int) answer {
	b.s.t.Helper()
	if a.StatusCode != status {
		b.s.t.Fatalf("%d, want %d: %s", a.StatusCode, status, a.text())
	}
	return a
}

func (b *browser) get(target string, status int) answer {
	b.s.t.Helper()
	return b.want(b.do("GET", target, nil), status)
}

// text is a page without its markup.
func (a answer) text() string {
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(a.body, " "))
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "\u00a0", " ")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// form is what the first form with this action holds.
func (a answer) form(action string) url.Values {
	_, rest, found := strings.Cut(a.body, `action="/office/my`+action+`"`)
	if !found {
		return nil
	}
	text, _, _ := strings.Cut(rest, "</form>")
	v := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(text, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

// login gives the page of who picked this person.
func (b *browser) login(person string) answer {
	b.s.t.Helper()
	location := b.get("/office/my/login", 303).Header.Get("Location")
	b.get(location, 200)
	_, state, _ := strings.Cut(location, "?")
	location = b.get("/office/my/login/callback?person="+person+"&"+state, 303).Header.Get("Location")
	if location != "/office/my" {
		b.s.t.Fatalf("the login leads to %s", location)
	}
	return b.do("GET", location, nil)
}

func wantText(t *testing.T, a answer, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(a.text(), w) {
			t.Errorf("%q is not on the page: %s", w, a.text())
		}
	}
}
