package authserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

// Configuration is what the authorization server knows of one credential
// configuration.
type Configuration struct {
	Type  string // doctype or vct
	Scope string // as in the issuer's metadata; "" when it has none

	// WithoutTxCode lets an offer of it go without a transaction code. Refused
	// for the mDL and the PID: whoever injected the offer of another person
	// into a session would bind that person's identity to his own wallet.
	WithoutTxCode bool
}

// Config is the public, unchecked configuration. The zero value of a duration
// or a number takes its default.
type Config struct {
	Issuer        string // issuer identifier, an https URL: what `resource` may name
	TokenEndpoint string // URL of the token endpoint, as in the metadata: the htu of proofs
	Secret        []byte // at least 32 bytes, the same on every node and after every restart

	Configurations map[string]Configuration // by credential configuration id

	// PushEndpoint is the URL of the PAR endpoint, as in the metadata; "" when
	// there is no authorization code flow.
	PushEndpoint string

	// ClientAuth says how clients are known: ClientAttestation, or ClientKnown.
	// "" is the former when there are Attesters.
	ClientAuth string
	// Clients are the client ids that may ask for tokens (ClientKnown).
	Clients []string
	// Redirects are the redirect URIs of clients that registered some, by client
	// id: no other passes. An attested client that did not may name any that
	// oauth.CheckRedirectURI lets pass (RFC 9126 section 2.4), one that is only
	// known by its id none, outside development.
	Redirects map[string][]string
	// Attesters checks the chain of an attestation (DER, leaf first, without
	// anchor) up to a wallet provider that is trusted at now. An error of kind
	// problem.Unavailable means that nobody knows.
	Attesters func(x5c [][]byte, now time.Time) (Attester, error)
	// AttestationChallenges demands that proofs of possession repeat what
	// Challenge gave; the metadata then name the challenge endpoint.
	AttestationChallenges bool
	// AttestationLifetime is from how far ahead on exp of an attestation is
	// refused (EUDI: 24 h); 0 does not bound it.
	AttestationLifetime time.Duration
	// AttestationAge is from what age on (iat) a fresh one is asked for; 0 never.
	AttestationAge time.Duration

	// DPoPNonces demands a nonce of ours in every proof (RFC 9449 sections 8, 9).
	DPoPNonces bool

	// Dev is needed by the two relaxations that follow it.
	Dev bool
	// AnonymousClients accepts a request without client_id, and with any.
	AnonymousClients bool
	// AllowBearer gives a bearer token to a request without a DPoP proof.
	AllowBearer bool

	OfferLifetime   time.Duration // default 10 min, at most 72 h
	RequestLifetime time.Duration // of a pushed request; default 5 min, less than 10 min
	CodeLifetime    time.Duration // of an authorization code; default and at most 60 s
	TokenLifetime   time.Duration // default 5 min, at most 1 h
	RefreshLifetime time.Duration // default 90 days, at most 366; negative: there are no refresh tokens
	DPoPAge         time.Duration // of DPoP proofs and proofs of possession; default 5 min, at most 10 min
	TxCodeLength    int           // default 6 digits, 6 to 12
	TxCodeAttempts  int           // default 5, at most 10
}

// checked returns the configuration with its defaults, or everything that is
// wrong with it.
func (c Config) checked() (Config, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("authserver: "+format, args...)) }
	if c.Issuer == "" || c.TokenEndpoint == "" {
		bad("issuer and token endpoint are required")
	}
	if len(c.Secret) < minSecret {
		bad("the secret has %d bytes, at least %d are needed", len(c.Secret), minSecret)
	}
	if len(c.Configurations) == 0 {
		bad("no credential configuration")
	}
	for id, k := range c.Configurations {
		if k.Type == "" {
			bad("configuration %s has no type", id)
		}
		if k.WithoutTxCode && identifies(k.Type) {
			bad("configuration %s: an offer of %s always needs a transaction code", id, k.Type)
		}
	}
	if (c.AnonymousClients || c.AllowBearer) && !c.Dev {
		bad("anonymous clients and bearer tokens are for development only")
	}
	errs = append(errs, c.checkClients()...)
	defaultTo(&c.OfferLifetime, DefaultOfferLifetime)
	defaultTo(&c.RequestLifetime, DefaultRequestLifetime)
	defaultTo(&c.CodeLifetime, DefaultCodeLifetime)
	defaultTo(&c.TokenLifetime, DefaultTokenLifetime)
	defaultTo(&c.RefreshLifetime, DefaultRefreshLifetime)
	defaultTo(&c.DPoPAge, DefaultDPoPAge)
	defaultTo(&c.TxCodeLength, DefaultTxCodeLength)
	defaultTo(&c.TxCodeAttempts, DefaultTxCodeAttempts)
	for _, d := range []struct {
		name     string
		is, most time.Duration
	}{
		{"offer lifetime", c.OfferLifetime, maxOfferLifetime},
		{"lifetime of pushed requests", c.RequestLifetime, maxRequestLifetime},
		{"lifetime of codes", c.CodeLifetime, DefaultCodeLifetime},
		{"token lifetime", c.TokenLifetime, maxTokenLifetime},
		{"age of proofs", c.DPoPAge, maxDPoPAge},
	} {
		if d.is < time.Second || d.is > d.most {
			bad("%s %v is not between 1s and %v", d.name, d.is, d.most)
		}
	}
	if r := c.RefreshLifetime; r >= 0 && (r < time.Minute || r > maxRefreshLifetime) {
		bad("refresh lifetime %v is not between 1m and %v", r, maxRefreshLifetime)
	}
	if c.AttestationLifetime < 0 || c.AttestationAge < 0 {
		bad("negative bounds of attestations")
	}
	if c.TxCodeLength < minTxCodeLength || c.TxCodeLength > maxTxCodeLength {
		bad("transaction code of %d digits, want %d to %d", c.TxCodeLength, minTxCodeLength, maxTxCodeLength)
	}
	if c.TxCodeAttempts < 1 || c.TxCodeAttempts > maxTxCodeAttempts {
		bad("%d attempts at a transaction code, want 1 to %d", c.TxCodeAttempts, maxTxCodeAttempts)
	}
	return c, errors.Join(errs...)
}

// checkClients judges what is said of clients, and completes it.
func (c *Config) checkClients() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("authserver: "+format, args...)) }
	if c.ClientAuth == "" {
		c.ClientAuth = ClientKnown
		if c.Attesters != nil {
			c.ClientAuth = ClientAttestation
		}
	}
	switch c.ClientAuth {
	case ClientAttestation:
		if c.Attesters == nil {
			bad("attestations are demanded, and no attester is trusted")
		}
		if c.AnonymousClients {
			bad("anonymous clients where attestations are demanded")
		}
	case ClientKnown:
		if !c.AnonymousClients && len(c.Clients) == 0 {
			bad("no client is allowed")
		}
	default:
		bad("client authentication is %s or %s", ClientAttestation, ClientKnown)
	}
	if slices.Contains(c.Clients, "") {
		bad("an empty client id")
	}
	for id, uris := range c.Redirects {
		for _, uri := range uris {
			if err := oauth.CheckRedirectURI(uri, true); err != nil {
				bad("client %s: %s", id, problem.Detail(err))
			}
		}
	}
	return errs
}

func defaultTo[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// identifies says that a type is an identity document: threats of binding it
// to another's wallet apply (OpenID4VCI 1.0, security considerations of the
// pre-authorized code flow).
func identifies(typ string) bool {
	return typ == "org.iso.18013.5.1.mDL" || strings.HasPrefix(typ, "eu.europa.ec.eudi.pid.") || strings.HasPrefix(typ, "urn:eudi:pid:")
}
