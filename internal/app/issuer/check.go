package issuer

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"vidimus/internal/document"
	"vidimus/internal/keys"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	"vidimus/internal/signer"
)

// Bounds of what a configuration may ask for; authserver has the same.
const (
	minOffer, maxOffer       = time.Minute, 72 * time.Hour
	minTxCode, maxTxCode     = 6, 12
	minAttempts, maxAttempts = 1, 10
)

// checker collects every mistake of a configuration, with its key.
type checker struct {
	c    *Config
	errs []error
}

func (k *checker) bad(key, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

// Check says everything that is wrong with the configuration, joined: the key,
// what is wrong, what would be right.
func (c *Config) Check() error {
	k := &checker{c: c}
	if c.StateDir == "" {
		k.bad("state_dir", "missing: name a folder")
	}
	k.publicURL()
	k.authority()
	k.listeners()
	k.keys()
	k.sources()
	k.wallets()
	k.metadata()
	k.limits()
	return errors.Join(k.errs...)
}

// Warnings says what is allowed and probably not meant.
func (c *Config) Warnings() []string {
	var out []string
	if strings.HasPrefix(c.PublicURL, "https:") && loopback(c.Listen.Public) && len(c.TrustedProxies) == 0 {
		out = append(out, "trusted_proxies: empty, but a proxy must stand before listen.public: all wallets count as one client of rate_limit; name the proxy's network")
	}
	if !c.Dev && len(c.Sources) == 0 {
		out = append(out, "sources: empty, so that nobody can push events")
	}
	return out
}

func (k *checker) publicURL() {
	c := k.c
	if c.PublicURL == "" {
		k.bad("public_url", "missing: the https address under which wallets reach the public listener")
		return
	}
	if _, err := oid4vci.WellKnown(c.PublicURL, oid4vci.WellKnownIssuer, c.Dev); err != nil {
		k.bad("public_url", "%v", err)
		return
	}
	u, err := url.Parse(c.PublicURL)
	switch {
	case err != nil:
		k.bad("public_url", "%v", err)
	case strings.HasSuffix(c.PublicURL, "/"):
		k.bad("public_url", "write it without the slash at its end")
	case u.Port() == "0":
		k.bad("public_url", "names no port: set public_url when listen.public has port 0")
	case u.Scheme == "http" && !loopback(u.Host):
		k.bad("public_url", "http is for --dev on loopback only, got %s", u.Host)
	}
}

func (k *checker) authority() {
	a := k.c.Authority
	if len(a.Country) != 2 || strings.Trim(a.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		k.bad("authority.country", "two upper-case letters of ISO 3166-1, got %q", a.Country)
	}
	if a.State != "" && !strings.HasPrefix(a.State, a.Country+"-") {
		k.bad("authority.state", "an ISO 3166-2 code that begins with %s-, got %q", a.Country, a.State)
	}
	if a.Organization == "" {
		k.bad("authority.organization", "missing: it stands in every certificate and is what wallets show")
	}
}

func (k *checker) listeners() {
	c := k.c
	seen := map[string]string{}
	for _, l := range []struct {
		name, addr string
		local      bool
	}{{"public", c.Listen.Public, false}, {"registry", c.Listen.Registry, false}, {"office", c.Listen.Office, true}, {"metrics", c.Listen.Metrics, true}, {"console", c.Listen.Console, false}} {
		if l.name == "console" && !c.hasConsole() {
			continue
		}
		key := "listen." + l.name
		host, port, err := net.SplitHostPort(l.addr)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		switch {
		case err != nil, strings.ContainsFunc(host, unicode.IsSpace):
			k.bad(key, "host:port is wanted, the port a number up to 65535, got %q", l.addr)
		case c.Dev && !loopback(l.addr):
			k.bad(key, "--dev listens on loopback only, such as 127.0.0.1:%s, got %s", port, l.addr)
		case l.local && !loopback(l.addr):
			k.bad(key, "is for this machine alone: a loopback address such as 127.0.0.1:%s, got %s", port, l.addr)
		case port != "0":
			for _, other := range []string{l.addr, ":" + port, "0.0.0.0:" + port, "[::]:" + port} {
				if seen[other] != "" {
					k.bad(key, "%s is taken by %s", l.addr, seen[other])
					break
				}
			}
			if host == "" || host == "0.0.0.0" || host == "::" {
				for addr, name := range seen {
					if _, p, _ := net.SplitHostPort(addr); p == port {
						k.bad(key, "%s takes the port of %s", l.addr, name)
						break
					}
				}
			}
		}
		seen[l.addr] = key
	}
	k.console()
	for i, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			k.bad(fmt.Sprintf("trusted_proxies[%d]", i), "a network such as 127.0.0.1/32 is wanted, got %q", p)
		}
	}
	if c.RegistryTLS.CRL != "" && c.RegistryTLS.ClientCA == "" {
		k.bad("registry_tls.crl", "it counts for the certificates of client_ca, which is missing")
	}
	if t := c.RegistryTLS; !c.Dev && (t.Certificate == "" || t.Key == "" || t.ClientCA == "") {
		k.bad("registry_tls", "certificate, key and client_ca are needed outside --dev: registries prove themselves by client certificates")
	}
}

// signerProfiles are the profiles that a signer may have.
var signerProfiles = []pki.Profile{pki.ProfileDocumentSignerMDL, pki.ProfileDocumentSignerPID, pki.ProfileStatusSigner, pki.ProfileReceiptSigner, pki.ProfileCheckpointSigner, pki.ProfileRegistrySource, pki.ProfileAccess, pki.ProfileBundleSigner, pki.ProfileVICALSigner}

func (k *checker) keys() {
	c := k.c
	if c.Curve != "P-256" && c.Curve != "P-384" {
		k.bad("curve", "P-256 or P-384, got %q", c.Curve)
	}
	for _, name := range []string{"status", "receipt", "checkpoint", "console", "access", "bundle"} {
		if _, ok := c.Signers[name]; !ok {
			k.bad("signers."+name, "missing: key and chain are needed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		s, key := c.Signers[name], "signers."+name
		k.generations(name)
		if s.Profile != "" && !slices.Contains(signerProfiles, pki.Profile(s.Profile)) {
			k.bad(key+".profile", "one of %v, got %q", signerProfiles, s.Profile)
		}
	}
	for _, r := range []struct {
		key  string
		root Root
	}{{"iaca", c.IACA}, {"operations_ca", c.OperationsCA}, {"access_ca", c.AccessCA}} {
		if r.root.Certificate == "" {
			k.bad(r.key, "certificate is missing: a PEM file with the root")
		}
		if r.root.Key != "" {
			k.uri(r.key+".key", r.root.Key)
		}
	}
	k.rotation()
	k.readers()
	k.rollover()
}

func (k *checker) uri(key, uri string) {
	u, err := keys.ParseURI(uri)
	switch {
	case err != nil:
		k.bad(key, "%v; write signer:key=NAME or soft:path=FILE", err)
	case u.Scheme == keys.SchemeSoft:
	case u.Scheme != keys.SchemeSigner:
		k.bad(key, "keys of scheme %s are opened by the signer process alone: name the key in its configuration, and write signer:key=NAME here (docs/KEYS.md)", u.Scheme)
	case k.c.SignerSocket == "":
		k.bad(key, "%s is a key of the signer process: set signer_socket to the socket where it listens", uri)
	default:
		if _, err := signer.KeyName(uri); err != nil {
			k.bad(key, "%v", err)
		}
	}
}

func (k *checker) sources() {
	seen := map[string]bool{}
	for i, s := range k.c.Sources {
		key := fmt.Sprintf("sources[%d]", i)
		if s.Issuer == "" || len(s.Keys) == 0 || len(s.Events) == 0 {
			k.bad(key, "issuer, keys and events are needed")
		}
		if seen[s.Issuer] {
			k.bad(key, "%s is there twice: put all its keys into one entry", s.Issuer)
		}
		seen[s.Issuer] = true
		for _, e := range s.Events {
			if !slices.Contains(document.Names(), e) {
				k.bad(key+".events", "no event %q; there are %s", e, strings.Join(document.Names(), ", "))
			}
		}
	}
	if !k.c.Dev && len(k.c.Clients) == 0 && !k.c.attested() && !k.c.external() {
		k.bad("clients", "empty: outside --dev only named wallets redeem codes, or those of wallets.attesters and wallets.trusted_lists")
	}
	if slices.Contains(k.c.Clients, "") {
		k.bad("clients", "an empty client id")
	}
}

func (k *checker) limits() {
	c := k.c
	if l := c.Offers.Lifetime; l < minOffer || l > maxOffer {
		k.bad("offers.lifetime", "between %s and %s, got %s", minOffer, maxOffer, l)
	}
	if n := c.Offers.TxCodeLength; n < minTxCode || n > maxTxCode {
		k.bad("offers.tx_code_length", "between %d and %d, got %d", minTxCode, maxTxCode, n)
	}
	if n := c.Offers.TxCodeAttempts; n < minAttempts || n > maxAttempts {
		k.bad("offers.tx_code_attempts", "between %d and %d, got %d", minAttempts, maxAttempts, n)
	}
	k.office()
	if s := c.Status; s.Tick < time.Second || s.Tick > s.TTL || s.TTL < time.Second || s.Lifetime < 2*s.TTL {
		k.bad("status", "tick of at least 1s and at most the ttl (else lists are older than they may be), lifetime of at least twice the ttl")
	}
	if r := c.RateLimit; !(r.PerSecond > 0 && r.PerSecond <= maxRate) || r.Burst < 1 { // a NaN is neither
		k.bad("rate_limit", "per_second above 0, at most %d, and burst of at least 1", maxRate)
	}
	if _, err := ParseLevel(c.LogLevel); err != nil {
		k.bad("log_level", "%v", err)
	}
}

// ParseLevel reads log_level.
func ParseLevel(s string) (slog.Level, error) {
	for level, name := range map[slog.Level]string{slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warn", slog.LevelError: "error"} {
		if s == name {
			return level, nil
		}
	}
	return 0, fmt.Errorf("debug, info, warn or error, got %q", s)
}

// loopback reports whether host or host:port names this machine alone.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
