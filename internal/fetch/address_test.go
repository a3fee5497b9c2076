package fetch

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.215.14": true, "1.1.1.1": true, "2606:4700::1111": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "127.8.9.10": false, "::1": false, "::ffff:127.0.0.1": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "172.32.0.1": true, "192.168.1.1": false, "fd00::1": false, "::ffff:10.0.0.1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "::ffff:169.254.169.254": false,
		"0.0.0.0": false, "::": false, "0.1.2.3": false, "255.255.255.255": false, "240.0.0.1": false, "224.0.0.1": false, "ff02::1": false,
		"100.64.0.1": false, "198.18.0.1": false, "192.0.2.1": false, "203.0.113.9": false, "2001:db8::1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "fec0::1": false, "64:ff9b:1::1": false, "3fff::1": false, "4000::1": false, "5f00::1": false, "100::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public %t", text, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestControl is bad input S14: where a connection leads is judged when it is
// made, whatever the name said before.
func TestControl(t *testing.T) {
	check := control(public)
	for address, ok := range map[string]bool{
		"1.1.1.1:443": true, "[2606:4700::1111]:443": true,
		"127.0.0.1:443": false, "[::1]:443": false, "[::ffff:127.0.0.1]:443": false, "[fe80::1%lo]:443": false,
		"issuer.example:443": false, "1.1.1.1": false, "": false,
	} {
		if err := check("tcp", address, nil); (err == nil) != ok || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	online, development := New(Options{}), New(Options{AllowInsecureLoopback: true})
	for _, tt := range []struct {
		url                 string
		online, development bool
	}{
		{"https://issuer.example/a?b=c", true, true},
		{"https://issuer.example:8443", true, true},
		{"http://issuer.example", false, false},
		{"http://localhost:8080/x", false, true},
		{"http://LOCALHOST", false, true},
		{"http://127.0.0.1:8080", false, true},
		{"http://[::1]:8080", false, true},
		{"http://127.0.0.1.evil.example", false, false},
		{"http://localhost.evil.example", false, false},
		{"http://192.168.1.1", false, false},
		{"https://user@issuer.example", false, false},
		{"https://user:pw@issuer.example", false, false},
		{"https://issuer.example/#f", false, false},
		{"https:///path", false, false},
		{"https:opaque", false, false},
		{"ftp://issuer.example", false, false},
		{"file:///etc/passwd", false, false},
		{"gopher://issuer.example", false, false},
		{"//issuer.example", false, false},
		{"https://issuer.example/" + strings.Repeat("a", maxURL), false, false},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := online.check(u); (err == nil) != tt.online || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", tt.url, err)
		}
		if err := development.check(u); (err == nil) != tt.development {
			t.Errorf("%s in development: %v", tt.url, err)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"https://a.example/x", "https://A.example:443/y", true},
		{"http://a.example", "http://a.example:80", true},
		{"https://a.example", "http://a.example", false},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://b.example", false},
		{"https://a.example", "https://a.example.evil", false},
	} {
		a, _ := url.Parse(tt.a)
		b, _ := url.Parse(tt.b)
		if sameOrigin(a, b) != tt.same {
			t.Errorf("%s and %s", tt.a, tt.b)
		}
	}
}
