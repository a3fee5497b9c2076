package issuance

import (
	"context"
	"errors"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/problem"
)

// record resolves the record and writes the intent. A registry event that
// comes between the two makes it read again.
func (p *Prepared) record(ctx context.Context) (*catalog.Batch, []StatusIndex, error) {
	for try := 0; ; try++ {
		batch, err := p.resolve(ctx)
		if err != nil {
			return nil, nil, err
		}
		indices, err := p.s.p.Store.RecordIntent(ctx, p.intent, p.event(audit.Intent, nil))
		switch {
		case err == nil:
			return batch, indices, nil
		case errors.Is(err, ErrStale) && try < staleRetries:
			continue
		}
		return nil, nil, p.refused(ctx, err)
	}
}

// refused turns a refusal of the store into one for the wallet.
func (p *Prepared) refused(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrNonceUsed):
		return errNonceUsed
	case errors.Is(err, ErrTransactionNotFound):
		return errNoTransaction
	case errors.Is(err, ErrTokenSpent):
		err := problem.New(problem.InvalidToken, "the access token has been used up for this credential")
		return p.s.deny(ctx, p.access, p.cfg.ID, "token spent", err)
	case errors.Is(err, ErrGrantVoid):
		err := problem.New(problem.CredentialRequestDenied, "the offer behind the access token ended: a new one is needed")
		return p.s.deny(ctx, p.access, p.cfg.ID, "grant void", p.final(err))
	case errors.Is(err, ErrStopped):
		// It is over one day: the wallet may come again.
		err := problem.New(problem.Unavailable, "nothing is issued here for now: try again later")
		return p.s.deny(ctx, p.access, p.cfg.ID, "stopped", err)
	case errors.Is(err, ErrWalletRevoked):
		return p.s.deny(ctx, p.access, p.cfg.ID, "wallet revoked", errWallet)
	}
	return unavailable(err)
}

var errWallet = problem.New(problem.CredentialRequestDenied, "this cannot be issued to this wallet")

// errClockBack: nothing can be said of the rights of a person at an instant
// before the one up to which the record was evaluated.
var errClockBack = errors.New("the clock is behind the person's record")

// resolve turns the person's record into the values of the batch, and puts
// what was found into the intent.
func (p *Prepared) resolve(ctx context.Context) (*catalog.Batch, error) {
	subject, err := p.s.p.Records.Subject(ctx, p.intent.Person)
	if err != nil {
		return nil, p.denied(ctx, err)
	}
	now := p.s.p.Clock.Now()
	if subject.Evaluated.After(now) {
		// Our clock was set back. By it a measure may not have begun yet whose
		// effect is done: a copy made now would never be revoked.
		return nil, unavailable(errClockBack)
	}
	doc := subject.Document(p.intent.Document)
	if doc == nil {
		return nil, p.denied(ctx, p.refusal(subject, problem.New(problem.NotFound, "no such document")))
	}
	batch, err := p.cfg.NewBatch(subject, *doc, now, p.terms)
	if err != nil {
		return nil, p.denied(ctx, p.refusal(subject, err))
	}
	p.intent.Version = subject.Version
	p.intent.Issued, p.intent.Expires = batch.Validity()
	return batch, nil
}

// denied tells the wallet that it is no use to try again (section 8.3.1.2),
// unless nobody knows, or it may wait.
func (p *Prepared) denied(ctx context.Context, err error) error {
	var final *FinalError
	if errors.As(err, &final) {
		return p.s.deny(ctx, p.access, p.intent.Configuration, "not issuable", err)
	}
	if waits(err) != nil {
		return err
	}
	switch problem.KindOf(err) {
	case problem.CredentialRequestDenied, problem.NotFound:
		return p.s.deny(ctx, p.access, p.intent.Configuration, "not issuable", denial(err))
	}
	return unavailable(err)
}
