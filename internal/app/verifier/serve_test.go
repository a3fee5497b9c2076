package verifier

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
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/proximity"
	"vidimus/internal/verifierhttp"
	"vidimus/internal/wallet"
)

// terminal is a served terminal with the wallet of a meeting.
type terminal struct {
	*Terminal
	t   *testing.T
	url string
	web *http.Client
	log written
}

// written is a log that tests read while requests write it.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func (m *meeting) files() (dir string) {
	m.t.Helper()
	dir = m.t.TempDir()
	for name, data := range map[string][]byte{
		"iaca.pem":   pki.EncodePEM(m.IACA.Cert),
		"trust.yaml": []byte("as_of: 2026-06-01T00:00:00Z\nanchors:\n  iaca.pem: {purposes: [issue-mdoc, status-list], doctypes: [" + elements.MDLDocType + ", " + elements.PIDDocType + "]}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	return dir
}

func serve(t *testing.T, cfg TerminalConfig) *terminal {
	t.Helper()
	s := &terminal{t: t}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.web = &http.Client{Jar: jar}
	cfg.Log = slog.New(slog.NewTextHandler(&s.log, nil))
	if s.Terminal, err = NewTerminal(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.Serve(ctx, "127.0.0.1:0", func(url string) { started <- url }) }()
	t.Cleanup(func() {
		cancel()
		s.web.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case s.url = <-started:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return s
}

var markup = regexp.MustCompile(`<[^>]*>`)

func (s *terminal) page(path string) string {
	s.t.Helper()
	res, err := s.web.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.text(res)
}

func (s *terminal) text(res *http.Response) string {
	s.t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(strings.Fields(html.UnescapeString(markup.ReplaceAllString(string(body), " "))), " ")
}

// ask reads the phone that shows this code, to the end.
func (s *terminal) ask(code, profile string) string {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range map[string]string{"code": code, "profile": profile} {
		if err := w.WriteField(name, value); err != nil {
			s.t.Fatal(err)
		}
	}
	w.Close()
	res, err := s.web.Post(s.url+"read", w.FormDataContentType(), &b)
	if err != nil {
		s.t.Fatal(err)
	}
	text := s.text(res) // it follows to the reading
	for strings.Contains(text, "The holder decides on the phone what is shown.") {
		time.Sleep(5 * time.Millisecond)
		if made, ok := s.cfg.Reader.Clock.(*clock.Fake); ok {
			made.Advance(50 * time.Millisecond) // the limit of requests
		}
		if strings.Contains(s.page("progress"), `"running":false`) {
			text = s.page("reading")
		}
	}
	return text
}

// A terminal with the simulated phone: what it says of itself, one reading after the
// other with a code each, and nothing of it in the log.
func TestTerminal(t *testing.T) {
	m := newMeeting(t)
	s := serve(t, TerminalConfig{Zone: time.UTC, Simulation: &Simulation{Wallet: m.wallet},
		Reader: ReaderConfig{Clock: m.Clock, Check: CheckConfig{TrustDir: m.files()}}})
	first := s.Standing(t.Context())
	if first.Trouble != "" || first.Code == "" || first.Bundle != nil || first.AnchorsAsOf.IsZero() || len(first.Profiles) < 3 || first.Policy != "built-in (1)" {
		t.Fatalf("%+v", first)
	}
	// No list and no revocations are at hand: cannot tell, and said so.
	text := s.ask(first.Code, "right-to-drive")
	for _, want := range []string{"Status not checked Cannot tell.", "Anouk", "Weber", "Right to drive B: yes", "Asks without a name"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q: %s", want, text)
		}
	}
	if strings.Contains(s.page(""), "Weber") || strings.Contains(s.page("reading"), "Weber") {
		t.Error("the start page wipes nothing")
	}
	second := s.Standing(t.Context())
	if second.Code == first.Code {
		t.Error("the phone shows one code twice")
	}
	if text := s.ask(first.Code, "right-to-drive"); !strings.Contains(text, "Nothing was read") || !strings.Contains(text, "another code") {
		t.Errorf("an old code: %s", text)
	}
	if text := s.ask(second.Code, "identity"); !strings.Contains(text, "Identity: yes") {
		t.Errorf("the next: %s", text)
	}
	if text := s.ask("mdoc:AAAA", "identity"); !strings.Contains(text, "cannot be used") {
		t.Errorf("a broken code: %s", text)
	}
	for _, canary := range []string{"Weber", "Anouk", first.Code, "2034-01-09", "9 January 2034"} {
		if strings.Contains(s.log.String(), canary) {
			t.Errorf("the log holds %s", canary)
		}
	}
}

// A holder whose answer was tampered with: the page says forged, in red, and shows
// nothing of it.
func TestTerminalAndAForger(t *testing.T) {
	m := newMeeting(t)
	shown, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proximity.NewHolder(shown, private)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	link := func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
		ours, theirs := proximity.Pipe()
		go func() {
			defer theirs.Close()
			ended <- forge(t.Context(), m, theirs, h)
		}()
		return ours, nil
	}
	s := serve(t, TerminalConfig{Zone: time.UTC, Link: link, Reader: ReaderConfig{Clock: m.Clock, Check: CheckConfig{TrustDir: m.files()}}})
	text := s.ask(shown.URI(), "right-to-drive")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "Forged Do not accept.") || !strings.Contains(text, "Claims to be: Mobile driving licence") || strings.Contains(text, "Wexer") {
		t.Errorf("%s", text)
	}
}

// forge answers as the wallet does, with another family name.
func forge(ctx context.Context, m *meeting, tr proximity.Transport, h *proximity.Holder) error {
	store, err := wallet.OpenStore(m.wallet)
	if err != nil {
		return err
	}
	defer store.Close()
	w, err := wallet.New(wallet.Config{Store: store, Clock: m.Clock, Rand: rand.Reader})
	if err != nil {
		return err
	}
	session := &wallet.Session{Wallet: w, Consent: wallet.AgreeToAll, ReaderKey: h.ReaderKey}
	return proximity.RunHolder(ctx, tr, h, func(request []byte, transcript mdoc.SessionTranscript) ([]byte, error) {
		response, err := session.Answer(request, transcript)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(response, []byte("Weber")) {
			return nil, errors.New("nothing to forge")
		}
		return bytes.Replace(response, []byte("Weber"), []byte("Wexer"), 1), nil
	})
}

// A code began one session also for a terminal that has read anew meanwhile what it
// knows.
func TestTerminalRemembersCodes(t *testing.T) {
	m := newMeeting(t)
	shown, _, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	gone := func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
		ours, theirs := proximity.Pipe()
		return ours, theirs.Close()
	}
	fake := clock.NewFake(m.Now)
	term, err := NewTerminal(TerminalConfig{Link: gone, Reader: ReaderConfig{Clock: fake, Check: CheckConfig{TrustDir: m.files()}}})
	if err != nil {
		t.Fatal(err)
	}
	wish := verifierhttp.Wish{Code: shown.URI(), Profile: "identity"}
	for i, want := range []string{"sending the request", "was read before", "was read before"} {
		if _, err := term.Read(t.Context(), wish, func(string) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %d: %v", i, err)
		}
		fake.Advance(2 * knowledgeLife)
	}
}

// What a terminal with a bundle says as time goes by: as of when, that it ended, that
// the clock was put back, and that the newer bundle is used without a new start.
func TestTerminalStanding(t *testing.T) {
	r := newRoadside(t)
	r.must(r.take(r.bundle(r.contents(r.Now, 7*day)), r.Now))
	fake := clock.NewFake(r.Now.Add(3 * time.Hour))
	term, err := NewTerminal(TerminalConfig{Link: Over(nil), Reader: ReaderConfig{Clock: fake, Check: CheckConfig{Bundle: BundleSource{State: r.state()}}}})
	r.must(err)
	at := func(d time.Duration) verifierhttp.Standing { fake.Set(r.Now.Add(d)); return term.Standing(t.Context()) }
	s := at(3 * time.Hour)
	if s.Trouble != "" || s.Bundle == nil || s.Bundle.Sequence != 1 || s.Bundle.Ended || s.Freshness != "within policy" || !strings.Contains(s.Policy, "roadside-7") {
		t.Fatalf("%+v", s)
	}
	if s := at(2 * day); s.Freshness != "old" {
		t.Errorf("%+v", s)
	}
	r.must(r.take(r.bundle(r.contents(r.Now.Add(3*day), 7*day)), r.Now.Add(3*day)))
	if s := at(3*day + time.Hour); s.Bundle == nil || s.Bundle.Sequence != 2 || s.Freshness != "within policy" {
		t.Errorf("%+v", s)
	}
	if s := at(-time.Hour); s.Trouble != verifierhttp.TroubleClock || s.Detail == "" {
		t.Errorf("a clock that was put back: %+v", s)
	}
	if s := at(40 * day); s.Trouble != "" || !s.Bundle.Ended || s.Freshness == "within policy" {
		t.Errorf("a bundle that ended: %+v", s)
	}
	r.must(os.WriteFile(filepath.Join(r.state(), stateBundle), []byte("damaged"), 0o600))
	if s := at(41 * day); s.Trouble != verifierhttp.TroubleBundle {
		t.Errorf("a damaged bundle: %+v", s)
	}
}

func TestServeStaysHere(t *testing.T) {
	term, err := NewTerminal(TerminalConfig{Link: Over(nil)})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", "[fe80::1%lo]:0"} {
		if err := term.Serve(t.Context(), addr, func(string) { t.Errorf("%s is served", addr) }); err == nil {
			t.Errorf("%s is taken", addr)
		}
	}
	if _, err := NewTerminal(TerminalConfig{}); err == nil {
		t.Error("a terminal without phones")
	}
}
