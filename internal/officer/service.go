package officer

import (
	"context"
	"crypto"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"vidimus/internal/aesgcm"
	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Records reads what the registries said.
type Records interface {
	// Subject reads the present state of a person. A problem of kind NotFound
	// says that there is nobody.
	Subject(ctx context.Context, person string) (document.Subject, error)
	// Holder gives the person number of a document. NotFound likewise.
	Holder(ctx context.Context, document string) (person string, err error)
}

// Inbox takes the events of the console as it takes those of a registry.
type Inbox interface {
	// Accept takes one token of the source peer. Nil means that the event is
	// durable and has its effect. A problem of kind Unavailable, Internal or
	// RateLimited leaves open whether it is; every other refusal is final.
	Accept(ctx context.Context, peer, token string) error
	// LastSeq is the number of the last accepted event of the source, 0 before
	// the first.
	LastSeq(ctx context.Context, source string) (uint64, error)
	// Accepted says whether an event of this name was accepted.
	Accepted(ctx context.Context, source, jti string) (bool, error)
}

// Trail reads the audit record back, for auditors.
type Trail interface {
	// AuditSize is how many lines there are, and the end of the record.
	AuditSize(ctx context.Context) (uint64, audit.Head, error)
	// AuditLines gives lines in order from number from (the first is 1), at
	// most limit. The line is only lent.
	AuditLines(ctx context.Context, from uint64, limit int, each func(seq uint64, line []byte) error) error
}

// Config is the public, unchecked configuration.
type Config struct {
	// Source names the console among the registries: iss of its events.
	// Audience is the office: aud.
	Source, Audience string
	// LoginURL is what a login link begins with; the secret follows.
	LoginURL string
	Officers []Officer
	// Table says what a measure does to copies, for Preview.
	Table document.Table
}

// Parts are what a Service works with; all are required.
type Parts struct {
	Store   Store
	Records Records
	Inbox   Inbox
	Trail   Trail
	Audit   audit.Writer
	// Key signs the console's events with ES256; KeyID is its kid.
	Key   crypto.Signer
	KeyID string
	Clock clock.Clock
	Rand  io.Reader // safe for concurrent use, as crypto/rand.Reader is
}

// Service is who may do what at the console. Safe for concurrent use.
type Service struct {
	cfg      Config
	p        Parts
	officers directory
	signer   *jose.Signer
	sealer   cipher.AEAD

	// sending is held while an event is numbered, signed and accepted: one
	// source counts without a gap.
	sending sync.Mutex
	// unsent are confirmed proposals of which nobody knows whether the inbox
	// accepted them.
	unsent map[string]bool
	// repaired: Repair came to its end since the start.
	repaired bool
}

// New checks the configuration and makes a service. Call Repair before the
// first officer comes.
func New(cfg Config, parts Parts) (*Service, error) {
	if parts.Store == nil || parts.Records == nil || parts.Inbox == nil || parts.Trail == nil || parts.Audit == nil ||
		parts.Key == nil || parts.Clock == nil || parts.Rand == nil {
		return nil, errors.New("officer: store, records, inbox, trail, audit, key, clock and rand are required")
	}
	if !within(cfg.Source, 2*maxID, visibleByte) || cfg.Audience == "" || !strings.HasSuffix(cfg.LoginURL, "/") || cfg.Table == nil {
		return nil, errors.New("officer: source, audience, a table of effects and a login URL that ends in / are required")
	}
	if alg, err := jose.AlgorithmFor(parts.Key.Public()); err != nil || alg != "ES256" {
		return nil, errors.New("officer: the key of the console is not on P-256")
	}
	officers, err := newDirectory(cfg.Officers)
	if err != nil {
		return nil, fmt.Errorf("officer: %w", err)
	}
	signer, err := jose.NewSigner(parts.Key, map[string]any{"typ": "secevent+jwt", "kid": parts.KeyID})
	if err != nil {
		return nil, fmt.Errorf("officer: %w", err)
	}
	s := &Service{cfg: cfg, p: parts, officers: officers, signer: signer, unsent: map[string]bool{}}
	// The key lives as long as the process: after a restart look-ups are made
	// again.
	var key [secretSize]byte
	if _, err := io.ReadFull(parts.Rand, key[:]); err != nil {
		return nil, fmt.Errorf("officer: %w", err)
	}
	s.sealer, err = aesgcm.New(key[:])
	return s, err
}

// Officers lists the accounts of the configuration.
func (s *Service) Officers() []Officer { return append([]Officer(nil), s.cfg.Officers...) }

// Name gives the name of an officer, or the id when the configuration no longer
// has the account.
func (s *Service) Name(id string) string {
	if o, ok := s.officers.byID[id]; ok {
		return o.Name
	}
	return id
}

// Source names the console among the registries.
func (s *Service) Source() string { return s.cfg.Source }

// Sweep forgets links, sessions and proposals that ended long ago.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		n, err := s.p.Store.SweepOfficers(ctx, s.p.Clock.Now().Add(-proposalRetention), sweepBatch)
		if err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

// Allow checks the matrix, for a page that prepares a deed. A refusal is
// audited; when it cannot be, it stays a refusal.
func (s *Service) Allow(ctx context.Context, l Login, p Power) error { return s.allow(ctx, l, p) }

func (s *Service) allow(ctx context.Context, l Login, p Power) error {
	if l.Officer.May(p) {
		return nil
	}
	err := problem.New(problem.AccessDenied, "the roles of this officer do not cover it")
	return s.refuse(ctx, l, string(p), err)
}

// refuse records what an officer tried that an officer may not.
func (s *Service) refuse(ctx context.Context, l Login, what string, err error) error {
	auditErr := s.p.Audit.Append(ctx, s.event(ActionRefuse, l.Officer.ID, "console", audit.Denied, map[string]string{
		"reason": what, "role": l.Officer.roles(), "problem": string(problem.KindOf(err)),
	}))
	if auditErr != nil {
		return unavailable(errors.Join(err, auditErr))
	}
	return err
}

// random gives size bytes in base64url.
func (s *Service) random(size int) (string, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(s.p.Rand, b); err != nil {
		return "", unavailable(err)
	}
	return jose.EncodeBase64URL(b), nil
}

// digestOf reads a secret of ours; false when it cannot be one.
func digestOf(secret string) (Digest, bool) {
	raw, err := jose.DecodeBase64URL(secret)
	if err != nil || len(raw) != secretSize {
		return Digest{}, false
	}
	return sha256.Sum256(raw), true
}

// unavailable is for what the store or a key did not say clearly.
func unavailable(err error) error {
	if problem.KindOf(err) != problem.Internal {
		return err
	}
	return problem.Wrap(problem.Unavailable, err, "try again later")
}
