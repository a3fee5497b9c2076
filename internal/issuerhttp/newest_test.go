package issuerhttp

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/fleet"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// things are all that is served by newest, each with its name as its content.
type things struct {
	Enrolment
	failed error
	seen   []string
}

func (p *things) give(name string) ([]byte, string, error) {
	if p.failed != nil {
		return nil, "", p.failed
	}
	return []byte(name), `"` + name + `"`, nil
}

func (p *things) Bundle(context.Context) ([]byte, string, error) { return p.give("bundle") }
func (p *things) SeenReader(_ context.Context, token string)     { p.seen = append(p.seen, token) }
func (p *things) TrustLists() map[string]string {
	return map[string]string{"vical": "application/cwt", "pid-providers": "application/jose"}
}
func (p *things) TrustList(_ context.Context, name string) ([]byte, string, error) {
	return p.give(name)
}
func (p *things) SignerLists() []string { return []string{"iaca", "operations"} }
func (p *things) RevokedSigners(_ context.Context, name string) ([]byte, string, error) {
	return p.give(name)
}
func (p *things) RevokedReaders(context.Context) ([]byte, string, error) { return p.give("readers") }
func (p *things) DocumentSigners(context.Context) (list, certificates []byte, etag string) {
	return []byte("document signers"), []byte("their PEM"), `"document signers"`
}

// Bundle, trust lists, revocation lists and the certificates of document signers are
// served by one rule.
func TestNewest(t *testing.T) {
	fake := clock.NewFake(time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC))
	served := func(p *things, limit *webserver.Limiter) *webserver.Engine {
		e, err := webserver.New(webserver.Config{Listener: "test", Log: slog.New(slog.DiscardHandler), Clock: fake, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		cfg := PublicConfig{Readers: p, Bundles: p, DocumentSigners: p, Signers: p, Trust: p, Limit: limit}
		cfg.readers(e, "/office")
		cfg.signers(e, "/office")
		cfg.trustLists(e, "/office")
		cfg.documentSigners(e, "/office")
		cfg.bundles(e, "/office")
		return e
	}
	ask := func(e *webserver.Engine, method, path string, header ...string) *http.Response {
		r := httptest.NewRequest(method, "http://issuer.example/office"+path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w.Result()
	}
	p := &things{}
	all := served(p, nil)
	for _, tt := range []struct {
		path, mediaType, content, etag string
		fails                          bool
	}{
		{BundlePath, "application/vidimus-bundle+cbor", "bundle", `"bundle"`, true},
		{TrustListPath + "vical", "application/cwt", "vical", `"vical"`, true},
		{TrustListPath + "pid-providers", "application/jose", "pid-providers", `"pid-providers"`, true},
		{SignerCRLPath, "application/pkix-crl", "iaca", `"iaca"`, true},
		{RevocationPath + "operations.crl", "application/pkix-crl", "operations", `"operations"`, true},
		{ReaderCRLPath, "application/pkix-crl", "readers", `"readers"`, true},
		{DocumentSignersPath, "application/json", "document signers", `"document signers"`, false},
		{DocumentSignersPEMPath, "application/x-pem-file", "their PEM", `"document signers"`, false},
	} {
		t.Run(tt.path, func(t *testing.T) {
			headed := func(r *http.Response, status int) {
				t.Helper()
				h := r.Header
				if r.StatusCode != status || h.Get("ETag") != tt.etag || h.Get("Cache-Control") != "public, max-age=300" || h.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%d, want %d: %v", r.StatusCode, status, h)
				}
			}
			got := ask(all, http.MethodGet, tt.path)
			headed(got, http.StatusOK)
			if body(t, got) != tt.content || got.Header.Get("Content-Type") != tt.mediaType {
				t.Errorf("%v", got.Header)
			}
			head := ask(all, http.MethodHead, tt.path)
			headed(head, http.StatusOK)
			if body(t, head) != "" || head.Header.Get("Content-Type") != tt.mediaType || head.Header.Get("Content-Length") != strconv.Itoa(len(tt.content)) {
				t.Errorf("HEAD: %v", head.Header)
			}
			for _, held := range []string{tt.etag, "W/" + tt.etag, `"other", ` + tt.etag, "*"} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					same := ask(all, method, tt.path, "If-None-Match", held)
					headed(same, http.StatusNotModified)
					if body(t, same) != "" || same.Header.Get("Content-Type") != "" {
						t.Errorf("%s, %s: %v", method, held, same.Header)
					}
				}
			}
			other := ask(all, http.MethodGet, tt.path, "If-None-Match", `"other"`)
			headed(other, http.StatusOK)
			if body(t, other) != tt.content {
				t.Error("another version is held, and nothing is given")
			}
			if r := ask(all, http.MethodPost, tt.path); r.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("POST: %d", r.StatusCode)
			}
			one := served(p, webserver.NewLimiter(1, 1))
			if r := ask(one, http.MethodGet, tt.path); r.StatusCode != http.StatusOK {
				t.Errorf("the first: %d", r.StatusCode)
			}
			if r := ask(one, http.MethodGet, tt.path); r.StatusCode != http.StatusTooManyRequests {
				t.Errorf("above the limit: %d", r.StatusCode)
			}
			if !tt.fails {
				return
			}
			for kind, status := range map[problem.Kind]int{problem.NotFound: http.StatusNotFound, problem.Unavailable: http.StatusServiceUnavailable} {
				r := ask(served(&things{failed: problem.New(kind, "why")}, nil), http.MethodGet, tt.path)
				if r.StatusCode != status || r.Header.Get("ETag") != "" || r.Header.Get("Cache-Control") == "public, max-age=300" {
					t.Errorf("%s: %d %v", kind, r.StatusCode, r.Header)
				}
			}
		})
	}
	before := len(p.seen)
	ask(all, http.MethodGet, BundlePath, fleet.SeenHeader, "a token")
	ask(all, http.MethodGet, BundlePath)
	if len(p.seen) != before+1 || p.seen[before] != "a token" {
		t.Errorf("seen %q", p.seen)
	}
}
