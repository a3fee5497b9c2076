package bolt

import (
	"context"
	"errors"
	"fmt"

	"vidimus/internal/audit"
	"vidimus/internal/bulk"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
)

// errBlock: blocks come in order.
var errBlock = errors.New("block of an import out of its turn")

func importKey(in bulk.Import) []byte { return pair(in.Source, []byte(in.ID)) }

// importOf reads how far an import is; ok is false when it did not begin.
func (t *tx) importOf(in bulk.Import) (known bulk.Import, ok bool, err error) {
	ok, err = t.record(importBucket, importKey(in), &known)
	if ok && err == nil && known.Digest != in.Digest {
		err = bulk.ErrOtherImport
	}
	return known, ok, err
}

// BeginImport implements bulk.Store.
func (s *Store) BeginImport(ctx context.Context, in bulk.Import) (bulk.Import, error) {
	var state bulk.Import
	err := s.update(ctx, func(t *tx) error {
		known, ok, err := t.importOf(in)
		if err != nil {
			return err
		}
		if ok {
			state = known
			return nil
		}
		state = bulk.Import{Source: in.Source, ID: in.ID, Digest: in.Digest, Begun: in.Begun}
		return t.putRecord(importBucket, importKey(in), state)
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return state, nil
}

// ImportBlock implements bulk.Store.
func (s *Store) ImportBlock(ctx context.Context, in bulk.Import, block int, last bool, subjects []document.Subject, did audit.Event) (bulk.Import, error) {
	var state bulk.Import
	err := s.update(ctx, func(t *tx) (err error) {
		var begun bool
		if state, begun, err = t.importOf(in); err != nil {
			return err
		}
		switch {
		case begun && block < state.Blocks:
			return nil // applied before
		case !begun || block > state.Blocks || !state.Done.IsZero():
			return fmt.Errorf("%w: block %d, %d is due", errBlock, block, state.Blocks)
		}
		if t.stopped(emergency.OfRegistry, in.Source) {
			return bulk.ErrStopped
		}
		for _, subject := range subjects {
			ok, err := t.importSubject(subject)
			if err != nil {
				return err
			}
			if ok {
				state.Applied++
			} else {
				state.Known++
			}
		}
		state.Blocks++
		if last {
			state.Done = did.Time
		}
		if err := t.putRecord(importBucket, importKey(in), state); err != nil {
			return err
		}
		return s.note(t, did)
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return state, nil
}

// importSubject writes a person who is not known, unless somebody else has one
// of the documents.
func (t *tx) importSubject(subject document.Subject) (bool, error) {
	v, err := t.head(subject.Number)
	if err != nil || v.version > 0 {
		return false, err
	}
	for _, d := range subject.Documents {
		if t.has(holderBucket, []byte(d.Number)) {
			return false, nil
		}
	}
	subject.Version = 1
	t.hold(nil, []document.Subject{subject})
	return true, t.putSubject(subject.Number, known{subjectValue: v}, subject, v.last, subject.Next())
}

// EachSubject implements bulk.Store.
func (s *Store) EachSubject(ctx context.Context, above string, limit int, each func(document.Subject) error) error {
	if limit <= 0 {
		return ctx.Err()
	}
	return s.view(ctx, func(t *tx) error {
		n := 0
		return t.scanFrom(subjectBucket, nil, append([]byte(above), 0), func(key, _ []byte) error {
			k, err := t.subject(string(key))
			if err != nil || k.version == 0 {
				return err
			}
			if err := each(k.kept()); err != nil {
				return err
			}
			if n++; n == limit {
				return errEnough
			}
			return nil
		})
	})
}

// Subjects implements bulk.Store.
func (s *Store) Subjects(ctx context.Context, persons []string) ([]*document.Subject, error) {
	subjects := make([]*document.Subject, len(persons))
	err := s.view(ctx, func(t *tx) error {
		for i, person := range persons {
			k, err := t.subject(person)
			if err != nil {
				return err
			}
			if k.version > 0 {
				kept := k.kept()
				subjects[i] = &kept
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return subjects, nil
}

// Batches implements bulk.Store. Of a batch in lists that are retired there
// are no places.
func (s *Store) Batches(ctx context.Context, document string) ([]bulk.Batch, error) {
	var batches []bulk.Batch
	err := s.view(ctx, func(t *tx) error {
		return t.eachBatch(document, func(b *batchValue) error {
			if b.State == issuance.StateBurned {
				return nil
			}
			places, err := s.places(t, b)
			if err != nil {
				return err
			}
			out := bulk.Batch{Document: b.Document, State: b.State, Expires: b.Expires}
			for _, p := range places {
				if p.list != nil {
					out.Copies = append(out.Copies, p.statusIndex())
				}
			}
			batches = append(batches, out)
			return nil
		})
	})
	return batches, err
}
