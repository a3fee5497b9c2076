package bolt

import (
	"context"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

const burned = issuance.StateBurned

// batchValue is all that is kept of the copies of one batch. Their indices are
// computed again from the list's key: First is the counter of the first one.
type batchValue struct {
	Person        string         `json:"person"`
	Document      string         `json:"document"`
	Configuration string         `json:"configuration"`
	Count         int            `json:"count"`
	List          string         `json:"list,omitempty"` // id; "" without status
	First         uint32         `json:"first,omitempty"`
	Issued        time.Time      `json:"issued"`
	Expires       time.Time      `json:"expires"`
	SignerKeyID   string         `json:"signer"`
	State         issuance.State `json:"state"`

	id string
}

// PutOffer implements issuance.OfferStore.
func (s *Store) PutOffer(ctx context.Context, o issuance.OfferRecord) error {
	return s.writer.update(ctx, func(t *tx) error {
		if t.has(offerBucket, o.ID[:]) {
			return nil
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
	err := s.writer.update(ctx, func(t *tx) (err error) {
		given, err = s.recordIntent(t, in, will)
		return err
	})
	if err != nil {
		return nil, err
	}
	return given, nil
}

func (s *Store) recordIntent(t *tx, in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	withNonce := in.Nonce != issuance.Digest{}
	if withNonce && t.has(nonceBucket, in.Nonce[:]) { // step 1
		return nil, issuance.ErrNonceUsed
	}
	use := pair(in.TokenID, []byte(in.Configuration))
	drawn := toNumber(t.get(useBucket, use))
	if in.TokenBatches < 1 || drawn >= uint64(in.TokenBatches) { // step 2
		return nil, issuance.ErrTokenSpent
	}
	current, exists, err := t.subject(in.Person) // step 3
	if err != nil {
		return nil, err
	}
	if !exists || current.Version != in.Version {
		return nil, issuance.ErrStale
	}
	if in.Batch == "" || in.Document == "" || in.Count < 1 || in.Count > status.ListSize/2 || t.has(batchBucket, []byte(in.Batch)) {
		return nil, errIntent
	}
	if withNonce { // step 4
		t.put(nonceBucket, in.Nonce[:], nil)
		t.expire(in.NonceExpires, nonceBucket, in.Nonce[:])
	}
	t.put(useBucket, use, number(drawn+1))
	if drawn == 0 {
		t.expire(in.TokenExpires, useBucket, use)
	}
	b := batchValue{
		Person: in.Person, Document: in.Document, Configuration: in.Configuration, Count: in.Count,
		Issued: in.Issued, Expires: in.Expires, SignerKeyID: in.SignerKeyID, State: issuance.StateIntended,
	}
	var given []issuance.StatusIndex
	if in.Status { // step 5
		l, first, indices, err := s.allocate(t, in)
		if err != nil {
			return nil, err
		}
		b.List, b.First = l.ID, first
		for _, i := range indices {
			given = append(given, issuance.StatusIndex{List: l.URI, Index: uint64(i)})
		}
	}
	if err := t.putRecord(batchBucket, []byte(in.Batch), b); err != nil { // step 6
		return nil, err
	}
	t.put(copyBucket, pair(in.Document, []byte(in.Batch)), nil)
	return given, t.note(will) // step 7
}

// eachBatch reads the batches of a document.
func (t *tx) eachBatch(document string, each func(batchValue) error) error {
	prefix := pair(document, nil)
	return t.scan(copyBucket, prefix, func(key, _ []byte) error {
		id := key[len(prefix):]
		b := batchValue{id: string(id)}
		if _, err := t.record(batchBucket, id, &b); err != nil {
			return err
		}
		return each(b)
	})
}

// MarkSigned implements issuance.IntentStore.
func (s *Store) MarkSigned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, issuance.StateSigned, did)
}

// MarkBurned implements issuance.IntentStore.
func (s *Store) MarkBurned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, burned, did)
}

func (s *Store) move(ctx context.Context, batch string, to issuance.State, did audit.Event) error {
	return s.writer.update(ctx, func(t *tx) error {
		var b batchValue
		known, err := t.record(batchBucket, []byte(batch), &b)
		if err != nil {
			return err
		}
		if !known || b.State != issuance.StateIntended {
			return issuance.ErrNotIntended
		}
		b.State = to
		if err := t.putRecord(batchBucket, []byte(batch), b); err != nil {
			return err
		}
		return t.note(did)
	})
}

// PutEvent implements issuance.EventStore.
func (s *Store) PutEvent(ctx context.Context, e issuance.Event) error {
	return s.writer.update(ctx, func(t *tx) error {
		var b batchValue
		known, err := t.record(batchBucket, []byte(e.Batch), &b)
		if err != nil {
			return err
		}
		if !known || b.State != issuance.StateSigned {
			return issuance.ErrBatchNotFound
		}
		if key := pair(e.Batch, []byte(e.Event)); !t.has(saidBucket, key) {
			t.put(saidBucket, key, instant(e.Recorded))
		}
		return nil
	})
}

// Copies gives what is kept of every copy of a document, batch by batch.
func (s *Store) Copies(ctx context.Context, document string) ([]issuance.Copy, error) {
	var copies []issuance.Copy
	err := s.view(ctx, func(t *tx) error {
		return t.eachBatch(document, func(b batchValue) error {
			c := issuance.Copy{
				Batch: b.id, Person: b.Person, Document: b.Document, Configuration: b.Configuration,
				Issued: b.Issued, Expires: b.Expires, SignerKeyID: b.SignerKeyID, State: b.State,
			}
			var indices []uint32
			if b.List != "" {
				l, err := t.list(b.List)
				if err != nil {
					return err
				}
				if indices, err = l.indices(b.First, b.Count); err != nil {
					return err
				}
				c.List = l.URI
			}
			for n := range b.Count {
				if indices != nil {
					c.Index = uint64(indices[n])
				}
				copies = append(copies, c)
			}
			return nil
		})
	})
	return copies, err
}
