package webserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/clock"
	"vidimus/internal/problem"
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

func (l *logBuffer) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimRight(l.b.String(), "\n"), "\n")
}

// recorded collects the labels that a metric would have had.
type recorded struct {
	mu     sync.Mutex
	labels map[string]int
}

func (r *recorded) Request(listener, route, method string, status int, kind problem.Kind, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.labels[fmt.Sprintf("%s %s %s %d %s", listener, route, method, status, kind)]++
}

func (r *recorded) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.labels)
}

// world is an engine with one route of every shape, on a real listener.
type world struct {
	addr    string
	url     string
	log     *logBuffer
	metrics *recorded
	served  func(route string) int
}

func serveEngine(t *testing.T, proxies ...netip.Prefix) *world {
	t.Helper()
	w := &world{log: &logBuffer{}, metrics: &recorded{labels: map[string]int{}}}
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	e, err := New(Config{
		Listener: "test", Log: log, Clock: clock.System{}, Rand: rand.Reader, Recorder: w.metrics, TrustedProxies: proxies,
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	hits := map[string]int{}
	w.served = func(route string) int { mu.Lock(); defer mu.Unlock(); return hits[route] }
	hit := func(c *gin.Context) { mu.Lock(); hits[c.FullPath()]++; mu.Unlock() }
	echo := func(c *gin.Context) error {
		b, err := ReadBody(c)
		if err != nil {
			return err
		}
		hit(c)
		JSON(c, 200, map[string]int{"read": len(b)})
		return nil
	}
	e.Handle(Route{Method: "POST", Path: "/token", Errors: StyleOAuth, AnyOrigin: true, Handler: echo,
		Body: Body{Types: []string{"application/x-www-form-urlencoded"}, Max: MaxFormBody}})
	e.Handle(Route{Method: "POST", Path: "/credential", Errors: StyleResource, Handler: echo,
		Body: Body{Types: []string{"application/json"}, Max: MaxCredentialBody}})
	e.Handle(Route{Method: "POST", Path: "/events", Errors: StyleEvent, Handler: echo,
		Body: Body{Types: []string{"application/secevent+jwt"}, Max: MaxEventBody}})
	e.Handle(Route{Method: "POST", Path: "/refusing-events", Errors: StyleEvent, Handler: func(*gin.Context) error {
		return problem.New(problem.Conflict, "gap")
	}})
	e.Handle(Route{Method: "POST", Path: "/unheard", Body: Body{Types: []string{"application/json"}, Max: MaxBatchBody}, Handler: func(*gin.Context) error {
		return problem.New(problem.AccessDenied, "nobody")
	}})
	e.Handle(Route{Method: "POST", Path: "/nonce", Errors: StyleResource, Handler: func(c *gin.Context) error {
		hit(c)
		JSON(c, 200, map[string]string{"c_nonce": "x"})
		return nil
	}})
	e.Handle(Route{Method: "GET", Path: "/offers/:id", Handler: func(c *gin.Context) error {
		hit(c)
		JSON(c, 200, map[string]string{"id": c.Param("id")})
		return nil
	}})
	e.Handle(Route{Method: "POST", Path: "/office", SameOrigin: true, Handler: echo,
		Body: Body{Types: []string{"application/json", "text/plain"}, Max: MaxJSONBody}})
	e.Handle(Route{Method: "GET", Path: "/panic", Handler: func(*gin.Context) error { panic("the secret is 42") }})
	e.Handle(Route{Method: "GET", Path: "/broken", Handler: func(*gin.Context) error { return errors.New("row 7 is bad") }})
	wrong := errors.New("wrong")
	e.Handle(Route{Method: "GET", Path: "/guess", Failures: NewLimiter(0, 3), Guess: func(err error) bool { return errors.Is(err, wrong) }, Handler: func(c *gin.Context) error {
		if c.Query("code") == "unknown" {
			return problem.New(problem.InvalidGrant, "no such code")
		}
		return problem.Wrap(problem.InvalidGrant, wrong, "wrong")
	}})
	e.Handle(Route{Method: "GET", Path: "/limited", Limit: NewLimiter(0, 3), Handler: func(c *gin.Context) error {
		Empty(c, 204)
		return nil
	}})
	e.Handle(Route{Method: "GET", Path: "/denied", Errors: StyleResource, Handler: func(c *gin.Context) error {
		Annotate(c, "client_id", c.GetHeader("X-Test"))
		return problem.New(problem.InvalidToken, "no \"such\" \\ token \u00fc\r\n")
	}})

	s, err := Listen("test", "127.0.0.1:0", e, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	w.addr = s.Addr().String()
	w.url = "http://" + w.addr
	return w
}

// do sends one request on a connection of its own and returns the answer with
// its body read.
func (w *world) do(t *testing.T, method, path string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, w.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// raw sends bytes as they are and returns the answer; nil when the peer closed
// without one.
func (w *world) raw(t *testing.T, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp
}

func kindOf(t *testing.T, body, member string) string {
	t.Helper()
	m := map[string]string{}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return m[member]
}

func TestRefusalBodies(t *testing.T) {
	w := serveEngine(t)
	resp, body := w.do(t, "GET", "/denied", http.Header{"Authorization": {"DPoP x"}}, nil)
	if resp.StatusCode != 401 || kindOf(t, body, "error") != "invalid_token" || kindOf(t, body, "error_description") != "no 'such' ' token ???" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if got := resp.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `DPoP algs="ES256`) || !strings.Contains(got, `error="invalid_token"`) {
		t.Errorf("WWW-Authenticate = %q", got)
	}
	resp, _ = w.do(t, "GET", "/denied", nil, nil)
	if got := resp.Header.Get("WWW-Authenticate"); strings.Contains(got, "error") {
		t.Errorf("an error code for a request without credentials: %q", got)
	}
	resp, body = w.do(t, "GET", "/broken", nil, nil)
	if resp.StatusCode != 500 || strings.Contains(body, "row 7") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	resp, body = w.do(t, "GET", "/panic", nil, nil)
	if resp.StatusCode != 500 || strings.Contains(body, "42") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	for _, h := range []string{"Cache-Control", "X-Request-Id"} {
		if resp.Header.Get(h) == "" {
			t.Errorf("no %s", h)
		}
	}
	resp, body = w.do(t, "POST", "/refusing-events", nil, nil)
	if resp.StatusCode != 400 || kindOf(t, body, "err") != "invalid_request" || kindOf(t, body, "description") != "gap" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestCORS(t *testing.T) {
	w := serveEngine(t)
	resp, _ := w.do(t, "OPTIONS", "/token", http.Header{"Origin": {"https://wallet.example"}, "Access-Control-Request-Method": {"POST"}}, nil)
	if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(resp.Header.Get("Access-Control-Allow-Headers"), "DPoP") ||
		resp.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = w.do(t, "POST", "/token", http.Header{"Origin": {"https://wallet.example"}}, strings.NewReader("a=b"))
	if resp.StatusCode != 415 || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a page cannot read its refusal: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = w.do(t, "OPTIONS", "/credential", nil, nil)
	if resp.StatusCode != 405 {
		t.Errorf("OPTIONS on a route without CORS: %d", resp.StatusCode)
	}
}

func TestRunStopsWhenOneServerFails(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	a, err := Listen("a", "127.0.0.1:0", http.NotFoundHandler(), nil, log)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Listen("b", "127.0.0.1:0", http.NotFoundHandler(), nil, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Run(context.Background(), a, b); err == nil || !strings.Contains(err.Error(), "serving b") {
		t.Errorf("Run = %v", err)
	}
}

// A route for people refuses with its own page, from the first check on; its
// neighbours do not.
func TestRoutePage(t *testing.T) {
	e, err := New(Config{Listener: "test", Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	page := func(c *gin.Context, err error) {
		Bytes(c, StatusOf(StyleAPI, problem.KindOf(err)), "text/html; charset=utf-8", []byte("sorry: "+string(problem.KindOf(err))))
	}
	refuse := func(*gin.Context) error { return problem.New(problem.Conflict, "no") }
	e.Handle(Route{Method: "GET", Path: "/page", Page: page, Limit: NewLimiter(0, 2), Handler: refuse})
	e.Handle(Route{Method: "GET", Path: "/api", Handler: refuse})
	for _, c := range []struct {
		target string
		status int
		body   string
	}{
		{"/page", 409, "sorry: conflict"}, {"/page?a=%zz", 400, "sorry: invalid_request"}, {"/page", 429, "sorry: rate_limited"},
		{"/api", 409, `{"error":"conflict","error_description":"no"}` + "\n"},
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest("GET", c.target, nil))
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s", c.target, w.Code, w.Body)
		}
	}
}
