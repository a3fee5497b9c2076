package memory

import (
	"context"
	"errors"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

// errIntent: the service sent an intent that cannot be meant.
var errIntent = errors.New("intent without a new batch id, a document, a known kind of status or a count")

type useID struct{ token, configuration string }

type use struct {
	until time.Time
	count int
}

type wallet struct {
	version uint64
	revoked time.Time
	end     time.Time // when its last copy, or what it showed, has expired
	last    issuance.Wallet
}

type batch struct {
	intent issuance.Intent
	state  issuance.State
	places []place // none without status
}

// PutOffer implements issuance.OfferStore.
func (s *Store) PutOffer(ctx context.Context, o issuance.OfferRecord) error {
	return s.step(ctx, func() error {
		held, known := s.offers[o.ID]
		switch {
		case !known:
			o.Sealed = slices.Clone(o.Sealed)
			put(s, s.offers, o.ID, o)
		case o.Expires.After(held.Expires):
			held.Expires = o.Expires
			put(s, s.offers, o.ID, held)
		}
		return nil
	})
}

// Offer implements issuance.OfferStore.
func (s *Store) Offer(ctx context.Context, id issuance.Digest, now time.Time) (o issuance.OfferRecord, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.offers[id]
		if !ok || !known.Expires.After(now) {
			return issuance.ErrOfferNotFound
		}
		o = known
		o.Sealed = slices.Clone(o.Sealed)
		return nil
	})
	return o, err
}

// RecordIntent implements issuance.IntentStore.
func (s *Store) RecordIntent(ctx context.Context, in issuance.Intent, will audit.Event) (given []issuance.StatusIndex, err error) {
	err = s.step(ctx, func() error {
		given, err = s.recordIntent(in, will)
		return err
	})
	if err != nil {
		return nil, err
	}
	return given, nil
}

func (s *Store) recordIntent(in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	waited := in.Transaction != issuance.Digest{}
	if waited { // step 0
		if _, err := s.transaction(in.Transaction, in.Recorded); err != nil {
			return nil, err
		}
	} else if err := s.mayDraw(in); err != nil { // steps 1 and 2
		return nil, err
	}
	current, err := s.subject(in.Person) // step 3
	if err != nil {
		return nil, err
	}
	if current.Version == 0 || current.Version != in.Version {
		return nil, issuance.ErrStale
	}
	if !s.wallets[in.Wallet.Unit].revoked.IsZero() && in.Wallet.Unit != "" {
		return nil, issuance.ErrWalletRevoked
	}
	if void, _ := s.voids[in.Document].of(in.Granted); void {
		return nil, issuance.ErrGrantVoid
	}
	if err := s.mayGoOn(in); err != nil {
		return nil, err
	}
	if err := s.checkBatch(in); err != nil {
		return nil, err
	}
	if waited { // step 4
		drop(s, s.transactions, in.Transaction)
	} else {
		s.draw(in)
	}
	in.Wallet.Attestations = slices.Clone(in.Wallet.Attestations)
	b := batch{intent: in, state: issuance.StateIntended}
	if in.Status != issuance.StatusNone { // step 5
		if b.places, err = s.allocate(in); err != nil {
			return nil, err
		}
	}
	put(s, s.batches, in.Batch, b) // step 6
	assign(s, &s.order, append(s.order, in.Batch))
	put(s, s.issued, in.Document, append(s.issued[in.Document], in.Batch))
	if in.Wallet.Unit != "" {
		w := s.wallets[in.Wallet.Unit]
		for _, end := range []time.Time{in.Expires, in.Wallet.Expires} {
			if end.After(w.end) {
				w.end = end
			}
		}
		seen := w.last.Attestations
		w.last = in.Wallet
		w.last.Attestations = issuance.MergeAttestations(in.Wallet.Attestations, seen)
		put(s, s.wallets, in.Wallet.Unit, w)
	}
	var given []issuance.StatusIndex
	for _, p := range b.places {
		given = append(given, s.statusIndex(p))
	}
	return given, s.note(will) // step 7
}

func (s *Store) statusIndex(p place) issuance.StatusIndex {
	l, known := s.lists[p.list]
	if !known {
		return issuance.StatusIndex{}
	}
	at := issuance.StatusIndex{List: l.URI, Index: uint64(p.index)}
	if l.Kind == status.KindIdentifier {
		at.Identifier = status.Identifier(l.Key, p.index)
	}
	return at
}

// checkBatch refuses what the service must not have sent.
func (s *Store) checkBatch(in issuance.Intent) error {
	if _, known := s.batches[in.Batch]; known || in.Batch == "" || in.Document == "" || in.Count < 1 || in.Count > status.ListSize/2 {
		return errIntent
	}
	switch in.Status {
	case issuance.StatusNone, issuance.StatusList, issuance.StatusIdentifier:
		return nil
	}
	return errIntent
}

// MarkSigned implements issuance.IntentStore.
func (s *Store) MarkSigned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, issuance.StateSigned, did)
}

// MarkBurned implements issuance.IntentStore.
func (s *Store) MarkBurned(ctx context.Context, batch string, did audit.Event) error {
	return s.move(ctx, batch, issuance.StateBurned, did)
}

func (s *Store) move(ctx context.Context, id string, to issuance.State, did audit.Event) error {
	return s.step(ctx, func() error {
		b, known := s.batches[id]
		if !known || b.state != issuance.StateIntended {
			return issuance.ErrNotIntended
		}
		if to == issuance.StateSigned && s.stopped(emergency.OfKey, b.intent.SignerKeyID) {
			return issuance.ErrStopped
		}
		b.state = to
		put(s, s.batches, id, b)
		return s.note(did)
	})
}

// Copies gives what is kept of every copy of a document, batch after batch in
// the order of recording.
func (s *Store) Copies(ctx context.Context, document string) ([]issuance.Copy, error) {
	return s.copies(ctx, func(in issuance.Intent) bool { return in.Document == document })
}

// WalletCopies gives what is kept of every copy in a wallet unit.
func (s *Store) WalletCopies(ctx context.Context, unit string) ([]issuance.Copy, error) {
	return s.copies(ctx, func(in issuance.Intent) bool { return in.Wallet.Unit == unit })
}

func (s *Store) copies(ctx context.Context, of func(issuance.Intent) bool) (copies []issuance.Copy, err error) {
	err = s.step(ctx, func() error {
		for _, id := range s.order {
			b := s.batches[id]
			if in := b.intent; of(in) {
				for n := range in.Count {
					c := issuance.Copy{
						Batch: id, Person: in.Person, Document: in.Document, Configuration: in.Configuration, Wallet: in.Wallet.Unit,
						Issued: in.Issued, Expires: in.Expires, SignerKeyID: in.SignerKeyID, State: b.state,
					}
					if len(b.places) > 0 {
						at := s.statusIndex(b.places[n])
						c.List, c.Index, c.Identifier = at.List, at.Index, at.Identifier
						c.InvalidSince, c.Invalid = s.flips[b.places[n]]
					}
					copies = append(copies, c)
				}
			}
		}
		return nil
	})
	return copies, err
}

// Wallet gives what a unit showed when it last got copies, and since when it
// gets none any more, zero while it may.
func (s *Store) Wallet(ctx context.Context, unit string) (w issuance.Wallet, revoked time.Time, err error) {
	err = s.step(ctx, func() error {
		known := s.wallets[unit]
		w, revoked = known.last, known.revoked
		w.Unit, w.Attestations = unit, slices.Clone(w.Attestations)
		return nil
	})
	return w, revoked, err
}
