package bolt

import (
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
)

// Defer implements issuance.TransactionStore, step by step.
func (s *Store) Defer(ctx context.Context, in issuance.Intent, d issuance.Transaction, since time.Time, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.mayDraw(in); err != nil { // steps 1 and 2
			return err
		}
		if err := t.mayHave(in.Wallet.Unit, d.Document, in.Granted, since); err != nil { // step 3
			return err
		}
		t.draw(in)                                              // step 4
		if id := t.get(waitingBucket, d.Holder[:]); id != nil { // step 5
			if _, err := t.forgetTransaction(issuance.Digest(id)); err != nil {
				return err
			}
		}
		if err := t.putTransaction(d); err != nil { // step 6
			return err
		}
		return s.note(t, did)
	})
}

func (t *tx) putTransaction(d issuance.Transaction) error {
	t.put(waitingBucket, d.Holder[:], d.ID[:])
	t.expire(d.Expires, transactionBucket, d.ID[:])
	if d.Approval == issuance.ApprovalAwaited {
		t.put(awaitingBucket, after(moment(d.Created), d.ID[:]), nil)
	}
	return t.putRecord(transactionBucket, d.ID[:], d)
}

// transaction reads one that has not expired.
func (t *tx) transaction(id issuance.Digest, now time.Time) (issuance.Transaction, error) {
	var d issuance.Transaction
	known, err := t.record(transactionBucket, id[:], &d)
	if err == nil && (!known || !d.Expires.After(now)) {
		err = issuance.ErrTransactionNotFound
	}
	if err != nil {
		return issuance.Transaction{}, err
	}
	return d, nil
}

// forgetTransaction deletes one, and all that leads to it, and says whether
// there was one.
func (t *tx) forgetTransaction(id issuance.Digest) (bool, error) {
	var d issuance.Transaction
	if known, err := t.record(transactionBucket, id[:], &d); err != nil || !known {
		return false, err
	}
	t.delete(transactionBucket, id[:])
	t.delete(waitingBucket, d.Holder[:])
	t.delete(awaitingBucket, after(moment(d.Created), id[:]))
	t.delete(expiryBucket, after(moment(d.Expires), []byte{letters[transactionBucket]}, id[:]))
	return true, nil
}

// Transaction implements issuance.TransactionStore.
func (s *Store) Transaction(ctx context.Context, id issuance.Digest, now time.Time) (d issuance.Transaction, err error) {
	err = s.view(ctx, func(t *tx) error {
		d, err = t.transaction(id, now)
		return err
	})
	return d, err
}

// ReturnTransaction implements issuance.TransactionStore.
func (s *Store) ReturnTransaction(ctx context.Context, d issuance.Transaction) error {
	return s.update(ctx, func(t *tx) error {
		if t.has(waitingBucket, d.Holder[:]) || t.has(transactionBucket, d.ID[:]) {
			return nil
		}
		return t.putTransaction(d)
	})
}

// EndTransaction implements issuance.TransactionStore.
func (s *Store) EndTransaction(ctx context.Context, id issuance.Digest, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		known, err := t.forgetTransaction(id)
		if err == nil && !known {
			err = issuance.ErrTransactionNotFound
		}
		if err != nil {
			return err
		}
		return s.note(t, did)
	})
}

// Awaiting implements issuance.TransactionStore.
func (s *Store) Awaiting(ctx context.Context, now time.Time, limit int) ([]issuance.Transaction, error) {
	var all []issuance.Transaction
	err := s.view(ctx, func(t *tx) error {
		return t.scan(awaitingBucket, nil, func(key, _ []byte) error {
			if len(all) >= limit {
				return errEnough
			}
			d, err := t.transaction(issuance.Digest(key[8:]), now)
			switch err {
			case nil:
				all = append(all, d)
			case issuance.ErrTransactionNotFound: // expired, not swept yet
				err = nil
			}
			return err
		})
	})
	return all, err
}

// Decide implements issuance.TransactionStore.
func (s *Store) Decide(ctx context.Context, id issuance.Digest, word issuance.Approval, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		d, err := t.transaction(id, did.Time)
		switch {
		case err != nil:
			return err
		case d.Approval == word:
			return nil
		case d.Approval != issuance.ApprovalAwaited || word != issuance.ApprovalGiven && word != issuance.ApprovalRefused:
			return issuance.ErrDecided
		}
		t.delete(awaitingBucket, after(moment(d.Created), d.ID[:]))
		d.Approval = word
		if err := t.putRecord(transactionBucket, d.ID[:], d); err != nil {
			return err
		}
		return s.note(t, did)
	})
}
