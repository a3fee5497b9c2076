package bolt

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/emergency"
)

// plan reads a plan. ErrPlanNotFound.
func (t *tx) plan(id string) (p emergency.Plan, err error) {
	if id == "" {
		return p, emergency.ErrPlanNotFound
	}
	known, err := t.record(planBucket, []byte(id), &p)
	if err == nil && !known {
		err = emergency.ErrPlanNotFound
	}
	return p, err
}

func (t *tx) putPlan(p emergency.Plan) error { return t.putRecord(planBucket, []byte(p.ID), p) }

// PutPlan implements emergency.Store.
func (s *Store) PutPlan(ctx context.Context, p emergency.Plan, now time.Time, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		if p.ID == "" || t.has(planBucket, []byte(p.ID)) {
			return emergency.ErrPlanTaken
		}
		all, err := t.plans()
		if err != nil {
			return err
		}
		if err := p.Admit(all, now); err != nil {
			return err
		}
		if err := t.putPlan(p); err != nil {
			return err
		}
		return s.note(t, did)
	})
}

func (t *tx) plans() (plans []emergency.Plan, err error) {
	err = t.scan(planBucket, nil, func(_, value []byte) error {
		var p emergency.Plan
		if err := decode(value, &p); err != nil {
			return err
		}
		plans = append(plans, p)
		return nil
	})
	slices.SortFunc(plans, func(a, b emergency.Plan) int { return b.Drafted.Compare(a.Drafted) })
	return plans, err
}

// Plan implements emergency.Store.
func (s *Store) Plan(ctx context.Context, id string) (p emergency.Plan, err error) {
	err = s.view(ctx, func(t *tx) error {
		p, err = t.plan(id)
		return err
	})
	return p, err
}

// Plans implements emergency.Store.
func (s *Store) Plans(ctx context.Context) (plans []emergency.Plan, err error) {
	err = s.view(ctx, func(t *tx) error {
		plans, err = t.plans()
		return err
	})
	return plans, err
}

// change changes a plan in one step; change says whether there is anything to
// write.
func (s *Store) change(ctx context.Context, id string, did audit.Event, change func(*tx, *emergency.Plan) (bool, error)) (emergency.Plan, error) {
	var p emergency.Plan
	err := s.update(ctx, func(t *tx) (err error) {
		if p, err = t.plan(id); err != nil {
			return err
		}
		changed, err := change(t, &p)
		if err != nil || !changed {
			return err
		}
		if err := t.putPlan(p); err != nil {
			return err
		}
		return s.note(t, did)
	})
	if err != nil {
		return emergency.Plan{}, err
	}
	return p, nil
}

// ApprovePlan implements emergency.Store.
func (s *Store) ApprovePlan(ctx context.Context, id, hash string, by emergency.Signature, expires, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.change(ctx, id, did, func(_ *tx, p *emergency.Plan) (bool, error) {
		switch {
		case p.Hash != hash:
			return false, emergency.ErrHash
		case p.Proposed.Same(by):
			return false, emergency.ErrSameHuman
		case p.Approved.Officer == by.Officer:
			return false, nil // as before
		case p.Approved.Officer != "":
			return false, emergency.ErrPlanTaken
		case !p.Expires.After(now):
			return false, emergency.ErrExpired
		}
		p.Approved, p.Expires = by, expires
		return true, nil
	})
}

// DismissPlan implements emergency.Store.
func (s *Store) DismissPlan(ctx context.Context, id, hash string, by emergency.Signature, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.change(ctx, id, did, func(_ *tx, p *emergency.Plan) (bool, error) {
		switch {
		case p.Hash != hash:
			return false, emergency.ErrHash
		case p.Proposed.Human != by.Human:
			return false, emergency.ErrNotYours
		case !p.Begun.IsZero():
			return false, emergency.ErrBegun
		case !p.Expires.After(now):
			return false, nil
		}
		p.Expires = now
		return true, nil
	})
}

// BeginPlan implements emergency.Store.
func (s *Store) BeginPlan(ctx context.Context, id string, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.change(ctx, id, did, func(t *tx, p *emergency.Plan) (bool, error) {
		switch {
		case !p.Begun.IsZero():
			return false, nil
		case p.Approved.Officer == "" || p.Approved.Human == p.Proposed.Human:
			return false, emergency.ErrNotApproved
		case !p.Expires.After(now):
			return false, emergency.ErrExpired
		}
		p.Begun = now
		var all []emergency.Plan
		if p.Act == emergency.Lift {
			var err error
			if all, err = t.plans(); err != nil {
				return false, err
			}
			p.Done, p.Covered = now, now
		}
		for _, stop := range p.Stops(now.Unix()) {
			key := stopKey(stop.Kind, stop.Value)
			var before emergency.Stop
			there, err := t.record(stopBucket, key, &before)
			switch {
			case err != nil:
				return false, err
			case p.Act == emergency.Lift && !p.Lifts(before, all):
				return false, emergency.ErrNeeded
			case p.Act == emergency.Lift:
				t.delete(stopBucket, key)
				continue
			case there:
				stop = before.Again(stop)
			}
			value, err := json.Marshal(stop)
			if err != nil {
				return false, err
			}
			t.put(stopBucket, key, value)
		}
		return true, nil
	})
}

// PausePlan implements emergency.Store.
func (s *Store) PausePlan(ctx context.Context, id string, paused bool, did audit.Event) (emergency.Plan, error) {
	return s.change(ctx, id, did, func(_ *tx, p *emergency.Plan) (bool, error) {
		if p.Begun.IsZero() {
			return false, emergency.ErrNotBegun
		}
		changed := p.Done.IsZero() && p.Paused != paused
		if changed {
			p.Paused = paused
		}
		return changed, nil
	})
}

// CoverPlan implements emergency.Store.
func (s *Store) CoverPlan(ctx context.Context, id string, lists map[string]uint64, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.change(ctx, id, did, func(_ *tx, p *emergency.Plan) (bool, error) {
		if p.Done.IsZero() {
			return false, emergency.ErrNotBegun
		}
		if !p.Covered.IsZero() {
			return false, nil
		}
		for uri := range p.Lists {
			p.Lists[uri] = lists[uri]
		}
		p.Covered = now
		return true, nil
	})
}
