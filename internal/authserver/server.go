package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/problem"
)

// Subjects knows who may be given what.
type Subjects interface {
	// Eligible returns nil when the person may now be given copies of these
	// documents (configuration id -> document number): the person is alive
	// and known, each document is his and in force. A problem of kind
	// CredentialRequestDenied or NotFound says no; every other error means that nobody
	// knows. A no that has ErrNotNow in its chain may become a yes by itself.
	// Its answer may be outdated the next instant: issuance asks again.
	Eligible(ctx context.Context, person string, documents map[string]string) error
}

// ErrNotNow is in the chain of a denial of Subjects that does not last: the
// document is withdrawn for a while, not ready yet, or waits for somebody's
// approval. A code or a refresh token then still gives an access token, with
// which the wallet learns from the credential endpoint that it has to wait. A
// denial without it is for good and ends a refresh token.
var ErrNotNow = errors.New("not now")

// ErrAttestationRevoked is in the chain of what AttestationStatus says of a
// wallet unit that its provider revoked. Every other error of it means that
// nobody knows, and the request is refused until somebody does.
var ErrAttestationRevoked = errors.New("wallet attestation revoked")

// Parts are what a Server works with; all are required but the last two.
type Parts struct {
	Store    Store
	Subjects Subjects
	Audit    audit.Writer
	Clock    clock.Clock
	Rand     io.Reader

	// Unit names the wallet unit that holds a key, by the thumbprint of that, as
	// issuance does: so a unit that was revoked has no refresh token any more.
	// nil: refresh tokens outlive the revocation of their unit.
	Unit func(thumbprint string) string
	// AttestationStatus looks the entries of an attestation up; instance is the
	// thumbprint of the key that it attests. nil: only issuance looks at them.
	AttestationStatus func(ctx context.Context, instance string, refs []StatusRef) error
}

// Server is the authorization server. Safe for concurrent use.
type Server struct {
	cfg     Config
	secrets secrets
	p       Parts
}

// New checks the configuration and makes a server.
func New(cfg Config, parts Parts) (*Server, error) {
	if parts.Store == nil || parts.Subjects == nil || parts.Audit == nil || parts.Clock == nil || parts.Rand == nil {
		return nil, errors.New("authserver: store, subjects, audit, clock and rand are required")
	}
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	s, err := newSecrets(cfg.Secret)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	cfg.Secret = nil // only the derived keys are kept
	return &Server{cfg: cfg, secrets: s, p: parts}, nil
}

// Sweep forgets what has expired, in small steps.
func (s *Server) Sweep(ctx context.Context) error {
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

// record appends to the audit log. What cannot be recorded must not happen:
// the caller answers with the error. It fills in the time; what a peer sent is
// cut to what the record takes.
func (s *Server) record(ctx context.Context, e audit.Event) error {
	if err := s.p.Audit.Append(ctx, s.event(e)); err != nil {
		return unavailable(err)
	}
	return nil
}

// event is what goes on record, now, with nothing in it that the record does
// not take.
func (s *Server) event(e audit.Event) audit.Event {
	for k, v := range e.Detail {
		e.Detail[k] = auditWord(v)
	}
	e.Time, e.Actor = s.p.Clock.Now(), auditWord(e.Actor)
	return e
}

// auditWord cuts what a peer sent to what the record takes: at most 256 bytes
// of printable text.
func auditWord(s string) string {
	if s == "" {
		return "none"
	}
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return '?'
	}, s)
	for len(s) > 256 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// unavailable is for what the store did not say clearly: the wallet may try
// again.
func unavailable(err error) error {
	return problem.Wrap(problem.Unavailable, err, "try again later")
}
