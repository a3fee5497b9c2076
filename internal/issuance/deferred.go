package issuance

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

var errNoTransaction = problem.New(problem.InvalidTransactionID, "no request waits under this transaction_id")

// keptRequest is what is sealed of a request that waits.
type keptRequest struct {
	Keys     []json.RawMessage `json:"keys"` // JWK
	Statuses []keptStatus      `json:"statuses,omitempty"`
	Until    int64             `json:"until,omitempty"` // of the statuses, seconds since 1970
	Draft15  bool              `json:"draft15,omitempty"`
}

type keptStatus struct {
	List     string `json:"list"`
	Index    uint64 `json:"index"`
	Provider string `json:"provider,omitempty"`
}

func (k *keptRequest) keep(w keptWallet) {
	for _, at := range w.Attestations {
		k.Statuses = append(k.Statuses, keptStatus{at.List, at.Index, at.Provider})
	}
	if !w.Until.IsZero() {
		k.Until = w.Until.Unix()
	}
}

func (k *keptRequest) wallet() (w keptWallet) {
	for _, at := range k.Statuses {
		w.Attestations = append(w.Attestations, StatusIndex{List: at.List, Index: at.Index, Provider: at.Provider})
	}
	if k.Until != 0 {
		w.Until = time.Unix(k.Until, 0).UTC()
	}
	return w
}

// wait keeps the request and answers with a transaction id.
func (p *Prepared) wait(ctx context.Context, w *waiting, approval Approval, attested keptWallet) error {
	raw, err := p.s.random(32)
	if err != nil {
		return err
	}
	id := jose.EncodeBase64URL(raw)
	kept := keptRequest{Draft15: p.draft15}
	kept.keep(attested)
	for _, proof := range p.proofs {
		jwk, err := jose.MarshalPublicKey(proof.Key)
		if err != nil {
			return problem.Wrap(problem.Internal, err, "writing a key")
		}
		kept.Keys = append(kept.Keys, jwk)
	}
	body, err := json.Marshal(kept)
	if err != nil {
		return problem.Wrap(problem.Internal, err, "writing a request")
	}
	if len(body) > maxSealed {
		return problem.New(problem.InvalidProof, "the proofs are too large to wait for a document")
	}
	sealed, err := seal(sealedTransaction, id, body)
	if err != nil {
		return problem.Wrap(problem.Internal, err, "sealing a request")
	}
	now := p.intent.Recorded
	t := Transaction{
		ID: sha256.Sum256([]byte(id)), Holder: p.s.holder(p.access, p.intent.Configuration, p.intent.Document), Sealed: sealed,
		Person: p.intent.Person, Document: p.intent.Document, Configuration: p.intent.Configuration,
		Approval: approval, Created: now, Expires: now.Add(p.s.cfg.DeferLifetime),
	}
	if err := p.s.p.Store.Defer(ctx, p.intent, t, w.since, p.s.transactionEvent(p.access, t, "credential.defer", audit.Done)); err != nil {
		return p.refused(ctx, err)
	}
	p.s.p.Meter.Deferred(p.cfg.ID)
	p.deferred = p.s.later(id, w.until)
	return nil
}

// later is the answer 202: until is when the wait ends, zero when nobody knows.
func (s *Service) later(id string, until time.Time) *oid4vci.CredentialResponse {
	interval := s.cfg.DeferInterval
	if left := until.Sub(s.p.Clock.Now()); !until.IsZero() && left < interval {
		interval = max(left, min(minDeferInterval, interval))
	}
	seconds := int((interval + time.Second - 1) / time.Second)
	return &oid4vci.CredentialResponse{TransactionID: id, Interval: max(seconds, 1)}
}

// holder is whose a transaction is: the grant, the client, and the wallet unit
// or, where that has no name, the access token.
func (s *Service) holder(a Access, configuration, document string) Digest {
	key := a.unitKey()
	if key == "" {
		key = "token " + a.TokenID
	}
	m := hmac.New(sha256.New, s.secrets.transaction)
	for _, part := range []string{a.Grant, a.Person, a.ClientID, key, configuration, document} {
		m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		m.Write([]byte(part))
	}
	return Digest(m.Sum(nil))
}

// Deferred serves a request of the deferred endpoint (section 9): credentials,
// once, or the same transaction id again. Asking changes nothing until there is
// an answer. A *FinalError is in the chain of a refusal for good.
func (s *Service) Deferred(ctx context.Context, a Access, r *oid4vci.DeferredRequest) (*oid4vci.CredentialResponse, error) {
	if err := s.checkEncryption(r.ResponseEncryption, r.Encrypted); err != nil {
		return nil, err
	}
	t, err := s.transaction(ctx, a, r.TransactionID)
	if err != nil {
		return nil, err
	}
	switch t.Approval {
	case ApprovalAwaited:
		return s.later(r.TransactionID, time.Time{}), nil
	case ApprovalRefused:
		refusal := problem.New(problem.CredentialRequestDenied, "the office did not approve this request")
		return nil, s.end(ctx, a, t, s.deny(ctx, a, t.Configuration, "not approved", refusal))
	}
	turn, err := s.turns.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	p, err := s.resume(ctx, turn, a, t, r.TransactionID)
	if err == nil {
		err = p.complete(ctx)
	}
	if w := waits(err); w != nil {
		return s.later(r.TransactionID, w.until), nil
	}
	if err != nil {
		return nil, s.end(ctx, a, t, err)
	}
	out, err := p.Sign(ctx)
	if err != nil && problem.KindOf(err) == problem.Unavailable {
		// Nothing was released: the wallet may ask again. Should this fail too, it
		// has to begin anew.
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), burnTimeout)
		defer cancel()
		err = errors.Join(err, s.p.Store.ReturnTransaction(keep, t))
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// transaction reads the one that a wallet names. That of another is none.
func (s *Service) transaction(ctx context.Context, a Access, id string) (Transaction, error) {
	if id == "" || len(id) > maxTransactionID {
		return Transaction{}, errNoTransaction
	}
	t, err := s.p.Store.Transaction(ctx, sha256.Sum256([]byte(id)), s.p.Clock.Now())
	switch {
	case errors.Is(err, ErrTransactionNotFound):
		return Transaction{}, errNoTransaction
	case err != nil:
		return Transaction{}, unavailable(err)
	}
	holder := s.holder(a, t.Configuration, t.Document)
	if !hmac.Equal(holder[:], t.Holder[:]) || a.Documents[t.Configuration] != t.Document {
		return Transaction{}, errNoTransaction
	}
	return t, nil
}

// resume makes the batch of a request that waited. The wait itself is the
// grant: it began after what ended the grants of before, or that would have
// refused it.
func (s *Service) resume(ctx context.Context, turn *turn, a Access, t Transaction, id string) (*Prepared, error) {
	cfg, known := s.p.Catalog.Configuration(t.Configuration)
	if !known {
		return nil, s.deny(ctx, a, t.Configuration, "not issuable", denial(errors.New("the configuration is gone")))
	}
	body, err := unseal(sealedTransaction, id, t.Sealed)
	if err != nil {
		return nil, problem.Wrap(problem.Internal, err, "a transaction")
	}
	var kept keptRequest
	if err := jose.DecodeJSON(body, &kept); err != nil {
		return nil, problem.Wrap(problem.Internal, err, "a transaction")
	}
	p, err := s.begin(ctx, turn, a, cfg)
	if err != nil {
		return nil, err
	}
	for _, raw := range kept.Keys {
		key, err := jose.ParsePublicKey(raw)
		if err != nil {
			return nil, problem.Wrap(problem.Internal, err, "a transaction")
		}
		p.proofs = append(p.proofs, oid4vci.Proof{Key: crypto.PublicKey(key.Public)})
	}
	p.draft15 = kept.Draft15
	p.intent.Transaction, p.intent.Granted, p.intent.Recorded, p.intent.Count = t.ID, t.Created, s.p.Clock.Now(), len(p.proofs)
	if a.Granted.After(t.Created) { // a refreshed token may know of a later measure that the wallet waited for too
		p.intent.Granted = a.Granted
	}
	return p, p.meet(ctx, kept.wallet())
}

// end forgets a transaction that was refused for good, and returns why. What
// may pass leaves it waiting.
func (s *Service) end(ctx context.Context, a Access, t Transaction, cause error) error {
	switch problem.KindOf(cause) {
	case problem.CredentialRequestDenied, problem.InvalidToken, problem.InvalidProof:
	default:
		return cause
	}
	err := s.p.Store.EndTransaction(ctx, t.ID, s.transactionEvent(a, t, "credential.defer", audit.Denied))
	if err != nil && !errors.Is(err, ErrTransactionNotFound) {
		return unavailable(errors.Join(cause, err))
	}
	if problem.KindOf(cause) == problem.CredentialRequestDenied {
		return cause
	}
	return denial(cause)
}

func (s *Service) transactionEvent(a Access, t Transaction, action, outcome string) audit.Event {
	return audit.Event{
		Time: s.p.Clock.Now(), Action: action, Person: t.Person, Actor: a.actor(), Outcome: outcome,
		Detail: map[string]string{"configuration": t.Configuration, "digest": fmt.Sprintf("%x", t.ID), "session": a.TokenID},
	}
}
