package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/registry"
)

type eventID struct{ source, jti string }

// ApplyEvents implements registry.Store.
func (s *Store) ApplyEvents(ctx context.Context, apps []registry.Application) []registry.Result {
	results := make([]registry.Result, len(apps))
	for i, app := range apps {
		err := s.step(ctx, func() (err error) {
			results[i].Outcome, err = s.applyEvent(app)
			return err
		})
		if err != nil {
			results[i] = registry.Result{Err: err}
		}
	}
	return results
}

func (s *Store) applyEvent(app registry.Application) (registry.Outcome, error) {
	rec := app.Record
	id := eventID{rec.Source, rec.JTI}
	if n := s.ids[id]; n != 0 { // step 1
		if s.events[n].Digest != rec.Digest {
			return registry.Outcome{}, registry.ErrOtherToken
		}
		o := copyOutcome(s.outcomes[n])
		o.Repeated = true
		return o, nil
	}
	if next := s.seqs[rec.Source] + 1; rec.Seq != next { // step 2
		return registry.Outcome{}, &registry.SeqError{Next: next, Got: rec.Seq}
	}
	if s.stopped(emergency.OfRegistry, rec.Source) {
		return registry.Outcome{}, registry.ErrStopped
	}
	people, err := s.peopleOf(rec) // step 3
	if err != nil {
		return registry.Outcome{}, err
	}
	var before []document.Subject
	for _, person := range people {
		subject, err := s.subject(person)
		if err != nil {
			return registry.Outcome{}, err
		}
		before = append(before, subject)
	}
	version := s.wallets[rec.Wallet].version
	if len(people) > 0 {
		version = before[0].Version
	}
	if rec.Prev != nil && *rec.Prev != version { // step 4
		return registry.Outcome{}, &registry.VersionError{Current: version, Prev: *rec.Prev}
	}
	next, change, err := app.Decide(before) // step 5
	if err != nil {
		return registry.Outcome{}, err
	}
	if len(next) != len(people) || len(people) == 2 && people[0] == people[1] {
		return registry.Outcome{}, errors.New("memory: decided on other subjects")
	}
	if err := s.checkWallets(change.Wallets, people); err != nil {
		return registry.Outcome{}, err
	}
	n := s.next("events") // step 6
	put(s, s.ids, id, n)
	put(s, s.seqs, rec.Source, rec.Seq)
	s.remember(n, rec, people)
	switch {
	case len(people) == 0 && change.Applied:
		w := s.wallets[rec.Wallet]
		w.version++
		put(s, s.wallets, rec.Wallet, w)
		version = w.version
	case change.Applied:
		if err := s.write(before, next); err != nil {
			return registry.Outcome{}, err
		}
		version = next[0].Version
	}
	put(s, s.outcomes, n, registry.Outcome{
		Source: rec.Source, JTI: rec.JTI, Event: rec.Name, Seq: rec.Seq, Version: version, Accepted: rec.Accepted,
	})
	h := happening{at: rec.Accepted, own: n, version: version, id: document.EventID{Source: rec.Source, JTI: rec.JTI}}
	if len(people) > 0 {
		h.person = next[0].Number
		if next[0].MergedInto != "" {
			h.person = next[0].MergedInto
		}
	}
	if err := s.effect(h, change); err != nil {
		return registry.Outcome{}, err
	}
	s.row(n, rec.Accepted)
	return copyOutcome(s.outcomes[n]), s.note(rec.Audited(people))
}

func (s *Store) peopleOf(rec registry.EventRecord) ([]string, error) {
	person := rec.Person
	if rec.Document != "" {
		switch holder, held := s.holders[rec.Document]; {
		case person == "" && !held:
			return nil, registry.ErrSubjectNotFound
		case person == "":
			person = holder
		case held && holder != person:
			return nil, registry.ErrDocumentTaken
		}
	}
	switch {
	case person == "" && rec.Wallet != "":
		return nil, nil
	case person == "":
		return nil, registry.ErrSubjectNotFound
	case rec.Other != "":
		return []string{person, rec.Other}, nil
	}
	return []string{person}, nil
}

// remember puts an event into the history of its people.
func (s *Store) remember(n uint64, rec registry.EventRecord, people []string) {
	rec.Audit = audit.Event{}
	if rec.Prev != nil {
		prev := *rec.Prev
		rec.Prev = &prev
	}
	put(s, s.events, n, rec)
	for _, p := range people {
		put(s, s.history, p, append(slices.Clip(s.history[p]), n))
	}
	if rec.Name == document.NamePersonMerged && len(people) == 2 {
		put(s, s.merged, people[1], append(slices.Clip(s.merged[people[1]]), people[0]))
	}
}

// write replaces the states of people.
func (s *Store) write(before, next []document.Subject) error {
	for _, b := range before {
		for _, d := range b.Documents {
			drop(s, s.holders, d.Number)
		}
	}
	for _, n := range next {
		encoded, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("encoding a subject: %w", err)
		}
		put(s, s.subjects, n.Number, encoded)
		for _, d := range n.Documents {
			put(s, s.holders, d.Number, n.Number)
		}
		drop(s, s.agenda, n.Number)
		if at := n.Next(); !at.IsZero() {
			put(s, s.agenda, n.Number, at)
		}
	}
	return nil
}

// ApplyDue implements registry.Store.
func (s *Store) ApplyDue(ctx context.Context, now time.Time, limit int, advance registry.Advance, note func(before, after document.Subject, c document.Change) audit.Event) (int, error) {
	var due []string
	err := s.step(ctx, func() error {
		for person, at := range s.agenda {
			if !at.After(now) {
				due = append(due, person)
			}
		}
		slices.SortFunc(due, func(a, b string) int {
			if c := s.agenda[a].Compare(s.agenda[b]); c != 0 {
				return c
			}
			return strings.Compare(a, b)
		})
		return nil
	})
	looked := 0
	for _, person := range due[:min(len(due), max(limit, 0))] {
		e := s.step(ctx, func() error { return s.applyDue(person, now, advance, note) })
		if e == nil {
			looked++
		}
		err = errors.Join(err, e)
	}
	return looked, err
}

func (s *Store) applyDue(person string, now time.Time, advance registry.Advance, note func(before, after document.Subject, c document.Change) audit.Event) error {
	if at, due := s.agenda[person]; !due || at.After(now) {
		return nil // somebody was faster
	}
	before, err := s.subject(person)
	if err != nil {
		return err
	}
	next, change := advance(before)
	if at := next.Next(); !at.IsZero() && !at.After(now) {
		return errors.New("memory: a subject is due and time does nothing to it")
	}
	if err := s.write([]document.Subject{before}, []document.Subject{next}); err != nil {
		return err
	}
	if err := s.effect(happening{at: now, version: next.Version, person: person}, change); err != nil {
		return err
	}
	return s.note(note(before, next, change))
}

func copyOutcome(o registry.Outcome) registry.Outcome {
	o.Lists = slices.Clone(o.Lists)
	return o
}

// Outcome implements registry.Store.
func (s *Store) Outcome(ctx context.Context, source, jti string) (o registry.Outcome, err error) {
	err = s.step(ctx, func() error {
		n := s.ids[eventID{source, jti}]
		if n == 0 {
			return registry.ErrOutcomeNotFound
		}
		o = copyOutcome(s.outcomes[n])
		return nil
	})
	return o, err
}

// LastSeq implements registry.Store.
func (s *Store) LastSeq(ctx context.Context, source string) (n uint64, err error) {
	err = s.step(ctx, func() error { n = s.seqs[source]; return nil })
	return n, err
}

// row writes a receipt row of an outcome as it is now.
func (s *Store) row(n uint64, at time.Time) {
	o := copyOutcome(s.outcomes[n])
	rows := s.rows[o.Source]
	put(s, s.rows, o.Source, append(rows, registry.ReceiptRow{Number: uint64(len(rows) + 1), At: at, Outcome: o}))
}

// Receipts implements registry.Store.
func (s *Store) Receipts(ctx context.Context, source string, after uint64, limit int) (rows []registry.ReceiptRow, err error) {
	err = s.step(ctx, func() error {
		for _, r := range s.rows[source] {
			if r.Number > after && len(rows) < limit {
				r.Outcome = copyOutcome(r.Outcome)
				rows = append(rows, r)
			}
		}
		return nil
	})
	return rows, err
}

// Cursor implements registry.Store.
func (s *Store) Cursor(ctx context.Context, name string) (n uint64, err error) {
	err = s.step(ctx, func() error { n = s.cursors[name]; return nil })
	return n, err
}

// SetCursor implements registry.Store.
func (s *Store) SetCursor(ctx context.Context, name string, n uint64) error {
	return s.step(ctx, func() error { put(s, s.cursors, name, n); return nil })
}

// subject reads a subject; one not heard of has its number.
func (s *Store) subject(person string) (document.Subject, error) {
	subject := document.Subject{Number: person}
	if data, known := s.subjects[person]; known {
		if err := json.Unmarshal(data, &subject); err != nil {
			return document.Subject{}, fmt.Errorf("decoding a subject: %w", err)
		}
	}
	return subject, nil
}

// Subject implements registry.Records.
func (s *Store) Subject(ctx context.Context, person string) (subject document.Subject, err error) {
	err = s.step(ctx, func() error {
		if s.subjects[person] == nil {
			return registry.ErrSubjectNotFound
		}
		subject, err = s.subject(person)
		return err
	})
	return subject, err
}

// Holder implements registry.Records.
func (s *Store) Holder(ctx context.Context, document string) (person string, err error) {
	err = s.step(ctx, func() error {
		var held bool
		if person, held = s.holders[document]; !held {
			return registry.ErrSubjectNotFound
		}
		return nil
	})
	return person, err
}

// History implements registry.Records.
func (s *Store) History(ctx context.Context, person string, before document.EventID, limit int) (records []registry.EventRecord, err error) {
	err = s.step(ctx, func() error {
		numbers := map[uint64]bool{}
		for people := []string{person}; len(people) > 0; people = people[1:] {
			for _, n := range s.history[people[0]] {
				numbers[n] = true
			}
			people = append(people, s.merged[people[0]]...)
		}
		end := s.counters["events"] + 1
		if before != (document.EventID{}) {
			end = s.ids[eventID{before.Source, before.JTI}]
		}
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(numbers))) {
			if n < end && len(records) < limit {
				records = append(records, s.events[n])
			}
		}
		return nil
	})
	return records, err
}
