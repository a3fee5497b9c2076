package bolt

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/faults"
	"vidimus/internal/registry"
)

// errStill: advance brings a subject no further in time.
var errStill = errors.New("a subject is due and time does nothing to it")

// ApplyDue implements registry.Store. Each subject is a step of its own; all
// are one operation.
func (s *Store) ApplyDue(ctx context.Context, now time.Time, limit int, advance registry.Advance, note func(before, after document.Subject, c document.Change) audit.Event) (int, error) {
	var keys [][]byte
	err := s.view(ctx, func(t *tx) (err error) {
		keys, err = t.first(agendaBucket, moment(now), limit)
		return err
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	steps := make([]step, len(keys))
	for i, key := range keys {
		steps[i] = func(t *tx) error { return s.applyDue(t, key, now, advance, note) }
	}
	op, err := s.writer.submit(ctx, steps...)
	if err != nil {
		return 0, err
	}
	<-op.done
	faults.Point("store.agenda-done")
	looked := 0
	for _, e := range op.errs {
		if e == nil {
			looked++
		}
	}
	return looked, errors.Join(op.errs...)
}

// applyDue lets time do what is due to the subject of one entry of the agenda.
func (s *Store) applyDue(t *tx, key []byte, now time.Time, advance registry.Advance, note func(before, after document.Subject, c document.Change) audit.Event) error {
	if !t.has(agendaBucket, key) {
		return nil // an event was faster
	}
	person := string(key[8:])
	before, err := t.subject(person)
	if err != nil {
		return err
	}
	next, change := advance(before.subject)
	if err := checkDecision([]string{person}, []document.Subject{next}); err != nil {
		return err
	}
	due := next.Next()
	if !due.IsZero() && !due.After(now) {
		return errStill
	}
	if change.Applied {
		t.hold([]known{before}, []document.Subject{next})
	}
	// Also when nothing but the instant of evaluation is another one.
	if err := t.putSubject(person, before, next, before.last, due); err != nil {
		return err
	}
	e := &happening{at: now, version: next.Version, person: heir(next)}
	if err := s.effect(t, e, change); err != nil {
		return err
	}
	faults.Point("store.due-applied")
	return s.note(t, note(before.subject, next, change))
}
