package memory

import (
	"context"
	"errors"
	"maps"
	"slices"

	"vidimus/internal/audit"
	"vidimus/internal/bulk"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
)

type importID struct{ source, id string }

// BeginImport implements bulk.Store.
func (s *Store) BeginImport(ctx context.Context, in bulk.Import) (state bulk.Import, err error) {
	err = s.step(ctx, func() error {
		id := importID{in.Source, in.ID}
		known, begun := s.imports[id]
		switch {
		case begun && known.Digest != in.Digest:
			return bulk.ErrOtherImport
		case !begun:
			known = bulk.Import{Source: in.Source, ID: in.ID, Digest: in.Digest, Begun: in.Begun}
			put(s, s.imports, id, known)
		}
		state = known
		return nil
	})
	return state, err
}

// ImportBlock implements bulk.Store.
func (s *Store) ImportBlock(ctx context.Context, in bulk.Import, block int, last bool, subjects []document.Subject, did audit.Event) (bulk.Import, error) {
	var state bulk.Import
	err := s.step(ctx, func() error {
		id := importID{in.Source, in.ID}
		var begun bool
		state, begun = s.imports[id]
		switch {
		case begun && state.Digest != in.Digest:
			return bulk.ErrOtherImport
		case begun && block < state.Blocks:
			return nil
		case !begun || block > state.Blocks || !state.Done.IsZero():
			return errors.New("memory: block of an import out of its turn")
		}
		if s.stopped(emergency.OfRegistry, in.Source) {
			return bulk.ErrStopped
		}
		for _, subject := range subjects {
			taken := slices.ContainsFunc(subject.Documents, func(d document.Document) bool { return s.holders[d.Number] != "" })
			if s.subjects[subject.Number] != nil || taken {
				state.Known++
				continue
			}
			state.Applied++
			subject.Version = 1
			if err := s.write(nil, []document.Subject{subject}); err != nil {
				return err
			}
		}
		state.Blocks++
		if last {
			state.Done = did.Time
		}
		put(s, s.imports, id, state)
		return s.note(did)
	})
	if err != nil {
		return bulk.Import{}, err
	}
	return state, nil
}

// EachSubject implements bulk.Store.
func (s *Store) EachSubject(ctx context.Context, after string, limit int, each func(document.Subject) error) error {
	var subjects []document.Subject
	err := s.step(ctx, func() error {
		for _, person := range slices.Sorted(maps.Keys(s.subjects)) {
			if person > after && len(subjects) < limit {
				subject, err := s.subject(person)
				if err != nil {
					return err
				}
				subjects = append(subjects, subject)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, subject := range subjects {
		if err := each(subject); err != nil {
			return err
		}
	}
	return nil
}

// Subjects implements bulk.Store.
func (s *Store) Subjects(ctx context.Context, persons []string) ([]*document.Subject, error) {
	subjects := make([]*document.Subject, len(persons))
	err := s.step(ctx, func() error {
		for i, person := range persons {
			if s.subjects[person] == nil {
				continue
			}
			subject, err := s.subject(person)
			if err != nil {
				return err
			}
			subjects[i] = &subject
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return subjects, nil
}

// Batches implements bulk.Store.
func (s *Store) Batches(ctx context.Context, document string) (batches []bulk.Batch, err error) {
	err = s.step(ctx, func() error {
		for _, id := range s.order {
			b := s.batches[id]
			if b.intent.Document != document || b.state == issuance.StateBurned {
				continue
			}
			out := bulk.Batch{Document: document, State: b.state, Expires: b.intent.Expires}
			for _, p := range b.places {
				if _, known := s.lists[p.list]; known {
					out.Copies = append(out.Copies, s.statusIndex(p))
				}
			}
			batches = append(batches, out)
		}
		return nil
	})
	return batches, err
}
