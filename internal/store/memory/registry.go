package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/document"
	"vidimus/internal/registry"
)

type eventID struct{ source, jti string }

type event struct {
	record  registry.EventRecord
	outcome registry.Outcome
}

// ApplyEvents implements registry.Store.
func (s *Store) ApplyEvents(ctx context.Context, apps []registry.Application) []registry.Result {
	results := make([]registry.Result, len(apps))
	for i, app := range apps {
		results[i].Outcome, results[i].Err = s.applyEvent(ctx, app)
	}
	return results
}

func (s *Store) applyEvent(ctx context.Context, app registry.Application) (registry.Outcome, error) {
	if err := s.lock(ctx); err != nil {
		return registry.Outcome{}, err
	}
	defer s.mu.Unlock()
	rec := app.Record
	id := eventID{rec.Source, rec.JTI}
	if known := s.events[id]; known != nil {
		if known.record.Digest != rec.Digest {
			return registry.Outcome{}, registry.ErrOtherToken
		}
		o := copyOutcome(known.outcome)
		o.Repeated = true
		return o, nil
	}
	if next := s.seqs[rec.Source] + 1; rec.Seq != next {
		return registry.Outcome{}, &registry.SeqError{Next: next, Got: rec.Seq}
	}
	person := rec.Person
	if rec.Document != "" {
		switch holder, held := s.holders[rec.Document]; {
		case person == "" && !held:
			return registry.Outcome{}, registry.ErrSubjectNotFound
		case person == "":
			person = holder
		case held && holder != person:
			return registry.Outcome{}, registry.ErrDocumentTaken
		}
	}
	current, exists, err := s.subject(person)
	if err != nil {
		return registry.Outcome{}, err
	}
	if rec.Prev != nil && *rec.Prev != current.Version {
		return registry.Outcome{}, &registry.VersionError{Current: current.Version, Prev: *rec.Prev}
	}
	next, change, err := app.Decide(current, exists)
	if err != nil {
		return registry.Outcome{}, err
	}
	encoded, err := json.Marshal(next)
	if err != nil {
		return registry.Outcome{}, fmt.Errorf("encoding subject: %w", err)
	}
	note, err := s.note(rec.Audit)
	if err != nil {
		return registry.Outcome{}, err
	}

	// From here on nothing fails.
	o := registry.Outcome{
		Source: rec.Source, JTI: rec.JTI, Event: rec.Name, Seq: rec.Seq, Version: next.Version,
		Accepted: rec.Accepted, Revokes: len(change.Revoke) > 0,
	}
	if change.Applied {
		s.subjects[person] = encoded
		for _, d := range next.Documents {
			s.holders[d.Number] = person
		}
	}
	for _, number := range change.Revoke {
		s.revoke(number, &o)
	}
	slices.SortFunc(o.Lists, func(a, b registry.ListVersion) int { return strings.Compare(a.URI, b.URI) })
	if rec.Prev != nil {
		prev := *rec.Prev
		rec.Prev = &prev
	}
	s.events[id] = &event{record: rec, outcome: o}
	s.seqs[rec.Source] = rec.Seq
	if len(o.Lists) > 0 {
		s.pending[id] = true
	}
	note()
	return copyOutcome(o), nil
}

// revoke flips every copy of a document and adds them to the outcome.
func (s *Store) revoke(number string, o *registry.Outcome) {
	indices := map[*list][]uint32{}
	for _, id := range s.byDocument[number] {
		if b := s.batches[id]; b.state != burned && b.list != nil {
			indices[b.list] = append(indices[b.list], b.indices...)
		}
	}
	for l, all := range indices {
		since, grown := uint64(0), l.Version+1
		for _, i := range all {
			if _, before := l.revoked[i]; !before {
				l.revoked[i] = grown
				l.Version = grown
			}
			since = max(since, l.revoked[i])
		}
		o.Copies += len(all)
		at := slices.IndexFunc(o.Lists, func(v registry.ListVersion) bool { return v.URI == l.URI })
		if at < 0 {
			o.Lists = append(o.Lists, registry.ListVersion{URI: l.URI, Version: since})
			continue
		}
		o.Lists[at].Version = max(o.Lists[at].Version, since)
	}
}

func copyOutcome(o registry.Outcome) registry.Outcome {
	o.Lists = slices.Clone(o.Lists)
	return o
}

// Outcome implements registry.Store.
func (s *Store) Outcome(ctx context.Context, source, jti string) (registry.Outcome, error) {
	if err := s.lock(ctx); err != nil {
		return registry.Outcome{}, err
	}
	defer s.mu.Unlock()
	known := s.events[eventID{source, jti}]
	if known == nil {
		return registry.Outcome{}, registry.ErrOutcomeNotFound
	}
	return copyOutcome(known.outcome), nil
}

func (s *Store) subject(person string) (document.Subject, bool, error) {
	data, exists := s.subjects[person]
	if !exists {
		return document.Subject{Number: person}, false, nil
	}
	var subject document.Subject
	if err := json.Unmarshal(data, &subject); err != nil {
		return document.Subject{}, false, fmt.Errorf("decoding subject: %w", err)
	}
	return subject, true, nil
}

// Subject implements registry.Records.
func (s *Store) Subject(ctx context.Context, person string) (document.Subject, error) {
	if err := s.lock(ctx); err != nil {
		return document.Subject{}, err
	}
	defer s.mu.Unlock()
	subject, exists, err := s.subject(person)
	if err == nil && !exists {
		err = registry.ErrSubjectNotFound
	}
	if err != nil {
		return document.Subject{}, err
	}
	return subject, nil
}

// Holder implements registry.Records.
func (s *Store) Holder(ctx context.Context, document string) (string, error) {
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	person, held := s.holders[document]
	if !held {
		return "", registry.ErrSubjectNotFound
	}
	return person, nil
}
