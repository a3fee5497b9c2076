package issuance

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Records reads the registries' state.
type Records interface {
	// Subject reads the present state of a person. A problem of kind NotFound
	// says that there is nobody; every other error, that nobody knows.
	Subject(ctx context.Context, person string) (document.Subject, error)
}

// Catalog knows the credential configurations.
type Catalog interface {
	Configuration(id string) (*catalog.Configuration, bool)
}

// Signer is a key with its certificate, proven to belong together.
type Signer struct {
	Key   crypto.Signer
	KeyID string   // for the records: the thumbprint of the key
	Chain [][]byte // DER, leaf first, without the anchor

	// Terms are what the certificate imposes on what it signs.
	Terms catalog.Terms
}

// Signers gives the signing key that a configuration names.
type Signers interface {
	// Signer returns the key of this name. An error means that it cannot be
	// used now.
	Signer(ctx context.Context, name string) (*Signer, error)
}

// Config is the public, unchecked configuration. The zero value of a duration
// or a number takes its default.
type Config struct {
	Issuer        string        // credential issuer identifier: the aud of proofs
	OffersURL     string        // of offers by reference: "/" and an id follow
	Secret        []byte        // at least 32 bytes, the same on every node and after every restart
	NonceLifetime time.Duration // default 5 min, at most 1 h
	TokenBatches  int           // batches that one access token may draw of a configuration; default 10
	Workers       int           // copies prepared and signed at once; default one per CPU

	// Places is how many requests are worked on at once, Queue how many may wait
	// for that: more are refused (Unavailable). Defaults 16 and 64 per CPU.
	Places, Queue int

	// Defer lets a wallet wait for a document that cannot be issued yet, or for
	// a person's approval: the metadata then name a deferred endpoint. Without
	// it such requests are denied.
	Defer         bool
	DeferLifetime time.Duration // of a transaction; default 30 days, at most 366
	DeferInterval time.Duration // between polls, where nobody knows better; default 10 min

	// Encrypt offers encrypted requests and responses; the others demand them.
	Encrypt                 bool
	RequireRequestEncrypted bool
	RequireAnswerEncrypted  bool
	KeyRotation             time.Duration // of the keys for requests; default 30 days, at least 1 h

	// OpenStatus issues to wallets whose status nobody can tell at present.
	// By default they have to wait (Unavailable), once nothing that was read
	// within a day is at hand.
	OpenStatus bool

	// Draft15 takes requests of wallets of the drafts up to 15 too, and gives
	// them a c_nonce with credentials.
	Draft15 bool
}

// Parts are what a Service works with; those up to Rand are required.
type Parts struct {
	Store   Store
	Records Records
	Catalog Catalog
	Signers Signers
	Audit   audit.Writer
	Clock   clock.Clock
	Rand    io.Reader // safe for concurrent use, as crypto/rand.Reader is

	// Attesters checks the chain of a key attestation (DER, leaf first, without
	// anchor) up to a wallet provider that is trusted, and gives the key of the
	// leaf and which provider that is; nil = nobody is. An error of kind
	// Unavailable says that nobody knows.
	Attesters func(x5c [][]byte) (key crypto.PublicKey, provider string, err error)
	// Status reads what wallet providers publish; nil = it is not read.
	Status StatusFetcher
	// Revoker ends wallet units; required with Status.
	Revoker Revoker
	Meter   Meter // nil = nobody counts
}

// Service issues credentials. Safe for concurrent use.
type Service struct {
	cfg     Config
	secrets secrets
	nonces  *oid4vci.NonceCodec
	keys    requestKeys
	lists   statusLists
	turns   *turns
	p       Parts
}

// New checks the configuration and makes a service.
func New(cfg Config, parts Parts) (*Service, error) {
	if parts.Store == nil || parts.Records == nil || parts.Catalog == nil || parts.Signers == nil || parts.Audit == nil || parts.Clock == nil || parts.Rand == nil {
		return nil, errors.New("issuance: store, records, catalog, signers, audit, clock and rand are required")
	}
	if parts.Status != nil && parts.Revoker == nil {
		return nil, errors.New("issuance: who reads the status of wallets needs a revoker")
	}
	if parts.Meter == nil {
		parts.Meter = silent{}
	}
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	s, err := newSecrets(cfg.Secret)
	if err != nil {
		return nil, fmt.Errorf("issuance: %w", err)
	}
	cfg.Secret = nil // only what is derived from it is kept
	nonces, err := oid4vci.NewNonceCodec(cfg.Issuer, cfg.NonceLifetime, s.nonce)
	if err != nil {
		return nil, fmt.Errorf("issuance: %w", err)
	}
	return &Service{
		cfg: cfg, secrets: s, nonces: nonces, p: parts, keys: requestKeys{secret: s.encryption, rotation: cfg.KeyRotation},
		turns: newTurns(cfg.Places, cfg.Queue),
		lists: statusLists{fetcher: parts.Status, marks: parts.Store, clock: parts.Clock, known: map[listName]*knownList{}},
	}, nil
}

func (c Config) checked() (Config, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("issuance: "+format, args...)) }
	if c.Issuer == "" || c.OffersURL == "" || strings.HasSuffix(c.OffersURL, "/") {
		bad("issuer and the URL of offers (without a trailing slash) are required")
	}
	if len(c.Secret) < minSecret {
		bad("the secret has %d bytes, at least %d are needed", len(c.Secret), minSecret)
	}
	if c.NonceLifetime == 0 {
		c.NonceLifetime = DefaultNonceLifetime
	}
	if c.TokenBatches == 0 {
		c.TokenBatches = DefaultTokenBatches
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Places == 0 {
		c.Places = placesPerCPU * runtime.GOMAXPROCS(0)
	}
	if c.Queue == 0 {
		c.Queue = queuePerCPU * runtime.GOMAXPROCS(0)
	}
	if c.DeferLifetime == 0 {
		c.DeferLifetime = DefaultDeferLifetime
	}
	if c.DeferInterval == 0 {
		c.DeferInterval = DefaultDeferInterval
	}
	if c.KeyRotation == 0 {
		c.KeyRotation = DefaultKeyRotation
	}
	if c.DeferLifetime < time.Minute || c.DeferLifetime > maxDeferLifetime || c.DeferInterval < time.Second || c.DeferInterval > c.DeferLifetime {
		bad("transactions of %v, asked for every %v: want at most %v and at least 1s", c.DeferLifetime, c.DeferInterval, maxDeferLifetime)
	}
	if c.KeyRotation < time.Hour {
		bad("keys for requests of %v, want at least 1h", c.KeyRotation)
	}
	if c.RequireRequestEncrypted && !c.Encrypt || c.RequireAnswerEncrypted && !c.RequireRequestEncrypted {
		bad("an encrypted answer can be asked for in an encrypted request alone, and that must be offered")
	}
	if c.NonceLifetime < time.Second || c.NonceLifetime > maxNonceLifetime {
		bad("nonce lifetime %v is not between 1s and %v", c.NonceLifetime, maxNonceLifetime)
	}
	if c.TokenBatches < 1 || c.TokenBatches > maxTokenBatches {
		bad("%d batches per token, want 1 to %d", c.TokenBatches, maxTokenBatches)
	}
	if c.Workers < 1 || c.Places < 1 || c.Queue < 1 {
		bad("%d workers, %d places, a queue of %d", c.Workers, c.Places, c.Queue)
	}
	return c, errors.Join(errs...)
}

// Sweep forgets what has expired, in small steps.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		n, err := s.p.Store.SweepExpired(ctx, s.p.Clock.Now(), sweepBatch)
		if err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

// Busy gives the refusal (Unavailable) that the next request would get because
// too many wait already, else nil: for who can refuse it before he has looked at
// who sends it.
func (s *Service) Busy() error { return s.turns.busy() }

// unavailable is for what the store or a key did not say clearly: the wallet
// may try again.
func unavailable(err error) error {
	return problem.Wrap(problem.Unavailable, err, "try again later")
}
