package bolt

import (
	"bytes"
	"context"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
)

// StepPlan implements emergency.Store.
func (s *Store) StepPlan(ctx context.Context, id string, step, limit int, now time.Time, did func(emergency.Plan) audit.Event) (emergency.Plan, error) {
	var p emergency.Plan
	err := s.update(ctx, func(t *tx) (err error) {
		if p, err = t.plan(id); err != nil {
			return err
		}
		switch {
		case p.Begun.IsZero():
			return emergency.ErrNotBegun
		case step < p.Steps || !p.Done.IsZero():
			return nil // done before
		case p.Paused:
			return emergency.ErrPaused
		}
		if err := s.stepPlan(t, &p, limit, now); err != nil {
			return err
		}
		if err := t.putPlan(p); err != nil {
			return err
		}
		return s.note(t, did(p))
	})
	if err != nil {
		return emergency.Plan{}, err
	}
	return p, nil
}

// stepPlan revokes the next batches of a plan.
func (s *Store) stepPlan(t *tx, p *emergency.Plan, limit int, now time.Time) error {
	var batches []*batchValue
	// What a crash left of the scope is judged by the instant at which it began:
	// a copy that expired since is revoked, and harms nobody.
	next, err := newScoping(t, p.Scope, p.Begun).each(p.Cursor, limit*emergency.StepReach, func(b *batchValue) (bool, error) {
		batches = append(batches, b)
		return len(batches) == limit, nil
	})
	if err != nil {
		return err
	}
	p.Lists, p.ByKey = mapOf(p.Lists), mapOf(p.ByKey)
	f := flipping{store: s, tx: t, opening: &opening{at: now, versions: map[uint32]uint64{}}, grown: map[uint32]int{}, gone: map[string]uint64{}}
	for _, b := range batches {
		if b.Kind == issuance.StatusNone {
			p.Ending += b.Count
			continue
		}
		before := f.flips()
		if err := f.batch(b, true, true); err != nil {
			return err
		}
		n := f.flips() - before
		if n == 0 {
			continue
		}
		p.Revoked += n
		p.ByKey[b.SignerKeyID] += n
		if err := t.concern(p, b, n); err != nil {
			return err
		}
	}
	if p.Scope.Bounded() && p.Revoked > p.Bound {
		return emergency.ErrGrown
	}
	for n := range f.grown {
		l, err := s.list(t, n)
		if err != nil {
			return err
		}
		p.Lists[l.URI] = 0
	}
	p.Steps++
	if p.Cursor = next; next == "" {
		p.Done = now
	}
	return f.count()
}

func mapOf[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// flips is how many are new so far.
func (f *flipping) flips() (n int) {
	for _, grown := range f.grown {
		n += grown
	}
	return n
}

// concern keeps whose copies were revoked.
func (t *tx) concern(p *emergency.Plan, b *batchValue, n int) error {
	key := pair(p.ID, []byte(b.Document))
	c := emergency.Concerned{Document: b.Document, Person: b.Person}
	if v := t.get(concernedBucket, key); v != nil {
		var err error
		if c, err = decodeConcerned(b.Document, v); err != nil {
			return err
		}
	} else {
		p.Documents++
	}
	c.Revoked += n
	t.put(concernedBucket, key, encodeConcerned(c))
	return nil
}

// TellConcerned implements emergency.Store.
func (s *Store) TellConcerned(ctx context.Context, id string, limit int, now time.Time, effect func(string) document.Effect) (emergency.Plan, error) {
	var p emergency.Plan
	err := s.update(ctx, func(t *tx) (err error) {
		if p, err = t.plan(id); err != nil {
			return err
		}
		prefix := pair(id, nil)
		from := prefix
		if p.ToldCursor != "" {
			from = append(pair(id, []byte(p.ToldCursor)), 0)
		}
		var next []emergency.Concerned
		err = t.scanFrom(concernedBucket, prefix, from, func(key, value []byte) error {
			if len(next) == limit {
				return errEnough
			}
			c, err := decodeConcerned(string(key[len(prefix):]), value)
			next = append(next, c)
			return err
		})
		if err != nil || len(next) == 0 {
			return err
		}
		for _, c := range next {
			to := c.Person
			if holder := t.get(holderBucket, []byte(c.Document)); holder != nil {
				to = string(holder)
			}
			c.Told = true
			t.put(concernedBucket, pair(id, []byte(c.Document)), encodeConcerned(c))
			err := t.newNotice(notice.Record{
				Person: to, Created: now, State: notice.Waiting, Next: now,
				Notice: document.Notice{Document: c.Document, Fact: document.FactOfficeEmergency, Effect: effect(c.Document), Since: p.Begun},
			})
			if err != nil {
				return err
			}
		}
		p.Told += len(next)
		p.ToldCursor = next[len(next)-1].Document
		return t.putPlan(p)
	})
	if err != nil {
		return emergency.Plan{}, err
	}
	return p, nil
}

// takeConcerned forgets whom plans concerned that were done before an instant,
// once all of them were told.
func (t *tx) takeConcerned(before time.Time, limit int) (int, error) {
	all, err := t.plans()
	if err != nil {
		return 0, err
	}
	var keys [][]byte
	for _, p := range all {
		if p.Done.IsZero() || p.Done.After(before) || p.Told < p.Documents || len(keys) == limit {
			continue
		}
		err := t.scan(concernedBucket, pair(p.ID, nil), func(key, _ []byte) error {
			if len(keys) == limit {
				return errEnough
			}
			keys = append(keys, bytes.Clone(key))
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	for _, key := range slices.Clip(keys) {
		t.delete(concernedBucket, key)
	}
	return len(keys), nil
}
