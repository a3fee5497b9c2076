package bolt

import (
	"cmp"
	"context"
	"slices"

	"vidimus/internal/document"
	"vidimus/internal/registry"
)

// outcomeValue is an outcome with the digest of its token.
type outcomeValue struct {
	Digest  registry.Digest  `json:"digest"`
	Outcome registry.Outcome `json:"outcome"`
}

// ApplyEvents implements registry.Store. The events are queued in order and
// share transactions with each other and with other writers.
func (s *Store) ApplyEvents(ctx context.Context, apps []registry.Application) []registry.Result {
	results := make([]registry.Result, len(apps))
	ops := make([]*operation, len(apps))
	for i, app := range apps {
		ops[i], results[i].Err = s.writer.submit(ctx, func(t *tx) error {
			var err error
			results[i].Outcome, err = t.applyEvent(app)
			return err
		})
	}
	for i, op := range ops {
		if op == nil {
			continue
		}
		if <-op.done; op.err != nil {
			results[i] = registry.Result{Err: op.err}
		}
	}
	return results
}

// applyEvent is the numbered step of registry.Store.
func (t *tx) applyEvent(app registry.Application) (registry.Outcome, error) {
	rec := app.Record
	id := pair(rec.Source, []byte(rec.JTI))
	var known outcomeValue
	switch exists, err := t.record(outcomeBucket, id, &known); { // step 1
	case err != nil:
		return registry.Outcome{}, err
	case exists && known.Digest != rec.Digest:
		return registry.Outcome{}, registry.ErrOtherToken
	case exists:
		known.Outcome.Repeated = true
		return known.Outcome, nil
	}
	if next := toNumber(t.get(sourceBucket, []byte(rec.Source))) + 1; rec.Seq != next { // step 2
		return registry.Outcome{}, &registry.SeqError{Next: next, Got: rec.Seq}
	}
	person, err := t.holderFor(rec) // step 3
	if err != nil {
		return registry.Outcome{}, err
	}
	current, exists, err := t.subject(person)
	if err != nil {
		return registry.Outcome{}, err
	}
	if rec.Prev != nil && *rec.Prev != current.Version { // step 4
		return registry.Outcome{}, &registry.VersionError{Current: current.Version, Prev: *rec.Prev}
	}
	next, change, err := app.Decide(current, exists) // step 5
	if err != nil {
		return registry.Outcome{}, err
	}
	return t.writeEvent(rec, person, next, change) // step 6
}

func (t *tx) holderFor(rec registry.EventRecord) (string, error) {
	if rec.Document == "" {
		return rec.Person, nil
	}
	holder := t.get(holderBucket, []byte(rec.Document))
	switch {
	case rec.Person == "" && holder == nil:
		return "", registry.ErrSubjectNotFound
	case rec.Person == "":
		return string(holder), nil
	case holder != nil && string(holder) != rec.Person:
		return "", registry.ErrDocumentTaken
	}
	return rec.Person, nil
}

func (t *tx) writeEvent(rec registry.EventRecord, person string, next document.Subject, change document.Change) (registry.Outcome, error) {
	o := registry.Outcome{
		Source: rec.Source, JTI: rec.JTI, Event: rec.Name, Seq: rec.Seq, Version: next.Version,
		Accepted: rec.Accepted, Revokes: len(change.Revoke) > 0,
	}
	if change.Applied {
		if err := t.putRecord(subjectBucket, []byte(person), next); err != nil {
			return registry.Outcome{}, err
		}
		for _, d := range next.Documents {
			if !t.has(holderBucket, []byte(d.Number)) {
				t.put(holderBucket, []byte(d.Number), []byte(person))
			}
		}
	}
	if err := t.revoke(change.Revoke, &o); err != nil {
		return registry.Outcome{}, err
	}
	id := pair(rec.Source, []byte(rec.JTI))
	if err := t.putRecord(eventBucket, pair(rec.Source, number(rec.Seq)), rec); err != nil {
		return registry.Outcome{}, err
	}
	if err := t.putRecord(outcomeBucket, id, outcomeValue{rec.Digest, o}); err != nil {
		return registry.Outcome{}, err
	}
	t.put(sourceBucket, []byte(rec.Source), number(rec.Seq))
	if len(o.Lists) > 0 {
		t.put(pendingBucket, id, nil)
	}
	return o, t.note(rec.Audit)
}

// revoke flips every copy of the documents and adds them to the outcome.
func (t *tx) revoke(documents []string, o *registry.Outcome) error {
	byList := map[string][]uint32{}
	for _, number := range documents {
		err := t.eachBatch(number, func(b batchValue) error {
			if b.State == burned || b.List == "" {
				return nil
			}
			indices, err := t.indices(b)
			byList[b.List] = append(byList[b.List], indices...)
			return err
		})
		if err != nil {
			return err
		}
	}
	for id, indices := range byList {
		l, err := t.list(id)
		if err != nil {
			return err
		}
		since, grown, flipped := uint64(0), l.Version+1, 0
		for _, i := range indices {
			key := flipKey(id, i)
			at := t.get(flipBucket, key)
			if at == nil {
				at = number(grown)
				t.put(flipBucket, key, at)
				flipped++
			}
			since = max(since, toNumber(at))
		}
		if flipped > 0 {
			l.Version, l.Revoked = grown, l.Revoked+flipped
			if err := t.putRecord(listBucket, []byte(id), l); err != nil {
				return err
			}
		}
		o.Copies += len(indices)
		o.Lists = append(o.Lists, registry.ListVersion{URI: l.URI, Version: since})
	}
	slices.SortFunc(o.Lists, func(a, b registry.ListVersion) int { return cmp.Compare(a.URI, b.URI) })
	return nil
}

func (t *tx) subject(person string) (document.Subject, bool, error) {
	s := document.Subject{Number: person}
	exists, err := t.record(subjectBucket, []byte(person), &s)
	return s, exists, err
}

// Outcome implements registry.Store.
func (s *Store) Outcome(ctx context.Context, source, jti string) (registry.Outcome, error) {
	var v outcomeValue
	err := s.view(ctx, func(t *tx) error {
		exists, err := t.record(outcomeBucket, pair(source, []byte(jti)), &v)
		if err == nil && !exists {
			err = registry.ErrOutcomeNotFound
		}
		return err
	})
	return v.Outcome, err
}

// Subject implements registry.Records.
func (s *Store) Subject(ctx context.Context, person string) (document.Subject, error) {
	var subject document.Subject
	err := s.view(ctx, func(t *tx) error {
		found, exists, err := t.subject(person)
		if err == nil && !exists {
			err = registry.ErrSubjectNotFound
		}
		if err == nil {
			subject = found
		}
		return err
	})
	return subject, err
}

// Holder implements registry.Records.
func (s *Store) Holder(ctx context.Context, document string) (person string, err error) {
	err = s.view(ctx, func(t *tx) error {
		holder := t.get(holderBucket, []byte(document))
		if holder == nil {
			return registry.ErrSubjectNotFound
		}
		person = string(holder)
		return nil
	})
	return person, err
}
