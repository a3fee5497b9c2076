package bolt

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/registry"
)

// packOutcome writes an outcome. Lists are named by their numbers.
func packOutcome(p *packer, o registry.Outcome, lists []listVersion) {
	p.text(o.Source)
	p.text(o.JTI)
	p.text(o.Event)
	p.uint(o.Seq)
	p.time(o.Accepted)
	p.uint(o.Version)
	p.bool(o.Revokes)
	p.bool(o.Urgent)
	p.uint(uint64(o.Copies))
	p.uint(uint64(o.Expiring))
	p.time(o.Until)
	p.time(o.Covered)
	p.uint(uint64(len(lists)))
	for _, l := range lists {
		p.uint(uint64(l.list))
		p.uint(l.version)
	}
}

func unpackOutcome(u *unpacker) (o registry.Outcome, lists []listVersion) {
	o.Source, o.JTI, o.Event, o.Seq, o.Accepted = u.text(), u.text(), u.text(), u.uint(), u.time()
	o.Version, o.Revokes, o.Urgent = u.uint(), u.bool(), u.bool()
	o.Copies, o.Expiring = int(u.uint()), int(u.uint())
	o.Until, o.Covered = u.time(), u.time()
	for range u.count() {
		lists = append(lists, listVersion{uint32(u.uint()), u.uint()})
	}
	return o, lists
}

// listVersion is a list and a version of it.
type listVersion struct {
	list    uint32
	version uint64
}

// putOutcome writes an outcome under the number of its event. lists are those
// of o.Lists.
func (t *tx) putOutcome(event uint64, o registry.Outcome, lists []listVersion) {
	p := packer{b: make([]byte, 0, sealSize+160)}
	packOutcome(&p, o, lists)
	t.put(outcomeBucket, number(event), p.b)
}

// outcome reads an outcome; that of an event which retention took is
// ErrOutcomeNotFound.
func (t *tx) outcome(event uint64) (registry.Outcome, error) {
	o, lists, err := t.bareOutcome(event)
	if err != nil {
		return registry.Outcome{}, err
	}
	o.Lists, err = t.publicly(lists)
	return o, err
}

// bareOutcome reads an outcome and its lists by their numbers.
func (t *tx) bareOutcome(event uint64) (o registry.Outcome, lists []listVersion, err error) {
	b := t.get(outcomeBucket, number(event))
	if event == 0 || b == nil {
		return o, nil, registry.ErrOutcomeNotFound
	}
	u := unpacker{b: b}
	o, lists = unpackOutcome(&u)
	if err := u.end(); err != nil {
		return o, nil, fmt.Errorf("outcome: %w", err)
	}
	return o, lists, nil
}

// publicly names lists by their URIs, in that order.
func (t *tx) publicly(lists []listVersion) ([]registry.ListVersion, error) {
	var named []registry.ListVersion
	for _, l := range lists {
		uri := t.get(listURIBucket, short(l.list))
		if uri == nil {
			return nil, fmt.Errorf("%w: a list is gone", ErrDamaged)
		}
		named = append(named, registry.ListVersion{URI: string(uri), Version: l.version})
	}
	slices.SortFunc(named, func(a, b registry.ListVersion) int { return cmp.Compare(a.URI, b.URI) })
	return named, nil
}

// Outcome implements registry.Store.
func (s *Store) Outcome(ctx context.Context, source, jti string) (registry.Outcome, error) {
	var o registry.Outcome
	err := s.view(ctx, func(t *tx) error {
		event, err := t.eventOf(source, jti)
		if err == nil {
			o, err = t.outcome(event)
		}
		return err
	})
	if err != nil {
		return registry.Outcome{}, err
	}
	return o, nil
}

func receiptKey(source uint32, row uint64) []byte { return append(short(source), number(row)...) }

// putRow writes a receipt row of an outcome as it is now.
func (t *tx) putRow(at time.Time, o registry.Outcome, lists []listVersion) error {
	src, err := t.source(o.Source)
	if err != nil {
		return err
	}
	src.rows++
	t.putSource(o.Source, src)
	p := packer{b: make([]byte, 0, sealSize+160)}
	p.time(at)
	packOutcome(&p, o, lists)
	t.put(receiptBucket, receiptKey(src.number, src.rows), p.b)
	return nil
}

// Receipts implements registry.Store.
func (s *Store) Receipts(ctx context.Context, source string, after uint64, limit int) ([]registry.ReceiptRow, error) {
	var rows []registry.ReceiptRow
	err := s.view(ctx, func(t *tx) error {
		src, err := t.source(source)
		if err != nil || src.number == 0 || after >= src.rows || limit <= 0 {
			return err
		}
		return t.scanFrom(receiptBucket, short(src.number), receiptKey(src.number, after+1), func(key, value []byte) error {
			row, err := t.row(value)
			if err != nil {
				return err
			}
			row.Number = toNumber(key[4:])
			if rows = append(rows, row); len(rows) == limit {
				return errEnough
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (t *tx) row(value []byte) (row registry.ReceiptRow, err error) {
	u := unpacker{b: value}
	row.At = u.time()
	var lists []listVersion
	row.Outcome, lists = unpackOutcome(&u)
	if err := u.end(); err != nil {
		return row, fmt.Errorf("receipt: %w", err)
	}
	row.Outcome.Lists, err = t.publicly(lists)
	return row, err
}
