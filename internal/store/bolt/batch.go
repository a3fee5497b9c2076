package bolt

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

// batchValue is all that is kept of the copies of one batch.
type batchValue struct {
	ID, Document string // of its key

	Person, Configuration string
	State                 issuance.State
	Count                 int
	Issued, Expires       time.Time
	SignerKeyID           string
	Wallet                string // unit
	Kind                  issuance.StatusKind
	allocation
}

// States and kinds are written as their places in these rows: only append.
var (
	batchStates = []issuance.State{issuance.StateIntended, issuance.StateSigned, issuance.StateBurned}
	statusKinds = []issuance.StatusKind{issuance.StatusNone, issuance.StatusList, issuance.StatusIdentifier}
)

func (b batchValue) encode() []byte {
	p := packer{b: make([]byte, 0, sealSize+96+len(b.order)+6*len(b.spans))}
	p.byte(byte(slices.Index(batchStates, b.State)))
	p.byte(byte(slices.Index(statusKinds, b.Kind)))
	p.text(b.Person)
	p.text(b.Configuration)
	p.uint(uint64(b.Count))
	p.time(b.Issued)
	p.time(b.Expires)
	p.text(b.SignerKeyID)
	p.text(b.Wallet)
	p.uint(uint64(len(b.spans)))
	for _, s := range b.spans {
		p.uint(uint64(s.list))
		p.uint(uint64(s.first))
		p.uint(uint64(s.count))
	}
	p.fixed(b.order)
	return p.b
}

// decodeBatch reads a batch from copyBucket.
func decodeBatch(key, value []byte) (*batchValue, error) {
	document, id, ok := bytes.Cut(key, []byte{0})
	u := unpacker{b: value, bad: !ok}
	b := &batchValue{ID: string(id), Document: string(document)}
	state, kind := int(u.byte()), int(u.byte())
	if state >= len(batchStates) || kind >= len(statusKinds) {
		return nil, fmt.Errorf("batch: %w", errRecord)
	}
	b.State, b.Kind = batchStates[state], statusKinds[kind]
	b.Person, b.Configuration, b.Count = u.text(), u.text(), int(u.uint())
	b.Issued, b.Expires, b.SignerKeyID, b.Wallet = u.time(), u.time(), u.text(), u.text()
	total := 0
	for range u.count() {
		s := span{list: uint32(u.uint()), first: uint32(u.uint()), count: int(u.uint())}
		b.spans, total = append(b.spans, s), total+s.count
	}
	b.order = bytes.Clone(u.view(uint64(total)))
	u.bad = u.bad || b.Kind != issuance.StatusNone && total != b.Count
	if err := u.end(); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	return b, nil
}

func (b *batchValue) key() []byte { return pair(b.Document, []byte(b.ID)) }

// putBatchEnd notes when a batch expires. The number keeps those of one day in
// the order of their making: they go to one page, and not to as many as there
// are.
func (t *tx) putBatchEnd(b *batchValue) {
	t.put(batchEndBucket, after(moment(b.Expires), number(t.nextNumber(endCountKey))), b.key())
}

func (t *tx) putBatch(b *batchValue) { t.put(copyBucket, b.key(), b.encode()) }

// batch reads a batch by its key in copyBucket, nil when there is none.
func (t *tx) batch(key string) (*batchValue, error) {
	v := t.get(copyBucket, []byte(key))
	if v == nil {
		return nil, nil
	}
	return decodeBatch([]byte(key), v)
}

// batchNamed reads a batch by its id, nil when there is none.
func (t *tx) batchNamed(id string) (*batchValue, error) {
	document := t.get(batchBucket, []byte(id))
	if id == "" || document == nil {
		return nil, nil
	}
	return t.batch(string(pair(string(document), []byte(id))))
}

// place is the index of one copy.
type place struct {
	list  *knownList // nil when it is retired
	index uint32
}

func (p place) statusIndex() issuance.StatusIndex {
	if p.list == nil {
		return issuance.StatusIndex{}
	}
	at := issuance.StatusIndex{List: p.list.URI, Index: uint64(p.index)}
	if p.list.Kind == status.KindIdentifier {
		at.Identifier = status.Identifier(p.list.Key, p.index)
	}
	return at
}

// places computes the indices of a batch in the order of its copies.
func (s *Store) places(t *tx, b *batchValue) ([]place, error) {
	spans := make([][]place, len(b.spans))
	for i, sp := range b.spans {
		l, err := s.list(t, sp.list)
		if err != nil {
			return nil, err
		}
		if l == nil {
			spans[i] = make([]place, sp.count)
			continue
		}
		indices, _, ok := l.permutation.Take(sp.first, sp.count)
		if !ok {
			return nil, fmt.Errorf("batch beyond its list: %w", errRecord)
		}
		spans[i] = placesOf(l, indices)
	}
	return inOrder(b.order, spans)
}

func placesOf(l *knownList, indices []uint32) []place {
	places := make([]place, len(indices))
	for i, index := range indices {
		places[i] = place{l, index}
	}
	return places
}

// eachBatch reads the batches of a document.
func (t *tx) eachBatch(document string, each func(*batchValue) error) error {
	return t.scan(copyBucket, pair(document, nil), func(key, value []byte) error {
		b, err := decodeBatch(key, value)
		if err != nil {
			return err
		}
		return each(b)
	})
}

// Copies gives what is kept of every copy of a document, batch by batch. A
// copy whose list is retired has no index any more.
func (s *Store) Copies(ctx context.Context, document string) ([]issuance.Copy, error) {
	var copies []issuance.Copy
	err := s.view(ctx, func(t *tx) error {
		return t.eachBatch(document, func(b *batchValue) (err error) {
			copies, err = s.appendCopies(t, copies, b)
			return err
		})
	})
	return copies, err
}

// WalletCopies gives what is kept of every copy in a wallet unit.
func (s *Store) WalletCopies(ctx context.Context, unit string) ([]issuance.Copy, error) {
	var copies []issuance.Copy
	prefix := pair(unit, nil)
	err := s.view(ctx, func(t *tx) error {
		return t.scan(unitCopyBucket, prefix, func(key, _ []byte) error {
			b, err := t.batch(string(key[len(prefix):]))
			if err == nil && b == nil {
				err = fmt.Errorf("%w: a batch is gone", ErrDamaged)
			}
			if err == nil {
				copies, err = s.appendCopies(t, copies, b)
			}
			return err
		})
	})
	return copies, err
}

func (s *Store) appendCopies(t *tx, copies []issuance.Copy, b *batchValue) ([]issuance.Copy, error) {
	places, err := s.places(t, b)
	if err != nil {
		return nil, err
	}
	for n := range b.Count {
		c := issuance.Copy{
			Batch: b.ID, Person: b.Person, Document: b.Document, Configuration: b.Configuration, Wallet: b.Wallet,
			Issued: b.Issued, Expires: b.Expires, SignerKeyID: b.SignerKeyID, State: b.State,
		}
		if len(places) > 0 {
			at := places[n].statusIndex()
			c.List, c.Index, c.Identifier = at.List, at.Index, at.Identifier
			if c.Invalid, c.InvalidSince, err = t.invalid(places[n]); err != nil {
				return nil, err
			}
		}
		copies = append(copies, c)
	}
	return copies, nil
}

// invalid tells whether a copy was revoked, and since which version of its list
// that is public, 0 while it waits.
func (t *tx) invalid(p place) (bool, uint64, error) {
	if p.list == nil {
		return false, 0, nil
	}
	v, known, err := t.flip(flipKey(p.list.number, p.index))
	return known, v.version, err
}
