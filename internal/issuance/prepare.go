package issuance

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Prepared is a batch that was judged, recorded and built, down to the exact
// bytes to be signed. Sign or Discard ends it. Or it is a request whose wallet
// has to wait: Sign then gives the answer that says so.
type Prepared struct {
	s       *Service
	cfg     *catalog.Configuration
	intent  Intent
	access  Access
	signer  *Signer
	terms   catalog.Terms
	proofs  []oid4vci.Proof
	draft15 bool
	turn    *turn
	copies  []catalog.Prepared
	ended   atomic.Bool

	deferred *oid4vci.CredentialResponse // of a wallet that has to wait
}

// Issue serves a credential request: Prepare, then Sign. The answer has either
// credentials or, with status 202, a transaction id and an interval. When too
// many ask at once it refuses (Unavailable) before it has looked at anything.
func (s *Service) Issue(ctx context.Context, a Access, r *oid4vci.CredentialRequest) (*oid4vci.CredentialResponse, error) {
	turn, err := s.turns.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	p, err := s.prepare(ctx, turn, a, r)
	if err != nil {
		return nil, err
	}
	return p.Sign(ctx)
}

// Prepare judges a request and records the intent to sign. Until RecordIntent,
// its one atomic step, nothing is consumed: a wallet whose request was refused
// may correct it and use the same nonce. Where a person must approve, or the
// document cannot be issued yet, Defer is that step.
func (s *Service) Prepare(ctx context.Context, a Access, r *oid4vci.CredentialRequest) (*Prepared, error) {
	return s.prepare(ctx, nil, a, r)
}

func (s *Service) prepare(ctx context.Context, turn *turn, a Access, r *oid4vci.CredentialRequest) (*Prepared, error) {
	cfg, err := s.choose(ctx, a, r)
	if err != nil {
		return nil, err
	}
	if err := s.checkEncryption(r.ResponseEncryption, r.Encrypted); err != nil {
		return nil, err
	}
	now := s.p.Clock.Now()
	var nonce usedNonce
	var by string
	proofs, err := r.VerifyProofs(oid4vci.ProofRules{
		Issuer: s.cfg.Issuer, ClientID: a.ClientID, Anonymous: a.ClientID == "",
		CheckNonce: s.check(&nonce, now), Now: now, BatchSize: min(cfg.BatchSize, maxBatch), KeyAttestation: s.attestationRules(cfg, &by),
	})
	if err != nil {
		return nil, err
	}
	p, err := s.begin(ctx, turn, a, cfg)
	if err != nil {
		return nil, err
	}
	p.proofs, p.draft15 = proofs, r.Draft15
	p.intent.Nonce, p.intent.NonceExpires = nonce.digest, nonce.expires.Add(onceMargin)
	p.intent.Granted, p.intent.Recorded, p.intent.Count = a.Granted, now, len(proofs)
	attested, err := attestedWallet(proofs[0].Attestation, by)
	if err != nil {
		return nil, err
	}
	if err := p.meet(ctx, attested); err != nil {
		return nil, err
	}
	if cfg.Approval {
		err = p.askApproval(ctx, attested)
	} else if err = p.complete(ctx); waits(err) != nil {
		err = p.wait(ctx, waits(err), ApprovalNone, attested)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// begin makes a batch of nothing yet.
func (s *Service) begin(ctx context.Context, turn *turn, a Access, cfg *catalog.Configuration) (*Prepared, error) {
	signer, err := s.p.Signers.Signer(ctx, cfg.Signer)
	if err != nil {
		return nil, unavailable(err)
	}
	raw, err := s.random(batchSize)
	if err != nil {
		return nil, err
	}
	return &Prepared{s: s, turn: turn, cfg: cfg, access: a, signer: signer, terms: signer.Terms, intent: Intent{
		Batch: jose.EncodeBase64URL(raw), Person: a.Person, Document: a.Documents[cfg.ID], Configuration: cfg.ID,
		TokenID: a.TokenID, TokenBatches: s.cfg.TokenBatches, TokenExpires: a.Expires.Add(onceMargin),
		Status: StatusKind(cfg.Status), SignerKeyID: signer.KeyID,
	}}, nil
}

// meet notes which wallet unit asks, and until when its status is kept: no copy
// lives longer.
func (p *Prepared) meet(ctx context.Context, attested keptWallet) error {
	a := p.access
	p.intent.Wallet = Wallet{
		Unit: p.s.WalletUnit(a.unitKey()), Attestations: MergeAttestations(a.Attestations, attested.Attestations),
		Expires: earlier(a.AttestationsExpire, attested.Until),
	}
	p.terms.Until = p.intent.Wallet.Expires
	return p.turn.aside(ctx, func() error { return p.checkWallet(ctx, attested) })
}

// earlier of two instants, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// complete records the intent and builds the copies.
func (p *Prepared) complete(ctx context.Context) error {
	batch, indices, err := p.record(ctx)
	if err != nil {
		return err
	}
	faults.Point("issuance.intended")
	if err := p.build(ctx, batch, p.proofs, indices); err != nil {
		return p.burn(ctx, err)
	}
	return nil
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
	if p.access.ACR != "" {
		detail["assurance"] = p.access.assurance()
	}
	if p.intent.Transaction != (Digest{}) {
		detail["reason"] = "deferred"
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
	if p.ended.Swap(true) || p.deferred != nil {
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
