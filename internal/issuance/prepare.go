package issuance

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Prepared is a batch that was judged, recorded and built, down to the exact
// bytes to be signed. Sign or Discard ends it.
type Prepared struct {
	s      *Service
	intent Intent
	access Access
	signer *Signer
	copies []catalog.Prepared
	ended  atomic.Bool
}

// Issue serves a credential request: Prepare, then Sign.
func (s *Service) Issue(ctx context.Context, a Access, r *oid4vci.CredentialRequest) (*oid4vci.CredentialResponse, error) {
	p, err := s.Prepare(ctx, a, r)
	if err != nil {
		return nil, err
	}
	return p.Sign(ctx)
}

// Prepare judges a request and records the intent to sign. Until RecordIntent,
// its one atomic step, nothing is consumed: a wallet whose request was refused
// may correct it and use the same nonce.
func (s *Service) Prepare(ctx context.Context, a Access, r *oid4vci.CredentialRequest) (*Prepared, error) {
	cfg, err := s.choose(ctx, a, r)
	if err != nil {
		return nil, err
	}
	if r.ResponseEncryption != nil {
		return nil, problem.New(problem.InvalidEncryptionParameters, "encrypted responses are not offered")
	}
	now := s.p.Clock.Now()
	var nonce usedNonce
	proofs, err := r.VerifyProofs(oid4vci.ProofRules{
		Issuer: s.cfg.Issuer, ClientID: a.ClientID, Anonymous: a.ClientID == "",
		CheckNonce: s.check(&nonce, now), Now: now, BatchSize: min(cfg.BatchSize, maxBatch),
	})
	if err != nil {
		return nil, err
	}
	signer, err := s.p.Signers.Signer(ctx, cfg.Signer)
	if err != nil {
		return nil, unavailable(err)
	}
	raw, err := s.random(16)
	if err != nil {
		return nil, err
	}
	p := &Prepared{s: s, access: a, signer: signer, intent: Intent{
		Batch: jose.EncodeBase64URL(raw), Person: a.Person, Document: a.Documents[cfg.ID], Configuration: cfg.ID,
		Nonce: nonce.digest, NonceExpires: nonce.expires.Add(onceMargin),
		TokenID: a.TokenID, TokenBatches: s.cfg.TokenBatches, TokenExpires: a.Expires.Add(onceMargin),
		Granted: a.Granted, Wallet: Wallet{Unit: s.WalletUnit(a.Thumbprint)},
		Count: len(proofs), Status: StatusKind(cfg.Status), SignerKeyID: signer.KeyID, Recorded: now,
	}}
	batch, indices, err := p.record(ctx, cfg)
	if err != nil {
		return nil, err
	}
	faults.Point("issuance.intended")
	if err := p.build(ctx, batch, proofs, indices); err != nil {
		return nil, p.burn(ctx, err)
	}
	return p, nil
}

// record resolves the record and writes the intent. A registry event that
// comes between the two makes it read again.
func (p *Prepared) record(ctx context.Context, cfg *catalog.Configuration) (*catalog.Batch, []StatusIndex, error) {
	for try := 0; ; try++ {
		batch, err := p.resolve(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		indices, err := p.s.p.Store.RecordIntent(ctx, p.intent, p.event(audit.Intent, nil))
		switch {
		case err == nil:
			return batch, indices, nil
		case errors.Is(err, ErrNonceUsed):
			return nil, nil, errNonceUsed
		case errors.Is(err, ErrTokenSpent):
			err := problem.New(problem.InvalidToken, "the access token has been used up for this credential")
			return nil, nil, p.s.deny(ctx, p.access, cfg.ID, "token spent", err)
		case errors.Is(err, ErrGrantVoid):
			err := problem.New(problem.InvalidToken, "the offer behind the access token ended: a new one is needed")
			return nil, nil, p.s.deny(ctx, p.access, cfg.ID, "grant void", err)
		case errors.Is(err, ErrWalletRevoked):
			err := problem.New(problem.CredentialRequestDenied, "this cannot be issued to this wallet")
			return nil, nil, p.s.deny(ctx, p.access, cfg.ID, "wallet revoked", err)
		case errors.Is(err, ErrStale) && try < staleRetries:
			continue
		}
		return nil, nil, unavailable(err)
	}
}

// errClockBack: nothing can be said of the rights of a person at an instant
// before the one up to which the record was evaluated.
var errClockBack = errors.New("the clock is behind the person's record")

// resolve turns the person's record into the values of the batch, and puts
// what was found into the intent.
func (p *Prepared) resolve(ctx context.Context, cfg *catalog.Configuration) (*catalog.Batch, error) {
	subject, err := p.s.p.Records.Subject(ctx, p.intent.Person)
	if err != nil {
		return nil, p.denied(ctx, err)
	}
	doc := subject.Document(p.intent.Document)
	if doc == nil {
		return nil, p.denied(ctx, problem.New(problem.NotFound, "no such document"))
	}
	now := p.s.p.Clock.Now()
	if subject.Evaluated.After(now) {
		// Our clock was set back. By it a measure may not have begun yet whose
		// effect is done: a copy made now would never be revoked.
		return nil, unavailable(errClockBack)
	}
	batch, err := cfg.NewBatch(subject, *doc, now, p.signer.Terms)
	if err != nil {
		return nil, p.denied(ctx, err)
	}
	p.intent.Version = subject.Version
	p.intent.Issued, p.intent.Expires = batch.Validity()
	return batch, nil
}

// denied tells the wallet that it is no use to try again (section 8.3.1.2),
// unless nobody knows.
func (p *Prepared) denied(ctx context.Context, err error) error {
	switch problem.KindOf(err) {
	case problem.CredentialRequestDenied, problem.NotFound:
		denial := problem.Wrap(problem.CredentialRequestDenied, err, "this cannot be issued")
		return p.s.deny(ctx, p.access, p.intent.Configuration, "not issuable", denial)
	}
	return unavailable(err)
}

// build makes the exact bytes of every copy. What fails here is our own
// mistake: nothing is released and an alarm is due (a 500 in the log).
func (p *Prepared) build(ctx context.Context, batch *catalog.Batch, proofs []oid4vci.Proof, indices []StatusIndex) error {
	if p.intent.Status != StatusNone && len(indices) != len(proofs) {
		return problem.New(problem.Internal, "%d status indices for %d copies", len(indices), len(proofs))
	}
	p.copies = make([]catalog.Prepared, len(proofs))
	return p.s.parallel(ctx, len(proofs), func(i int) error {
		c := catalog.Copy{Key: proofs[i].Key}
		switch p.intent.Status {
		case StatusList:
			c.ListURI, c.Index = indices[i].List, indices[i].Index
		case StatusIdentifier:
			c.ListURI, c.Identifier = indices[i].List, indices[i].Identifier
		}
		var err error
		if p.copies[i], err = batch.Prepare(c, p.s.p.Rand); err != nil {
			return problem.Wrap(problem.Internal, err, "preparing a copy")
		}
		return nil
	})
}

// event is the audit entry of the batch. The number of the document names a
// person as well as theirs does: only the store has it, beside the batch.
func (p *Prepared) event(outcome string, more map[string]string) audit.Event {
	detail := map[string]string{
		"batch": p.intent.Batch, "configuration": p.intent.Configuration, "count": strconv.Itoa(p.intent.Count),
		"key": p.intent.SignerKeyID, "session": p.access.TokenID,
	}
	for k, v := range more {
		detail[k] = v
	}
	return audit.Event{
		Time: p.s.p.Clock.Now(), Action: "credential.sign", Person: p.intent.Person, Actor: p.access.actor(), Outcome: outcome, Detail: detail,
	}
}

// burn ends a batch that will not be signed: its indices are lost for good.
// It works on when the wallet has gone away, and returns why.
func (p *Prepared) burn(ctx context.Context, cause error) error {
	p.ended.Store(true)
	err := p.markBurned(ctx, map[string]string{"problem": string(problem.KindOf(cause))})
	if err != nil {
		return unavailable(errors.Join(cause, err))
	}
	return cause
}

// Discard gives up a batch that was not signed. One that has ended is left
// alone.
func (p *Prepared) Discard(ctx context.Context) error {
	if p.ended.Swap(true) {
		return nil
	}
	if err := p.markBurned(ctx, map[string]string{"reason": "discarded"}); err != nil {
		return unavailable(err)
	}
	return nil
}

func (p *Prepared) markBurned(ctx context.Context, detail map[string]string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), burnTimeout)
	defer cancel()
	return p.s.p.Store.MarkBurned(ctx, p.intent.Batch, p.event(audit.Failed, detail))
}
