package idp

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/clock"
)

// Config is the public, unchecked configuration of an upstream provider.
type Config struct {
	// Issuer is the provider's issuer identifier, an https URL; its metadata
	// stand below it.
	Issuer string
	// ClientID is our name there. Secret or Key proves it; with neither, PKCE
	// alone protects the code (a public client).
	ClientID string
	// Secret is sent by HTTP Basic (client_secret_basic).
	Secret string
	// Key signs an assertion for each token request (private_key_jwt), ES256
	// with a P-256 key; KeyID is its kid at the provider.
	Key   crypto.Signer
	KeyID string

	// RedirectURL is our callback, as it is registered there.
	RedirectURL string
	// Scopes besides openid.
	Scopes []string

	// ACRs are the levels of assurance that will do, in the provider's words,
	// the preferred one first. At least one: a credential is worth no more than
	// the login behind it.
	ACRs []string
	// MaxAge is how long ago the person may have authenticated; zero is ten
	// minutes.
	MaxAge time.Duration

	// PersonClaim is the claim of the ID token that names the person, such as
	// personal_administrative_number or sub. People maps its value to the
	// registry's number; nil takes the value as it is.
	PersonClaim string
	People      People
	// NameClaim is the claim to greet by; "" is name.
	NameClaim string

	// Algorithms that an ID token may be signed with; nil is ES256, PS256, EdDSA
	// and RS256, the one that every provider has.
	Algorithms []string

	// Roots are what the provider's certificate leads to; nil means those of the
	// machine.
	Roots *x509.CertPool
	// AllowLoopback takes a provider on this machine without TLS: for
	// development and tests.
	AllowLoopback bool

	Clock clock.Clock
	Rand  io.Reader
}

// Upstream is an OpenID Connect provider. Safe for concurrent use.
type Upstream struct {
	cfg  Config
	http *http.Client

	mu     sync.Mutex
	found  *discovered
	failed time.Time // of the last discovery, zero when it went well
}

// New checks the configuration. The provider is asked for its metadata with the
// first login: the office starts without it.
func New(cfg Config) (*Upstream, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("idp: "+format, args...)) }
	if err := checkText(cfg.Issuer, cfg.AllowLoopback); err != nil {
		bad("issuer %q: %w", cfg.Issuer, err)
	}
	if err := checkText(cfg.RedirectURL, cfg.AllowLoopback); err != nil {
		bad("redirect URL %q: %w", cfg.RedirectURL, err)
	}
	if cfg.ClientID == "" {
		bad("no client id")
	}
	if cfg.Secret != "" && cfg.Key != nil {
		bad("either a secret or a key, not both")
	}
	if len(cfg.ACRs) == 0 || slices.ContainsFunc(cfg.ACRs, func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n") }) {
		bad("levels of assurance (acr) are required, none of them with a space")
	}
	if cfg.PersonClaim == "" {
		bad("no claim names the person")
	}
	if cfg.Clock == nil || cfg.Rand == nil {
		bad("clock and rand are required")
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultMaxAge
	}
	if cfg.MaxAge < time.Second || cfg.MaxAge > 24*time.Hour {
		bad("max age %v is not between 1s and 24h", cfg.MaxAge)
	}
	if cfg.NameClaim == "" {
		cfg.NameClaim = "name"
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = []string{"ES256", "PS256", "EdDSA", "RS256"}
	}
	for _, a := range cfg.Algorithms {
		if a == "none" || strings.HasPrefix(a, "HS") {
			bad("algorithm %s: an ID token needs a signature", a)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Upstream{cfg: cfg, http: newClient(cfg.Roots, cfg.AllowLoopback)}, nil
}
