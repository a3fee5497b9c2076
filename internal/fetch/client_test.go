package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server answers as its paths say, and counts what arrives.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
}

func (s *server) requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.seen)
}

func handler(s *server, other func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		io.WriteString(w, `{"a":1}`)
	})
	mux.HandleFunc("/refusal", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		io.WriteString(w, `{"error":"no"}`)
	})
	mux.HandleFunc("/announced", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000000")
		w.WriteHeader(200)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(make([]byte, 8<<20))
		z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		w.Write(b.Bytes())
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("a", 2*maxHeader))
	})
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/near", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/json", http.StatusFound) })
	mux.HandleFunc("/far", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other()+"/json", http.StatusFound) })
	mux.HandleFunc("/scheme", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/repeat", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/json", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/agent", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "v"})
		io.WriteString(w, r.UserAgent()+" "+r.Header.Get("Cookie")+" "+r.Header.Get("Accept"))
	})
	mux.HandleFunc("/list", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", strings.Split(r.Header.Get("Accept"), ",")[0])
		io.WriteString(w, "token")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen[r.Method+" "+r.URL.Path]++
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

func newServer(t *testing.T, tls bool, other func() string) *server {
	t.Helper()
	s := &server{seen: map[string]int{}}
	s.Server = httptest.NewUnstartedServer(handler(s, other))
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func get(c *Client, url string, accept ...string) (string, error) {
	body, _, err := c.Get(context.Background(), url, 1<<20, accept...)
	return string(body), err
}

func TestGet(t *testing.T) {
	other := newServer(t, false, nil)
	s := newServer(t, false, func() string { return other.URL })
	c := New(Options{AllowInsecureLoopback: true, UserAgent: "vidimus"})
	defer c.Close()
	for _, path := range []string{"/json", "/near"} {
		body, kind, err := c.Get(t.Context(), s.URL+path, 7, "application/json")
		if err != nil || string(body) != `{"a":1}` || kind != "application/json" {
			t.Errorf("%s: %q %q %v", path, body, kind, err)
		}
	}
	for path, want := range map[string]error{
		"/refusal": ErrAnswer, "/missing": ErrAnswer, "/agent": ErrAnswer, // agent is of another media type
		"/announced": ErrTooLarge, "/endless": ErrTooLarge, "/bomb": ErrTooLarge,
		"/far": ErrRefused, "/scheme": ErrRefused, "/round": ErrRefused,
	} {
		body, err := get(c, s.URL+path, "application/json")
		if !errors.Is(err, want) || body != "" {
			t.Errorf("%s: %q %v", path, body, err)
		}
		if err != nil && strings.Contains(err.Error(), `"error":"no"`) {
			t.Errorf("%s: the body of a refusal is in the error", path)
		}
	}
	if _, err := get(c, s.URL+"/header"); err == nil {
		t.Error("a header of 128 KiB passed")
	}
	if seen := other.requests(); len(seen) > 0 {
		t.Errorf("the other origin was asked: %v", seen)
	}
	for range 2 {
		if body, err := get(c, s.URL+"/agent", "text/plain"); err != nil || body != "vidimus  text/plain" {
			t.Errorf("%q %v", body, err)
		}
	}
	if _, err := get(c, "https://[::1"); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

// What is exactly as long as the limit passes, one byte more does not.
func TestLimit(t *testing.T) {
	s := newServer(t, false, nil)
	c := New(Options{AllowInsecureLoopback: true})
	for limit, want := range map[int64]error{7: nil, 6: ErrTooLarge} {
		if _, _, err := c.Get(t.Context(), s.URL+"/json", limit, "application/json"); !errors.Is(err, want) {
			t.Errorf("%d: %v", limit, err)
		}
	}
}

// A request with a body goes to the URL that it was made for, and nowhere else.
func TestPostIsNotRedirected(t *testing.T) {
	s := newServer(t, false, nil)
	c := New(Options{AllowInsecureLoopback: true})
	for _, path := range []string{"/repeat", "/near"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader("code=secret"))
		if err != nil {
			t.Fatal(err)
		}
		if resp, body, err := c.Do(r, 100); !errors.Is(err, ErrRefused) || resp != nil || body != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if seen := s.requests(); seen["POST /json"]+seen["GET /json"] > 0 {
		t.Errorf("asked: %v", seen)
	}
}

// Do gives the body of a refusal: the protocol's error stands in it.
func TestDoGivesRefusals(t *testing.T) {
	s := newServer(t, false, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/refusal", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp, body, err := New(Options{AllowInsecureLoopback: true}).Do(r, 100)
	if err != nil || resp.StatusCode != 400 || string(body) != `{"error":"no"}` {
		t.Errorf("%v %q", err, body)
	}
}

// Nothing reaches this machine unless told, with TLS or without, by number or
// by name.
func TestLoopback(t *testing.T) {
	plain, secure := newServer(t, false, nil), newServer(t, true, nil)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	_, port, _ := strings.Cut(strings.TrimPrefix(plain.URL, "http://"), ":")
	online := New(Options{Roots: roots})
	private := New(Options{Roots: roots, AllowPrivate: true})
	for _, url := range []string{secure.URL, plain.URL, "http://localhost:" + port, "https://localhost:" + port} {
		for name, c := range map[string]*Client{"online": online, "private": private} {
			if _, err := get(c, url+"/json", "application/json"); !errors.Is(err, ErrRefused) {
				t.Errorf("%s, %s: %v", name, url, err)
			}
		}
	}
	if len(plain.requests())+len(secure.requests()) > 0 {
		t.Error("a request arrived")
	}
	development := New(Options{Roots: roots, AllowInsecureLoopback: true})
	for _, url := range []string{secure.URL, plain.URL, "http://localhost:" + port} {
		if _, err := get(development, url+"/json", "application/json"); err != nil {
			t.Error(err)
		}
	}
	// Without the server's root: TLS is never skipped.
	if _, err := get(New(Options{AllowInsecureLoopback: true}), secure.URL+"/json"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("unknown certificate: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	s := newServer(t, false, nil)
	c := New(Options{AllowInsecureLoopback: true, Timeout: 50 * time.Millisecond})
	begun := time.Now()
	if _, err := get(c, s.URL+"/silent"); err == nil {
		t.Error("it answered")
	}
	if d := time.Since(begun); d > time.Minute { // a busy machine wakes late; the server never answers
		t.Errorf("waited %s", d)
	}
}

func TestStatusList(t *testing.T) {
	s := newServer(t, false, nil)
	c := New(Options{AllowInsecureLoopback: true})
	for _, types := range [][]string{nil, {TypeStatusListJWT}, {TypeIdentifierListCWT}} {
		token, kind, err := c.StatusList(t.Context(), s.URL+"/list", types...)
		want := TypeStatusListCWT
		if types != nil {
			want = types[0]
		}
		if err != nil || string(token) != "token" || kind != want {
			t.Errorf("%v: %q %q %v", types, token, kind, err)
		}
	}
	if _, _, err := c.StatusList(t.Context(), s.URL+"/json"); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
	if MaxStatusList != 4<<20 || MaxMetadata != 1<<20 {
		t.Error("limits: " + strconv.Itoa(MaxStatusList))
	}
}
