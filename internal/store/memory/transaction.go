package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
)

// saidID names what a wallet said.
type saidID struct{ batch, event string }

// Defer implements issuance.TransactionStore, step by step.
func (s *Store) Defer(ctx context.Context, in issuance.Intent, t issuance.Transaction, since time.Time, did audit.Event) error {
	return s.step(ctx, func() error {
		if err := s.mayDraw(in); err != nil { // steps 1 and 2
			return err
		}
		if !s.wallets[in.Wallet.Unit].revoked.IsZero() && in.Wallet.Unit != "" { // step 3
			return issuance.ErrWalletRevoked
		}
		v := s.voids[t.Document]
		if void, forGood := v.of(in.Granted); void && (forGood || since.IsZero() || v.last.Before(since)) {
			return issuance.ErrGrantVoid
		}
		s.draw(in) // step 4
		for id, other := range s.transactions {
			if other.Holder == t.Holder { // step 5
				drop(s, s.transactions, id)
			}
		}
		t.Sealed = slices.Clone(t.Sealed)
		put(s, s.transactions, t.ID, t) // step 6
		return s.note(did)
	})
}

// mayDraw tells whether a nonce and a token are good for one more request.
func (s *Store) mayDraw(in issuance.Intent) error {
	if _, used := s.nonces[in.Nonce]; used && in.Nonce != (issuance.Digest{}) {
		return issuance.ErrNonceUsed
	}
	if s.uses[useID{in.TokenID, in.Configuration}].count >= in.TokenBatches {
		return issuance.ErrTokenSpent
	}
	return nil
}

// draw uses them up.
func (s *Store) draw(in issuance.Intent) {
	if in.Nonce != (issuance.Digest{}) {
		put(s, s.nonces, in.Nonce, in.NonceExpires)
	}
	id := useID{in.TokenID, in.Configuration}
	drawn := s.uses[id]
	if drawn.count++; drawn.count == 1 {
		drawn.until = in.TokenExpires
	}
	put(s, s.uses, id, drawn)
}

func (s *Store) transaction(id issuance.Digest, now time.Time) (issuance.Transaction, error) {
	t, known := s.transactions[id]
	if !known || !t.Expires.After(now) {
		return issuance.Transaction{}, issuance.ErrTransactionNotFound
	}
	t.Sealed = slices.Clone(t.Sealed)
	return t, nil
}

// Transaction implements issuance.TransactionStore.
func (s *Store) Transaction(ctx context.Context, id issuance.Digest, now time.Time) (t issuance.Transaction, err error) {
	err = s.step(ctx, func() error {
		t, err = s.transaction(id, now)
		return err
	})
	return t, err
}

// ReturnTransaction implements issuance.TransactionStore.
func (s *Store) ReturnTransaction(ctx context.Context, t issuance.Transaction) error {
	return s.step(ctx, func() error {
		for _, other := range s.transactions {
			if other.Holder == t.Holder || other.ID == t.ID {
				return nil
			}
		}
		t.Sealed = slices.Clone(t.Sealed)
		put(s, s.transactions, t.ID, t)
		return nil
	})
}

// EndTransaction implements issuance.TransactionStore.
func (s *Store) EndTransaction(ctx context.Context, id issuance.Digest, did audit.Event) error {
	return s.step(ctx, func() error {
		if _, known := s.transactions[id]; !known {
			return issuance.ErrTransactionNotFound
		}
		drop(s, s.transactions, id)
		return s.note(did)
	})
}

// Awaiting implements issuance.TransactionStore.
func (s *Store) Awaiting(ctx context.Context, now time.Time, limit int) (all []issuance.Transaction, err error) {
	err = s.step(ctx, func() error {
		for id := range s.transactions {
			if t, err := s.transaction(id, now); err == nil && t.Approval == issuance.ApprovalAwaited {
				all = append(all, t)
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b issuance.Transaction) int {
		return cmp.Or(a.Created.Compare(b.Created), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all[:min(len(all), max(limit, 0))], err
}

// Decide implements issuance.TransactionStore.
func (s *Store) Decide(ctx context.Context, id issuance.Digest, word issuance.Approval, did audit.Event) error {
	return s.step(ctx, func() error {
		t, err := s.transaction(id, did.Time)
		switch {
		case err != nil:
			return err
		case t.Approval == word:
			return nil
		case t.Approval != issuance.ApprovalAwaited || word != issuance.ApprovalGiven && word != issuance.ApprovalRefused:
			return issuance.ErrDecided
		}
		t.Approval = word
		put(s, s.transactions, id, t)
		return s.note(did)
	})
}

// PutEvent implements issuance.EventStore.
func (s *Store) PutEvent(ctx context.Context, e issuance.Event) (added bool, err error) {
	err = s.step(ctx, func() error {
		if s.batches[e.Batch].state != issuance.StateSigned {
			return issuance.ErrBatchNotFound
		}
		if _, known := s.said[saidID{e.Batch, e.Event}]; !known {
			put(s, s.said, saidID{e.Batch, e.Event}, e.Recorded)
			added = true
		}
		return nil
	})
	return added, err
}

// Events implements issuance.EventStore.
func (s *Store) Events(ctx context.Context, batch string) (events []issuance.Event, err error) {
	err = s.step(ctx, func() error {
		for id, at := range s.said {
			if id.batch == batch {
				events = append(events, issuance.Event{Batch: batch, Event: id.event, Recorded: at})
			}
		}
		return nil
	})
	slices.SortFunc(events, func(a, b issuance.Event) int {
		return cmp.Or(a.Recorded.Compare(b.Recorded), cmp.Compare(a.Event, b.Event))
	})
	return events, err
}

// Wallets implements issuance.WalletStore.
func (s *Store) Wallets(ctx context.Context, after string, now time.Time, limit int) (units []issuance.Wallet, next string, err error) {
	err = s.step(ctx, func() error {
		var names []string
		for unit := range s.wallets {
			if unit > after {
				names = append(names, unit)
			}
		}
		slices.Sort(names)
		if len(names) >= limit {
			names = names[:limit]
			next = names[limit-1]
		}
		for _, unit := range names {
			w := s.wallets[unit]
			if w.revoked.IsZero() && w.end.After(now) && len(w.last.Attestations) > 0 {
				one := w.last
				one.Unit, one.Attestations = unit, issuance.MergeAttestations(one.Attestations, nil)
				units = append(units, one)
			}
		}
		return nil
	})
	return units, next, err
}
