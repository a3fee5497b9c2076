package memory

import (
	"context"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

// expiring is something to be forgotten, and how often it was used.
type expiring struct {
	until time.Time
	count int
}

type useID struct{ token, configuration string }

type batch struct {
	intent  issuance.Intent
	state   issuance.State
	list    *list // nil without status
	indices []uint32
}

const burned = issuance.StateBurned

// PutOffer implements issuance.OfferStore.
func (s *Store) PutOffer(ctx context.Context, o issuance.OfferRecord) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, known := s.offers[o.ID]; !known {
		o.Sealed = slices.Clone(o.Sealed)
		s.offers[o.ID] = o
	}
	return nil
}

// Offer implements issuance.OfferStore.
func (s *Store) Offer(ctx context.Context, id issuance.Digest, now time.Time) (issuance.OfferRecord, error) {
	if err := s.lock(ctx); err != nil {
		return issuance.OfferRecord{}, err
	}
	defer s.mu.Unlock()
	o, known := s.offers[id]
	if !known || !o.Expires.After(now) {
		return issuance.OfferRecord{}, issuance.ErrOfferNotFound
	}
	o.Sealed = slices.Clone(o.Sealed)
	return o, nil
}

// RecordIntent implements issuance.IntentStore.
func (s *Store) RecordIntent(ctx context.Context, in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	use := useID{in.TokenID, in.Configuration}
	withNonce := in.Nonce != issuance.Digest{}
	if _, used := s.nonces[in.Nonce]; withNonce && used {
		return nil, issuance.ErrNonceUsed
	}
	drawn := s.uses[use]
	if drawn != nil && drawn.count >= in.TokenBatches || in.TokenBatches < 1 {
		return nil, issuance.ErrTokenSpent
	}
	current, exists, err := s.subject(in.Person)
	if err != nil {
		return nil, err
	}
	if !exists || current.Version != in.Version {
		return nil, issuance.ErrStale
	}
	b := &batch{intent: in, state: issuance.StateIntended}
	if err := s.checkBatch(in); err != nil {
		return nil, err
	}
	note, err := s.note(will)
	if err != nil {
		return nil, err
	}
	var given []issuance.StatusIndex
	if in.Status {
		if b.list, b.indices, err = s.allocate(in); err != nil {
			return nil, err
		}
		for _, i := range b.indices {
			given = append(given, issuance.StatusIndex{List: b.list.URI, Index: uint64(i)})
		}
	}

	// From here on nothing fails.
	if withNonce {
		s.nonces[in.Nonce] = expiring{until: in.NonceExpires}
	}
	if drawn == nil {
		drawn = &expiring{until: in.TokenExpires}
		s.uses[use] = drawn
	}
	drawn.count++
	s.batches[in.Batch] = b
	s.byDocument[in.Document] = append(s.byDocument[in.Document], in.Batch)
	note()
	return given, nil
}

// checkBatch refuses what the service must not have sent.
func (s *Store) checkBatch(in issuance.Intent) error {
	if in.Batch == "" || in.Document == "" || in.Count < 1 || in.Count > status.ListSize/2 {
		return errIntent
	}
	if s.batches[in.Batch] != nil {
		return errIntent
	}
	return nil
}

// MarkSigned implements issuance.IntentStore.
func (s *Store) MarkSigned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, issuance.StateSigned, did)
}

// MarkBurned implements issuance.IntentStore.
func (s *Store) MarkBurned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, burned, did)
}

func (s *Store) move(ctx context.Context, id string, to issuance.State, did audit.Event) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	b := s.batches[id]
	if b == nil || b.state != issuance.StateIntended {
		return issuance.ErrNotIntended
	}
	note, err := s.note(did)
	if err != nil {
		return err
	}
	b.state = to
	note()
	return nil
}

// PutEvent implements issuance.EventStore.
func (s *Store) PutEvent(ctx context.Context, e issuance.Event) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if b := s.batches[e.Batch]; b == nil || b.state != issuance.StateSigned {
		return issuance.ErrBatchNotFound
	}
	e.Recorded = time.Time{} // the first one counts, and nobody asks when yet
	s.said[e] = true
	return nil
}

// Copies gives what is kept of every copy of a document, batch after batch in
// the order of recording.
func (s *Store) Copies(ctx context.Context, document string) ([]issuance.Copy, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var copies []issuance.Copy
	for _, id := range s.byDocument[document] {
		b := s.batches[id]
		for n := range b.intent.Count {
			c := issuance.Copy{
				Batch: id, Person: b.intent.Person, Document: document, Configuration: b.intent.Configuration,
				Issued: b.intent.Issued, Expires: b.intent.Expires, SignerKeyID: b.intent.SignerKeyID, State: b.state,
			}
			if b.list != nil {
				c.List, c.Index = b.list.URI, uint64(b.indices[n])
			}
			copies = append(copies, c)
		}
	}
	return copies, nil
}
