package delivery

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// special are ranges that are neither private nor loopback by net/netip and
// still belong to no server of others, or lead to addresses that do not.
var special = func() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// global6 is all that IANA has given out for servers.
var global6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address may be that of a server on the internet.
func public(a netip.Addr) bool {
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

// guard makes the check of a dialer (net.Dialer.Control): it sees the address
// that a connection really goes to, after every look-up.
func guard(allowed func(netip.Addr) bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(at.Addr().Unmap().WithZone("")) {
			return never(Address, "%.80s is no address of a server of others", address)
		}
		return nil
	}
}

// CheckURL judges the address of a webhook by its spelling: https and a host,
// or, with insecure, http and this machine.
func CheckURL(text string, insecure bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL:
		return never(Address, "not a URL of at most %d bytes", maxURL)
	case u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		return never(Address, "not a URL of a host alone")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return never(Address, "scheme %.20q, https is wanted", u.Scheme)
	case !insecure || !namesLoopback(u.Hostname()):
		return never(Address, "http without TLS to %.80q", u.Host)
	}
	return nil
}

// namesLoopback reports whether a host is this machine by its spelling.
func namesLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// atLoopback reports whether a connection goes to this machine.
func atLoopback(c net.Conn) bool {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}
