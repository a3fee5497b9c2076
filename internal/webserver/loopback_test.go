package webserver

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestLoopbackOnly(t *testing.T) {
	h := LoopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, c := range []struct {
		host, site string
		want       int
	}{
		{"127.0.0.1:9090", "", 204}, {"127.0.0.1", "", 204}, {"127.9.9.9:1", "", 204}, {"localhost:9090", "", 204}, {"LOCALHOST", "", 204},
		{"[::1]:9090", "", 204}, {"[::1]", "", 204}, {"[::ffff:127.0.0.1]:1", "", 204},
		{"127.0.0.1:9090", "none", 204}, {"127.0.0.1:9090", "same-origin", 204},
		{"evil.example", "", 403}, {"evil.example:9090", "", 403}, {"evil.example:9090", "same-origin", 403}, // DNS rebinding
		{"localhost.evil.example", "", 403}, {"127.0.0.1.evil.example:9090", "", 403}, {"192.0.2.1:9090", "", 403}, {"0.0.0.0:9090", "", 403},
		{"[::1%25lo]:9090", "", 403}, {"2130706433:9090", "", 403}, {"127.1", "", 403}, {"", "", 403}, {"localhost.:9090", "", 403},
		{"127.0.0.1:9090", "cross-site", 403}, {"127.0.0.1:9090", "same-site", 403}, {"127.0.0.1:9090", "odd", 403}, // an image in a page
	} {
		r := httptest.NewRequest("GET", "/debug/pprof/profile", nil)
		r.Host = c.host
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("Host %q, Sec-Fetch-Site %q: %d, want %d", c.host, c.site, w.Code, c.want)
		}
	}
}
