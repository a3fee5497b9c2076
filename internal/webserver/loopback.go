package webserver

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackOnly guards a listener that is for programs of this machine against
// the browsers on it: it refuses a Host that is no loopback name or address,
// which is what a page comes with whose name was made to point here (DNS
// rebinding), and what a browser fetches for a page of another site.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Values("Sec-Fetch-Site")
		if !loopbackHost(r.Host) || len(site) > 1 || len(site) == 1 && site[0] != "same-origin" && site[0] != "none" {
			h := w.Header()
			h.Set("Cache-Control", "no-store")
			h.Set("X-Content-Type-Options", "nosniff")
			http.Error(w, "this listener is for programs of this machine: call it by a loopback address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopbackHost reads a Host header.
func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}
