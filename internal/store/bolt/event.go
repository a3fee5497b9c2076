package bolt

import (
	"context"
	"fmt"

	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/faults"
	"vidimus/internal/registry"
)

// sourceValue is how far a source is.
type sourceValue struct {
	number uint32 // stands for its name in keys
	seq    uint64 // last accepted
	rows   uint64 // receipt rows written
}

func (v sourceValue) encode() []byte {
	p := packer{b: make([]byte, 0, sealSize+16)}
	p.uint(uint64(v.number))
	p.uint(v.seq)
	p.uint(v.rows)
	return p.b
}

// source reads how far a source is; one that is new gets its number with the
// first putSource.
func (t *tx) source(name string) (sourceValue, error) {
	b := t.get(sourceBucket, []byte(name))
	if b == nil {
		return sourceValue{}, nil
	}
	u := unpacker{b: b}
	v := sourceValue{number: uint32(u.uint()), seq: u.uint(), rows: u.uint()}
	return v, u.end()
}

func (t *tx) putSource(name string, v sourceValue) {
	t.put(sourceBucket, []byte(name), v.encode())
}

// jtiValue says which event a jti names.
type jtiValue struct {
	event  uint64
	digest registry.Digest
}

func jtiKey(source uint32, jti string) []byte { return append(short(source), jti...) }

func (t *tx) jti(source uint32, jti string) (jtiValue, error) {
	var v jtiValue
	if source == 0 {
		return v, nil
	}
	b := t.get(jtiBucket, jtiKey(source, jti))
	if b == nil {
		return v, nil
	}
	u := unpacker{b: b}
	v.event = u.uint()
	u.fixed(v.digest[:])
	return v, u.end()
}

func (t *tx) putJTI(source uint32, jti string, v jtiValue) {
	p := packer{b: make([]byte, 0, sealSize+40)}
	p.uint(v.event)
	p.fixed(v.digest[:])
	t.put(jtiBucket, jtiKey(source, jti), p.b)
}

// eventOf finds the number of an event, 0 when there is none.
func (t *tx) eventOf(source, jti string) (uint64, error) {
	src, err := t.source(source)
	if err != nil {
		return 0, err
	}
	v, err := t.jti(src.number, jti)
	return v.event, err
}

// ApplyEvents implements registry.Store. The events are queued as one
// operation: a batch is one transaction, unless it is very large.
func (s *Store) ApplyEvents(ctx context.Context, apps []registry.Application) []registry.Result {
	results := make([]registry.Result, len(apps))
	if len(apps) == 0 {
		return results
	}
	steps := make([]step, len(apps))
	for i := range apps {
		steps[i] = func(t *tx) (err error) {
			results[i].Outcome, err = s.applyEvent(t, apps[i])
			faults.Point("store.event-applied")
			return err
		}
	}
	op, err := s.writer.submit(ctx, steps...)
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	<-op.done
	for i, err := range op.errs {
		if err != nil {
			results[i] = registry.Result{Err: err}
		}
	}
	return results
}

// applyEvent is the numbered step of registry.Store.
func (s *Store) applyEvent(t *tx, app registry.Application) (registry.Outcome, error) {
	rec := app.Record
	src, err := t.source(rec.Source)
	if err != nil {
		return registry.Outcome{}, err
	}
	forget := faults.Wrong("store.forget-jti")
	switch known, err := t.jti(src.number, rec.JTI); { // step 1
	case err != nil:
		return registry.Outcome{}, err
	case known.event == 0 || forget:
	case known.digest != rec.Digest:
		return registry.Outcome{}, registry.ErrOtherToken
	default:
		o, err := t.outcome(known.event)
		o.Repeated = true
		return o, err
	}
	if rec.Seq != src.seq+1 && !forget { // step 2
		return registry.Outcome{}, &registry.SeqError{Next: src.seq + 1, Got: rec.Seq}
	}
	if t.stopped(emergency.OfRegistry, rec.Source) {
		return registry.Outcome{}, registry.ErrStopped
	}
	people, err := t.peopleOf(rec) // step 3
	if err != nil {
		return registry.Outcome{}, err
	}
	var unit walletValue
	if rec.Wallet != "" {
		if unit, err = t.wallet(rec.Wallet); err != nil {
			return registry.Outcome{}, err
		}
	}
	version := unit.version
	before := make([]known, len(people))
	subjects := make([]document.Subject, len(people))
	for i, person := range people {
		if before[i], err = t.subjectFor(person, document.ConcernsAttributes(rec.Name)); err != nil {
			return registry.Outcome{}, err
		}
		subjects[i] = before[i].subject
		if i == 0 {
			version = before[i].version
		}
	}
	if rec.Prev != nil && *rec.Prev != version { // step 4
		return registry.Outcome{}, &registry.VersionError{Current: version, Prev: *rec.Prev}
	}
	next, change, err := app.Decide(subjects) // step 5
	if err != nil {
		return registry.Outcome{}, err
	}
	if err := checkDecision(people, next); err != nil {
		return registry.Outcome{}, err
	}
	if len(people) > 0 {
		if err := t.checkWallets(change.Wallets, people); err != nil {
			return registry.Outcome{}, err
		}
	}
	e := &happening{at: rec.Accepted, version: version, own: document.EventID{Source: rec.Source, JTI: rec.JTI}}
	e.number = t.nextNumber(eventCountKey) // step 6
	e.outcome = registry.Outcome{Source: rec.Source, JTI: rec.JTI, Event: rec.Name, Seq: rec.Seq, Accepted: rec.Accepted}
	if src.number == 0 {
		src.number = uint32(t.nextNumber(sourceCountKey))
	}
	src.seq = max(src.seq, rec.Seq)
	t.putSource(rec.Source, src)
	if err := t.putEvent(e.number, rec, people, before); err != nil {
		return registry.Outcome{}, err
	}
	switch {
	case rec.Wallet != "" && len(people) == 0:
		if change.Applied {
			e.version++
		}
	case change.Applied:
		t.hold(before, next)
		for i, person := range people {
			if err := t.putSubject(person, before[i], next[i], e.number, next[i].Next()); err != nil {
				return registry.Outcome{}, err
			}
		}
		e.version = next[0].Version
	default:
		for i, person := range people {
			t.putLast(person, before[i], e.number)
		}
	}
	if len(people) > 0 {
		e.person = heir(next[0])
	}
	if err := s.effect(t, e, change); err != nil {
		return registry.Outcome{}, err
	}
	if e.version != unit.version && len(people) == 0 {
		if unit, err = t.wallet(rec.Wallet); err != nil { // it may be revoked now
			return registry.Outcome{}, err
		}
		unit.version = e.version
		t.putWallet(rec.Wallet, unit)
	}
	t.putJTI(src.number, rec.JTI, jtiValue{e.number, rec.Digest})
	return e.outcome, s.note(t, rec.Audited(people))
}

// heir is the person who has the record of a subject.
func heir(s document.Subject) string {
	if s.MergedInto != "" {
		return s.MergedInto
	}
	return s.Number
}

// peopleOf gives the persons that an event is about.
func (t *tx) peopleOf(rec registry.EventRecord) ([]string, error) {
	person := rec.Person
	if rec.Document != "" {
		holder := t.get(holderBucket, []byte(rec.Document))
		switch {
		case person == "" && holder == nil:
			return nil, registry.ErrSubjectNotFound
		case person == "":
			person = string(holder)
		case holder != nil && string(holder) != person:
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

// checkDecision refuses states of others than those who were asked for.
func checkDecision(people []string, next []document.Subject) error {
	if len(next) != len(people) {
		return fmt.Errorf("decided on %d subjects, %d were given", len(next), len(people))
	}
	for i, s := range next {
		if s.Number != people[i] || i > 0 && people[0] == people[1] {
			return fmt.Errorf("decided on another subject than was given")
		}
	}
	return nil
}

// LastSeq implements registry.Store.
func (s *Store) LastSeq(ctx context.Context, source string) (uint64, error) {
	var v sourceValue
	err := s.view(ctx, func(t *tx) (err error) {
		v, err = t.source(source)
		return err
	})
	return v.seq, err
}

// Cursor implements registry.Store.
func (s *Store) Cursor(ctx context.Context, name string) (n uint64, err error) {
	err = s.view(ctx, func(t *tx) error {
		n = toNumber(t.get(cursorBucket, []byte(name)))
		return nil
	})
	return n, err
}

// SetCursor implements registry.Store.
func (s *Store) SetCursor(ctx context.Context, name string, n uint64) error {
	return s.update(ctx, func(t *tx) error {
		t.put(cursorBucket, []byte(name), number(n))
		return nil
	})
}
