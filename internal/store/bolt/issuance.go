package bolt

import (
	"context"
	"errors"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/emergency"
	"vidimus/internal/faults"
	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

// errIntent: the service sent an intent that cannot be meant.
var errIntent = errors.New("intent without a new batch id, a document, a known kind of status or a count")

// PutOffer implements issuance.OfferStore.
func (s *Store) PutOffer(ctx context.Context, o issuance.OfferRecord) error {
	return s.update(ctx, func(t *tx) error {
		var held issuance.OfferRecord
		known, err := t.record(offerBucket, o.ID[:], &held)
		if err != nil || known && !o.Expires.After(held.Expires) {
			return err
		}
		if known {
			t.delete(expiryBucket, after(moment(held.Expires), []byte{letters[offerBucket]}, o.ID[:]))
			o.Sealed = held.Sealed
		}
		t.expire(o.Expires, offerBucket, o.ID[:])
		return t.putRecord(offerBucket, o.ID[:], o)
	})
}

// Offer implements issuance.OfferStore.
func (s *Store) Offer(ctx context.Context, id issuance.Digest, now time.Time) (issuance.OfferRecord, error) {
	var o issuance.OfferRecord
	err := s.view(ctx, func(t *tx) error {
		known, err := t.record(offerBucket, id[:], &o)
		if err == nil && (!known || !o.Expires.After(now)) {
			err = issuance.ErrOfferNotFound
		}
		return err
	})
	if err != nil {
		return issuance.OfferRecord{}, err
	}
	return o, nil
}

// RecordIntent implements issuance.IntentStore.
func (s *Store) RecordIntent(ctx context.Context, in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	var given []issuance.StatusIndex
	err := s.update(ctx, func(t *tx) (err error) {
		given, err = s.recordIntent(t, in, will)
		return err
	})
	if err != nil {
		return nil, err
	}
	return given, nil
}

func (s *Store) recordIntent(t *tx, in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	waited := in.Transaction != issuance.Digest{}
	if waited { // step 0
		if _, err := t.transaction(in.Transaction, in.Recorded); err != nil {
			return nil, err
		}
	} else if err := t.mayDraw(in); err != nil { // steps 1 and 2
		return nil, err
	}
	if err := t.mayIssue(in); err != nil { // step 3
		return nil, err
	}
	if in.Batch == "" || in.Document == "" || in.Count < 1 || in.Count > status.ListSize/2 || !slices.Contains(statusKinds, in.Status) || t.has(batchBucket, []byte(in.Batch)) {
		return nil, errIntent
	}
	if !waited { // step 4
		t.draw(in)
	} else if _, err := t.forgetTransaction(in.Transaction); err != nil {
		return nil, err
	}
	b := &batchValue{
		ID: in.Batch, Document: in.Document, Person: in.Person, Configuration: in.Configuration,
		State: issuance.StateIntended, Count: in.Count, Issued: in.Issued, Expires: in.Expires,
		SignerKeyID: in.SignerKeyID, Wallet: in.Wallet.Unit, Kind: in.Status,
	}
	given, err := s.giveIndices(t, b, in) // step 5
	if err != nil {
		return nil, err
	}
	t.putBatch(b) // step 6
	t.put(batchBucket, []byte(b.ID), []byte(b.Document))
	t.putBatchEnd(b)
	if b.Wallet != "" {
		t.put(unitCopyBucket, pair(b.Wallet, b.key()), nil)
		if err := t.meetWallet(in.Wallet, in.Expires); err != nil {
			return nil, err
		}
	}
	if faults.Wrong("store.unaudited") {
		return given, nil
	}
	return given, s.note(t, will) // step 7
}

// mayDraw tells whether a nonce and a token are good for one more request.
func (t *tx) mayDraw(in issuance.Intent) error {
	if in.Nonce != (issuance.Digest{}) && t.has(nonceBucket, in.Nonce[:]) && !faults.Wrong("store.forget-nonce") {
		return issuance.ErrNonceUsed
	}
	drawn := toNumber(t.get(useBucket, pair(in.TokenID, []byte(in.Configuration))))
	if in.TokenBatches < 1 || drawn >= uint64(in.TokenBatches) {
		return issuance.ErrTokenSpent
	}
	return nil
}

// draw uses them up.
func (t *tx) draw(in issuance.Intent) {
	if in.Nonce != (issuance.Digest{}) {
		t.put(nonceBucket, in.Nonce[:], nil)
		t.expire(in.NonceExpires, nonceBucket, in.Nonce[:])
	}
	use := pair(in.TokenID, []byte(in.Configuration))
	drawn := toNumber(t.get(useBucket, use))
	t.put(useBucket, use, number(drawn+1))
	if drawn == 0 {
		t.expire(in.TokenExpires, useBucket, use)
	}
}

// mayIssue is the part of the judgement that the store must make, in the
// transaction that allocates the indices.
func (t *tx) mayIssue(in issuance.Intent) error {
	current, err := t.head(in.Person)
	if err != nil {
		return err
	}
	if current.version == 0 || current.version != in.Version {
		return issuance.ErrStale
	}
	if err := t.mayHave(in.Wallet.Unit, in.Document, in.Granted, time.Time{}); err != nil {
		return err
	}
	return t.mayGoOn(in)
}

// mayHave tells whether a wallet unit and a grant are still good. A grant that
// was made void at or after since, where since is not zero, passes, unless that
// was for good.
func (t *tx) mayHave(unit, document string, granted, since time.Time) error {
	if unit != "" {
		w, err := t.wallet(unit)
		if err != nil {
			return err
		}
		if !w.revoked.IsZero() {
			return issuance.ErrWalletRevoked
		}
	}
	if document == "" {
		return nil
	}
	v := t.void(document)
	void, forGood := v.of(granted)
	if !void || !forGood && !since.IsZero() && v.last >= moment(since) {
		return nil
	}
	return issuance.ErrGrantVoid
}

// giveIndices allocates the indices of a batch.
func (s *Store) giveIndices(t *tx, b *batchValue, in issuance.Intent) ([]issuance.StatusIndex, error) {
	if in.Status == issuance.StatusNone {
		return nil, nil
	}
	a, places, err := s.allocate(t, in)
	if err != nil {
		return nil, err
	}
	b.allocation = a
	given := make([]issuance.StatusIndex, len(places))
	for i, p := range places {
		given[i] = p.statusIndex()
	}
	return given, nil
}

// MarkSigned implements issuance.IntentStore.
func (s *Store) MarkSigned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, issuance.StateSigned, did)
}

// MarkBurned implements issuance.IntentStore.
func (s *Store) MarkBurned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, issuance.StateBurned, did)
}

func (s *Store) move(ctx context.Context, batch string, to issuance.State, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		b, err := t.batchNamed(batch)
		if err != nil {
			return err
		}
		if b == nil || b.State != issuance.StateIntended {
			return issuance.ErrNotIntended
		}
		if to == issuance.StateSigned && t.stopped(emergency.OfKey, b.SignerKeyID) {
			return issuance.ErrStopped
		}
		b.State = to
		t.putBatch(b)
		return s.note(t, did)
	})
}
