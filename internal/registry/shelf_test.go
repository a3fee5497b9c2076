package registry_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/registry"
)

// shelf is a registry.Store in memory, without lists: each document has as
// many copies as copies says, and one list, until covered is called.
type shelf struct {
	// before, when not nil, is called by ApplyEvents before anything is done.
	before func([]registry.Application)

	mu       sync.Mutex
	steps    int // calls of ApplyEvents
	events   map[document.EventID]registry.EventRecord
	outcomes map[document.EventID]*registry.Outcome
	last     map[string]uint64
	subjects map[string]document.Subject
	units    uint64
	holders  map[string]string
	copies   map[string]int
	rows     map[string][]registry.ReceiptRow
	cursors  map[string]uint64
	audit    []audit.Event
	fail     error // of every writing
}

func newShelf() *shelf {
	return &shelf{
		events: map[document.EventID]registry.EventRecord{}, outcomes: map[document.EventID]*registry.Outcome{}, last: map[string]uint64{},
		subjects: map[string]document.Subject{}, holders: map[string]string{}, copies: map[string]int{}, rows: map[string][]registry.ReceiptRow{},
		cursors: map[string]uint64{},
	}
}

func (s *shelf) ApplyEvents(_ context.Context, apps []registry.Application) []registry.Result {
	if s.before != nil {
		s.before(apps)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps++
	results := make([]registry.Result, len(apps))
	for i, a := range apps {
		if results[i].Err = s.fail; s.fail == nil {
			results[i].Outcome, results[i].Err = s.apply(a)
		}
	}
	return results
}

func (s *shelf) apply(a registry.Application) (registry.Outcome, error) {
	r := a.Record
	id := document.EventID{Source: r.Source, JTI: r.JTI}
	if old, known := s.events[id]; known {
		if old.Digest != r.Digest {
			return registry.Outcome{}, registry.ErrOtherToken
		}
		o := *s.outcomes[id]
		o.Repeated = true
		return o, nil
	}
	if next := s.last[r.Source] + 1; r.Seq != next {
		return registry.Outcome{}, &registry.SeqError{Next: next, Got: r.Seq}
	}
	var subjects []document.Subject
	var version uint64
	if r.Wallet == "" {
		holder := s.holders[r.Document]
		switch {
		case r.Person == "" && holder == "":
			return registry.Outcome{}, registry.ErrSubjectNotFound
		case r.Person == "":
			r.Person = holder
		case holder != "" && holder != r.Person:
			return registry.Outcome{}, registry.ErrDocumentTaken
		}
		for _, number := range []string{r.Person, r.Other} {
			if number != "" {
				subject := s.subjects[number]
				subject.Number = number
				subjects = append(subjects, subject)
			}
		}
		version = subjects[0].Version
	} else {
		version = s.units
	}
	if r.Prev != nil && *r.Prev != version {
		return registry.Outcome{}, &registry.VersionError{Current: version, Prev: *r.Prev}
	}
	next, change, err := a.Decide(subjects)
	if err != nil {
		return registry.Outcome{}, err
	}
	if r.Audit.Person == "" && r.Wallet == "" {
		r.Audit.Person, r.Audit.Subject = r.Person, ""
	}
	s.append(r.Audit)
	o := registry.Outcome{Source: r.Source, JTI: r.JTI, Event: r.Name, Seq: r.Seq, Version: version, Accepted: r.Accepted}
	if change.Applied {
		for _, n := range next {
			s.put(n)
		}
		if len(next) > 0 {
			o.Version = next[0].Version
		}
	}
	s.revoke(&o, change)
	s.events[id], s.outcomes[id], s.last[r.Source] = r, &o, r.Seq
	s.row(o, r.Accepted)
	return o, nil
}

func (s *shelf) put(n document.Subject) {
	s.subjects[n.Number] = n
	for _, d := range n.Documents {
		s.holders[d.Number] = n.Number
	}
}

func (s *shelf) revoke(o *registry.Outcome, c document.Change) {
	for _, r := range c.Revoke {
		o.Revokes, o.Urgent = true, o.Urgent || r.Urgent
		o.Copies += s.copies[r.Document]
		delete(s.copies, r.Document)
	}
}

func (s *shelf) row(o registry.Outcome, at time.Time) {
	s.rows[o.Source] = append(s.rows[o.Source], registry.ReceiptRow{Number: uint64(len(s.rows[o.Source])) + 1, At: at, Outcome: o})
}

// append keeps a line as a store does: with a pseudonym for the person.
func (s *shelf) append(e audit.Event) {
	e, err := audit.Pseudonymise(e, blank{})
	if err == nil {
		err = e.Check()
	}
	if err != nil {
		panic(fmt.Sprintf("%v: %+v", err, e))
	}
	s.audit = append(s.audit, e)
}

type blank struct{}

func (blank) Pseudonym(string, time.Time) (string, error) { return "somebody", nil }

// covered publishes all that was revoked.
func (s *shelf) covered(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.outcomes {
		if o.Copies > 0 && o.Covered.IsZero() {
			o.Covered, o.Lists = at, []registry.ListVersion{{URI: "https://office.example/status/1", Version: 2}}
			s.row(*o, at)
		}
	}
}

func (s *shelf) ApplyDue(_ context.Context, now time.Time, limit int, advance registry.Advance, note func(before, after document.Subject, c document.Change) audit.Event) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, before := range s.subjects {
		if next := before.Next(); next.IsZero() || next.After(now) || n == limit {
			continue
		}
		n++
		after, change := advance(before)
		s.put(after)
		s.append(note(before, after, change))
		for _, r := range change.Revoke {
			if o := s.outcomes[r.Cause]; o != nil {
				o.Version, o.Covered, o.Lists = after.Version, time.Time{}, nil
				s.revoke(o, document.Change{Revoke: []document.Revocation{r}})
				s.row(*o, now)
			}
		}
	}
	return n, s.fail
}

func (s *shelf) Outcome(_ context.Context, source, jti string) (registry.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.outcomes[document.EventID{Source: source, JTI: jti}]; o != nil {
		return *o, nil
	}
	return registry.Outcome{}, registry.ErrOutcomeNotFound
}

func (s *shelf) LastSeq(_ context.Context, source string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[source], nil
}

func (s *shelf) Receipts(_ context.Context, source string, after uint64, limit int) ([]registry.ReceiptRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.rows[source]
	rows = rows[min(after, uint64(len(rows))):]
	return append([]registry.ReceiptRow(nil), rows[:min(limit, len(rows))]...), s.fail
}

func (s *shelf) Cursor(_ context.Context, name string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[name], s.fail
}

func (s *shelf) SetCursor(_ context.Context, name string, n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursors[name] = n
	return s.fail
}

func (s *shelf) Append(_ context.Context, e audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(e)
	return s.fail
}

func (s *shelf) subject(number string) document.Subject {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subjects[number]
}
