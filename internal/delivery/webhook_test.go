package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWebhook(t *testing.T) {
	var got atomic.Pointer[string]
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := r.Method + " " + r.Header.Get("Content-Type") + " " + string(body)
		got.Store(&text)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	w := NewWebhook(WebhookOptions{AllowInsecureLoopback: true, Roots: roots})
	defer w.Close()
	if err := w.Send(t.Context(), server.URL, "application/x", []byte("word")); err != nil || *got.Load() != "POST application/x word" {
		t.Errorf("%v, %v", err, got.Load())
	}
	got.Store(nil)
	for name, c := range map[string]struct {
		opt  WebhookOptions
		url  string
		word string
	}{
		"loopback":          {WebhookOptions{Roots: roots, AllowPrivate: true}, server.URL, Address},
		"localhost by name": {WebhookOptions{Roots: roots}, strings.Replace(server.URL, "127.0.0.1", "localhost", 1), Address},
		"unknown root":      {WebhookOptions{AllowInsecureLoopback: true, Roots: x509.NewCertPool()}, server.URL, Insecure},
		"http":              {WebhookOptions{}, "http://hook.example/x", Address},
		"http elsewhere":    {WebhookOptions{AllowInsecureLoopback: true}, "http://hook.example/x", Address},
		"no TLS there":      {WebhookOptions{AllowInsecureLoopback: true}, plainServer(t), Insecure},
		"metadata service":  {WebhookOptions{AllowPrivate: true, AllowInsecureLoopback: true}, "https://169.254.169.254/", Address},
		"user info":         {WebhookOptions{}, "https://a:b@hook.example/", Address},
		"other scheme":      {WebhookOptions{}, "file:///etc/passwd", Address},
		"long":              {WebhookOptions{}, "https://hook.example/" + strings.Repeat("x", maxURL), Address},
	} {
		err := NewWebhook(c.opt).Send(t.Context(), c.url, "text/plain", nil)
		var f *Failure
		if !errors.As(err, &f) || f.Problem() != c.word || got.Load() != nil {
			t.Errorf("%s: %v, want %s", name, err, c.word)
		}
	}
}

// plainServer is spoken to with TLS and answers without.
func plainServer(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http:", "https:", 1)
}

func TestWebhookAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(w http.ResponseWriter, r *http.Request)
		word    string
		lasting bool
	}{
		"200": {func(w http.ResponseWriter, _ *http.Request) {}, "", false},
		"202": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, "", false},
		"400": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, Refused, false},
		"410": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, Refused, true},
		"503": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, Refused, false},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, Refused, false},
		"long header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
		}, Unreachable, false},
		"endless body": {func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				if _, err := w.Write(make([]byte, maxAnswer)); err != nil {
					return
				}
			}
		}, "", false},
		"hung up":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Unreachable, false},
		"too late": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Unreachable, false},
	} {
		t.Run(name, func(t *testing.T) {
			var posts atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				posts.Add(1)
				c.answer(w, r)
			}))
			defer server.Close()
			w := NewWebhook(WebhookOptions{AllowInsecureLoopback: true, Timeout: 500 * time.Millisecond})
			err := w.Send(t.Context(), server.URL, "text/plain", []byte("secret"))
			w.Close()
			var f *Failure
			switch {
			case c.word == "" && err != nil:
				t.Errorf("%v", err)
			case c.word != "" && (!errors.As(err, &f) || f.Problem() != c.word || f.Permanent() != c.lasting || strings.Contains(err.Error(), "secret")):
				t.Errorf("%v", err)
			}
			if n := posts.Load(); n != 1 {
				t.Errorf("%d posts", n)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewWebhook(WebhookOptions{AllowInsecureLoopback: true}).Send(ctx, "http://127.0.0.1:1/", "x/y", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A server that asks for a certificate is shown ours.
func TestWebhookCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	ours := server.TLS.Certificates[0]
	for _, c := range []*tls.Certificate{nil, &ours} {
		w := NewWebhook(WebhookOptions{AllowInsecureLoopback: true, Roots: roots, Certificate: c})
		if err := w.Send(t.Context(), server.URL, "text/plain", nil); (err == nil) != (c != nil) {
			t.Errorf("with %v: %v", c != nil, err)
		}
		w.Close()
	}
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1": true, "10.0.0.1": false, "127.0.0.1": false, "169.254.1.1": false, "100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false,
		"::1": false, "fe80::1": false, "fd00::1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false, "255.255.255.255": false, "192.0.2.1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	control := guard(func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") })
	if control("tcp", net.JoinHostPort("::ffff:10.0.0.1", "443"), nil) != nil || control("tcp", "10.0.0.2:443", nil) == nil || control("tcp", "name:443", nil) == nil {
		t.Error("the guard judges another address")
	}
}
