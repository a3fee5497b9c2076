package issuerhttp_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/webserver"
)

// desk is an inbox that keeps people waiting.
type desk struct {
	wait  time.Duration
	err   error
	asked string // of Feed
}

func (d *desk) Accept(ctx context.Context, _, token string) (registry.Outcome, error) {
	select {
	case <-time.After(d.wait):
	case <-ctx.Done():
		return registry.Outcome{}, ctx.Err()
	}
	return registry.Outcome{JTI: token}, d.err
}

func (d *desk) AcceptBatch(ctx context.Context, peer string, sets map[string]string) (registry.Batch, error) {
	b := registry.Batch{Errors: map[string]error{}}
	for jti, token := range sets {
		if _, err := d.Accept(ctx, peer, token); err != nil {
			b.Errors[jti] = err
			continue
		}
		b.Acks = append(b.Acks, jti)
	}
	return b, nil
}

func (d *desk) Receipt(_ context.Context, source, jti string) (string, error) {
	return "receipt of " + source + " for " + jti, d.err
}

func (d *desk) Feed(_ context.Context, source string, after uint64, limit int) (registry.Page, error) {
	d.asked = fmt.Sprint(source, " ", after, " ", limit)
	return registry.Page{Receipts: []registry.Numbered{{Number: after + 1, Receipt: "r"}}, Next: after + 1, More: true}, d.err
}

// serveDesk answers for a desk; writes is the server's own deadline.
func serveDesk(t *testing.T, d *desk, writes time.Duration) (url string) {
	t.Helper()
	e, err := webserver.New(webserver.Config{Listener: "registry", Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	issuerhttp.Registry(e, issuerhttp.RegistryConfig{Inbox: d, Peer: func(r *http.Request) (string, error) {
		if r.Header.Get("Test-Peer") == "stranger" {
			return "", problem.New(problem.AccessDenied, "nobody knows you")
		}
		return r.Header.Get("Test-Peer"), nil
	}})
	s := httptest.NewUnstartedServer(e)
	s.Config.WriteTimeout = writes
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func ask(t *testing.T, method, url, contentType, body, peer string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Test-Peer", peer)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// An event that is held is answered, however late by the measure of other
// requests (bad input R06).
func TestHeldPushIsAnswered(t *testing.T) {
	const writes = 100 * time.Millisecond
	url := serveDesk(t, &desk{wait: 4 * writes}, writes)
	if status, text := ask(t, "POST", url+issuerhttp.EventsPath, "application/secevent+jwt", "x", "a"); status != 202 || text != "" {
		t.Errorf("%d %s", status, text)
	}
	if status, text := ask(t, "POST", url+issuerhttp.EventsPath+"/batch", "application/json", `{"sets":{"j":"x"}}`, "a"); status != 200 || text != `{"ack":["j"]}`+"\n" {
		t.Errorf("%d %s", status, text)
	}
}

func TestReceipts(t *testing.T) {
	d := &desk{}
	url := serveDesk(t, d, time.Minute) + issuerhttp.ReceiptsPath
	for query, want := range map[string]string{
		"": "a 0 0", "?after=7": "a 7 0", "?after=18446744073709551614&limit=3": "a 18446744073709551614 3", "?source=b": "a 0 0",
	} {
		status, text := ask(t, "GET", url+query, "", "", "a")
		var page struct {
			Receipts []struct {
				Number  uint64 `json:"number"`
				Receipt string `json:"receipt"`
			} `json:"receipts"`
			Next uint64 `json:"next"`
			More bool   `json:"more"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || status != 200 || d.asked != want || len(page.Receipts) != 1 || page.Next != page.Receipts[0].Number || !page.More {
			t.Errorf("%s: %d %s, asked %s", query, status, text, d.asked)
		}
	}
	if ask(t, "GET", url+"?source=b&after=2", "", "", ""); d.asked != "b 2 0" {
		t.Errorf("without authentication: %s", d.asked)
	}
	d.asked = ""
	for _, query := range []string{"?after=-1", "?after=x", "?after=", "?limit=1e3", "?limit=9999999999", "?after=18446744073709551616", "?after=1&after=2"} {
		if status, text := ask(t, "GET", url+query, "", "", "a"); status != 400 || d.asked != "" {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if status, _ := ask(t, "GET", url, "", "", "stranger"); status != 403 {
		t.Errorf("a stranger: %d", status)
	}
	d.err = problem.New(problem.Unavailable, "try again")
	if status, _ := ask(t, "GET", url, "", "", "a"); status != 503 {
		t.Errorf("a store that fails: %d", status)
	}
}

// Each kind of refusal is told in the words of RFC 8935, section 2.4, and
// trouble of ours is none.
func TestRefusalsOfEvents(t *testing.T) {
	for kind, want := range map[problem.Kind]struct {
		status int
		code   string
	}{
		problem.InvalidRequest: {400, "invalid_request"}, problem.InvalidKey: {400, "invalid_key"}, problem.InvalidIssuer: {400, "invalid_issuer"},
		problem.InvalidAudience: {400, "invalid_audience"}, problem.AuthenticationFailed: {400, "authentication_failed"}, problem.AccessDenied: {400, "access_denied"},
		problem.Conflict: {400, "invalid_request"}, problem.NotFound: {400, "invalid_request"},
		problem.TooLarge: {413, ""}, problem.Unavailable: {503, ""}, problem.Internal: {500, ""}, problem.RateLimited: {429, ""},
	} {
		url := serveDesk(t, &desk{err: problem.New(kind, "for a reason")}, time.Minute) + issuerhttp.EventsPath
		status, text := ask(t, "POST", url, "application/secevent+jwt", "x", "a")
		var refusal struct{ Err, Description string }
		if err := json.Unmarshal([]byte(text), &refusal); status != want.status || want.code != "" && (err != nil || refusal.Err != want.code || refusal.Description != "for a reason") {
			t.Errorf("%s: %d %s", kind, status, text)
		}
		if status, text = ask(t, "POST", url+"/batch", "application/json", `{"sets":{"j":"x"}}`, "a"); status != 200 || strings.Contains(text, "setErrs") != (want.code != "" || kind == problem.TooLarge) {
			t.Errorf("%s in a batch: %d %s", kind, status, text)
		}
	}
}
