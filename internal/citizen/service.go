package citizen

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/problem"
)

// Actions in the record.
const (
	ActionCode = "citizen.code" // a revocation code was made
	ActionUse  = "citizen.use"  // one was used
)

// actor of the deeds of a person: who it was stands under a pseudonym.
const actor = "holder"

// Wallets takes back wallet units.
type Wallets interface {
	// Lost revokes the copies in a unit of a person, which gets no more. What it
	// did is durable when it returns nil. key names the deed: a repeat with the
	// same key changes nothing and returns nil. Kind NotFound when the unit holds
	// nothing of the person.
	Lost(ctx context.Context, person, unit, key string) error
}

// Parts are what a Service works with; all are required.
type Parts struct {
	Store   Store
	Wallets Wallets
	Clock   clock.Clock
	Rand    io.Reader
}

// Service makes and takes revocation codes. Safe for concurrent use.
type Service struct{ p Parts }

// New makes a service.
func New(p Parts) (*Service, error) {
	if p.Store == nil || p.Wallets == nil || p.Clock == nil || p.Rand == nil {
		return nil, errors.New("citizen: store, wallets, clock and rand are required")
	}
	return &Service{p}, nil
}

// Make makes a code for one of the person's wallet units. It is shown once and
// kept by nobody here.
func (s *Service) Make(ctx context.Context, person, unit string) (string, error) {
	if person == "" || unit == "" {
		return "", problem.New(problem.NotFound, "no such wallet")
	}
	code, err := newCode(s.p.Rand)
	if err != nil {
		return "", unavailable(err)
	}
	digest, ok := digestOf(code)
	if !ok {
		return "", problem.New(problem.Internal, "a code of ours does not read")
	}
	now := s.p.Clock.Now()
	c := Code{Digest: digest, Person: person, Unit: unit, Expires: now.Add(CodeLifetime)}
	err = s.p.Store.PutCode(ctx, c, audit.Event{Time: now, Action: ActionCode, Actor: actor, Person: person, Outcome: audit.Done})
	if err != nil {
		return "", unavailable(err)
	}
	return code, nil
}

// Use revokes a wallet by a code as a person typed it. In the chain of the
// refusal (kind AccessDenied) of what is none is ErrCode. The wallet goes first
// and the code after it.
func (s *Service) Use(ctx context.Context, typed string) error {
	digest, ok := digestOf(typed)
	if !ok {
		return errCode
	}
	now := s.p.Clock.Now()
	c, err := s.p.Store.Code(ctx, digest, now)
	switch {
	case errors.Is(err, ErrCode):
		return errCode
	case err != nil:
		return unavailable(err)
	}
	// A unit that holds nothing any more needs no revocation.
	if err := s.lost(ctx, c.Person, c.Unit, "code-"+hex.EncodeToString(digest[:16])); err != nil && problem.KindOf(err) != problem.NotFound {
		return err
	}
	err = s.p.Store.EndCode(ctx, digest, audit.Event{Time: now, Action: ActionUse, Actor: actor, Person: c.Person, Outcome: audit.Done})
	switch {
	case errors.Is(err, ErrCode): // another use came first
		return errCode
	case err != nil:
		return unavailable(err)
	}
	return nil
}

var errCode = problem.Wrap(problem.AccessDenied, ErrCode, "this code is not valid")

// Revoke takes back a wallet unit of a person who has logged in. A repeat changes
// nothing.
func (s *Service) Revoke(ctx context.Context, person, unit string) error {
	if person == "" || unit == "" {
		return problem.New(problem.NotFound, "no such wallet")
	}
	d := sha256.Sum256([]byte(fmt.Sprintf("%d %s %s", len(person), person, unit)))
	return s.lost(ctx, person, unit, "unit-"+hex.EncodeToString(d[:16]))
}

func (s *Service) lost(ctx context.Context, person, unit, key string) error {
	err := s.p.Wallets.Lost(ctx, person, unit, key)
	if err != nil && problem.KindOf(err) == problem.Internal {
		return unavailable(err)
	}
	return err
}

// Sweep forgets what has expired, in small steps.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		n, err := s.p.Store.SweepCodes(ctx, s.p.Clock.Now(), sweepBatch)
		if err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

// unavailable is for what the store did not say clearly: try again.
func unavailable(err error) error { return problem.Wrap(problem.Unavailable, err, "try again later") }
