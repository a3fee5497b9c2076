package authserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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

	// Clients are the client ids that may ask for tokens.
	Clients []string

	// Dev is needed by the two relaxations that follow it.
	Dev bool
	// AnonymousClients accepts a request without client_id, and with any.
	AnonymousClients bool
	// AllowBearer gives a bearer token to a request without a DPoP proof.
	AllowBearer bool

	OfferLifetime  time.Duration // default 10 min, at most 72 h
	TokenLifetime  time.Duration // default 5 min, at most 1 h
	DPoPAge        time.Duration // default 5 min, at most 10 min
	TxCodeLength   int           // default 6 digits, 6 to 12
	TxCodeAttempts int           // default 5, at most 10
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
	if !c.AnonymousClients && len(c.Clients) == 0 {
		bad("no client is allowed")
	}
	if slices.Contains(c.Clients, "") {
		bad("an empty client id")
	}
	defaultTo(&c.OfferLifetime, DefaultOfferLifetime)
	defaultTo(&c.TokenLifetime, DefaultTokenLifetime)
	defaultTo(&c.DPoPAge, DefaultDPoPAge)
	defaultTo(&c.TxCodeLength, DefaultTxCodeLength)
	defaultTo(&c.TxCodeAttempts, DefaultTxCodeAttempts)
	if c.OfferLifetime < time.Second || c.OfferLifetime > maxOfferLifetime {
		bad("offer lifetime %v is not between 1s and %v", c.OfferLifetime, maxOfferLifetime)
	}
	if c.TokenLifetime < time.Second || c.TokenLifetime > maxTokenLifetime {
		bad("token lifetime %v is not between 1s and %v", c.TokenLifetime, maxTokenLifetime)
	}
	if c.DPoPAge < time.Second || c.DPoPAge > maxDPoPAge {
		bad("age of proofs %v is not between 1s and %v", c.DPoPAge, maxDPoPAge)
	}
	if c.TxCodeLength < minTxCodeLength || c.TxCodeLength > maxTxCodeLength {
		bad("transaction code of %d digits, want %d to %d", c.TxCodeLength, minTxCodeLength, maxTxCodeLength)
	}
	if c.TxCodeAttempts < 1 || c.TxCodeAttempts > maxTxCodeAttempts {
		bad("%d attempts at a transaction code, want 1 to %d", c.TxCodeAttempts, maxTxCodeAttempts)
	}
	return c, errors.Join(errs...)
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
