package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

var _ webserver.Recorder = (*Metrics)(nil)

func TestMetrics(t *testing.T) {
	m := New()
	m.Request("public", "/token", "POST", 400, problem.InvalidGrant, 30*time.Millisecond)
	m.Request("public", "/token", "POST", 400, problem.InvalidGrant, 30*time.Millisecond)
	m.Request("public", "none", "GET", 404, problem.NotFound, time.Millisecond)
	m.Counter("vidimus_signatures_total", "Signatures made.")()
	m.Gauge("vidimus_lists_open", "Open lists.", func() float64 { return 3 })
	m.Counters("vidimus_copies_total", "Copies made.", "configuration")("mdl", 3)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`vidimus_http_requests_total{kind="invalid_grant",listener="public",method="POST",route="/token",status="400"} 2`,
		`vidimus_http_request_seconds_bucket{listener="public",route="/token",le="0.05"} 2`,
		"vidimus_signatures_total 1", `vidimus_copies_total{configuration="mdl"} 3`, "vidimus_lists_open 3", "go_goroutines",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("missing %s", want)
		}
	}
	for range 2 { // a second registry does not collide with the first
		New()
	}
}
