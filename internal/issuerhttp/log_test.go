package issuerhttp_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"vidimus/internal/webserver"
)

// logBuffer is a log that goroutines may write and the test may read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The log of a whole flow, with refusals on the way, holds nothing that opens a
// door and nothing of the person.
func TestLogHoldsNoSecret(t *testing.T) {
	var log logBuffer
	w := newWorld(t, limits{log: slog.NewJSONHandler(io.Writer(&log), &slog.HandlerOptions{Level: slog.LevelDebug})})
	w.fill()
	wa := &wallet{w: w, key: newKey(t)}
	proof := wa.proof(publicURL + "/par")
	request := w.want(wa.pushed(), 201).member(t, "request_uri")
	b := w.browser()
	a := b.login(request)
	form := form0(a, authorizePage+"/approve")
	var secrets []string
	for _, value := range b.cookies {
		secrets = append(secrets, value)
	}
	bad := url.Values{"client_id": {client}, "request_uri": {request}, "form_token": {"x"}}
	w.want(b.do("POST", authorizePage+"/approve", bad), 403)
	w.want(b.get("/office/login/callback?state=guessed-state&code=guessed-code"), 403)
	a = w.want(b.do("POST", authorizePage+"/approve", form), 303)
	back, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	code := back.Query().Get("code")
	w.want(wa.redeem("guessed-code"), 400)
	a = w.want(wa.redeem(code), 200)
	wa.token = a.member(t, "access_token")
	a = w.want(wa.ask("/credential", w.request("mdl", 1)), 200)
	w.want(b.get(page(request)), 400)
	secrets = append(secrets, request, strings.TrimPrefix(request, "urn:ietf:params:oauth:request_uri:"), form.Get("form_token"), code, wa.token, proof, verifier,
		a.member(t, "notification_id"), "guessed-", "Dvorak", "Erika", "1984-01-26", "DL-1", `"P1"`, strings.Repeat("s", 40))
	if r := a.member(t, "refresh_token"); r != "" {
		secrets = append(secrets, r)
	}
	text := log.String()
	if strings.Count(text, "\n") < 10 || !strings.Contains(text, "/office/authorize/approve") {
		t.Fatalf("the log is not the flow's: %s", text)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("the log holds %.60q", s)
		}
	}
}

// Who asks too often gets a page where people look, and a word where programs do.
func TestLimitedPages(t *testing.T) {
	w := newWorld(t, limits{all: webserver.NewLimiter(0, 2)})
	b := w.browser()
	w.want(b.get(authorizePage), 400)
	w.want(b.get(authorizePage), 400)
	a := w.want(b.get(authorizePage), 429)
	if !strings.Contains(a.body, "Too many requests") || a.Header.Get("Retry-After") == "" || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	if a := w.want(w.do("POST", w.at("/par"), pushForm, "Content-Type", form), 429); a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v", a.Header)
	}
}
