package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// ErrRefused is for an address that this client does not go to: scheme, host,
// or a redirect that leads elsewhere.
var ErrRefused = errors.New("address refused")

// special are ranges that are neither private nor loopback by net/netip and
// still belong to no public server, or lead to addresses that do not.
var special = func() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8",       // this network
		"100.64.0.0/10",   // carrier-grade NAT
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.88.99.0/24",  // 6to4 relays
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"240.0.0.0/4",     // reserved, broadcast
		"2001::/23",       // protocol assignments, Teredo
		"2001:db8::/32",   // documentation
		"2002::/16",       // 6to4: an IPv4 address in disguise
		"3fff::/20",       // documentation
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// global6 is all that IANA has given out for servers; NAT64, whose addresses are
// IPv4 addresses in disguise, lies outside.
var global6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address may be that of a server on the internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global6.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// control makes the check of a dialer (net.Dialer.Control): it sees the address
// that a connection really goes to, after every look-up.
func control(allowed func(netip.Addr) bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrRefused, address)
		}
		a, err := netip.ParseAddr(host)
		if err != nil || !allowed(a) {
			return fmt.Errorf("%w: %s is no address of a public server", ErrRefused, host)
		}
		return nil
	}
}

// check judges a URL before anything is connected. Whether its host leads to a
// public address is seen only then.
func (c *Client) check(u *url.URL) error {
	switch {
	case len(u.String()) > maxURL:
		return fmt.Errorf("%w: a URL of more than %d bytes", ErrRefused, maxURL)
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.User != nil:
		return fmt.Errorf("%w: not a URL of a host alone", ErrRefused)
	case u.Fragment != "":
		return fmt.Errorf("%w: a URL with a fragment", ErrRefused)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%w: scheme %.20q, only https is fetched", ErrRefused, u.Scheme)
	case !c.insecureLoopback:
		return fmt.Errorf("%w: http without TLS to %.80q", ErrRefused, u.Host)
	case !namesLoopback(u.Hostname()):
		return fmt.Errorf("%w: http without TLS is for loopback alone, not for %.80q", ErrRefused, u.Host)
	}
	return nil
}

// namesLoopback reports whether a host of a URL is this machine by its spelling.
func namesLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// sameOrigin compares scheme, host and port (RFC 6454, section 5).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
