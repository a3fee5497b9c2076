package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/faults"
)

// Publish releases what is due, signs every list that has changed or whose
// token has reached half of its ttl, hands them to the sink, lets the new
// objects take the place of the old ones at one instant, and marks what waited
// for them as covered. A list that cannot be published stays as it was and
// does not keep back the others. What the sink did not take is served all the
// same, but covers nothing before the sink has it.
func (p *Publisher) Publish(ctx context.Context) error {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	began := p.cfg.Clock.Now()
	waiting := p.waiting.Swap(0)
	if err := p.begin(ctx); err != nil {
		return err
	}
	if err := p.turn(began); err != nil {
		return err
	}
	var troubles []error
	if err := p.plan(ctx, began); err != nil {
		troubles = append(troubles, fmt.Errorf("planning noise: %w", err))
	}
	released, err := p.cfg.Store.Release(ctx, began)
	if err != nil {
		troubles = append(troubles, fmt.Errorf("releasing flips: %w", err))
	}
	faults.Point("publication.released")
	lists, err := p.cfg.Store.Lists(ctx)
	if err != nil {
		return errors.Join(append(troubles, fmt.Errorf("reading status lists: %w", err))...)
	}
	p.orphans(lists)
	lists, gone := p.retiring(lists, began)
	next, signed, failed := p.edit(ctx, lists, released)
	troubles = append(troubles, failed...)
	faults.Point("publication.signed")
	if err := p.put(ctx, next, signed, gone); err != nil {
		troubles = append(troubles, err)
	}
	if err := p.retire(ctx, gone, began); err != nil {
		troubles = append(troubles, err)
	}
	if err := p.cover(ctx); err != nil {
		troubles = append(troubles, err)
	}
	p.measure(began, waiting, len(signed), len(released), len(troubles) > 0)
	return errors.Join(troubles...)
}

// begin asks the sink, once, what it has of the time before this process.
func (p *Publisher) begin(ctx context.Context) error {
	if p.begun || p.cfg.Sink == nil {
		p.begun = true
		return nil
	}
	past, err := p.cfg.Sink.Published(ctx)
	if err != nil {
		return fmt.Errorf("reading what was published before: %w", err)
	}
	p.past, p.begun = past, true
	return nil
}

// plan makes up the noise of the window that has begun, when every real flip
// of it is known, and after a stop also of the one before: flips that are
// overdue come out together, and not alone.
func (p *Publisher) plan(ctx context.Context, now time.Time) error {
	number, begin, _ := p.cfg.Schedule.Window(now)
	if p.cfg.Cover <= 0 || number <= p.planned {
		return nil
	}
	if p.planned+1 < number {
		before := p.cfg.Schedule.Cover(begin.Add(-1), p.cfg.Cover, p.cfg.Rand)
		if _, err := p.cfg.Store.PlanCover(ctx, before); err != nil {
			return err
		}
	}
	if _, err := p.cfg.Store.PlanCover(ctx, p.cfg.Schedule.Cover(now, p.cfg.Cover, p.cfg.Rand)); err != nil {
		return err
	}
	faults.Point("publication.planned")
	p.planned = number
	return nil
}

// orphans raises an alarm for what was published before of which the store knows
// nothing. It stays where it is: copies may rest on it.
func (p *Publisher) orphans(lists []List) {
	known := make(map[string]bool, len(lists))
	for uri := range p.past {
		if len(known) == 0 {
			for _, l := range lists {
				known[l.URI] = true
			}
		}
		if !known[uri] {
			p.alarm("orphan "+uri, fmt.Errorf("%s was published before and the store has no such list: was it rolled back?", uri))
			delete(p.past, uri)
		}
	}
}

// retiring parts the lists that are served from those of which every copy has
// expired.
func (p *Publisher) retiring(lists []List, now time.Time) (live, gone []List) {
	cutoff := now.Add(-retireAfter)
	for _, l := range lists {
		if l.Closed && l.LastExpiry.Before(cutoff) {
			gone = append(gone, l)
		} else {
			live = append(live, l)
		}
	}
	return live, gone
}

// edit makes the next snapshot, and says which lists were signed anew.
func (p *Publisher) edit(ctx context.Context, lists []List, released []Released) (*snapshot, []*shard, []error) {
	before := p.current.Load()
	next := &snapshot{lists: make(map[string]*shard, len(lists)), aggregation: before.aggregation}
	fresh := make(map[string]Released, len(released))
	for _, r := range released {
		fresh[r.ID] = r
	}
	now := p.cfg.Clock.Now()
	var signed []*shard
	var troubles []error
	for _, l := range lists {
		old := before.lists[l.ID]
		if old != nil {
			next.lists[l.ID] = old
			if old.list.Version == l.Version && now.Before(old.issued.Add(p.cfg.TTL/2)) {
				continue
			}
		}
		s, err := p.renew(ctx, l, old, fresh[l.ID])
		if err != nil {
			troubles = append(troubles, fmt.Errorf("publishing status list %s: %w", l.ID, err))
			continue
		}
		next.lists[l.ID], signed = s, append(signed, s)
		delete(p.past, l.URI)
	}
	return next, signed, troubles
}

// renew makes the next state of one list, and signs it.
func (p *Publisher) renew(ctx context.Context, l List, old *shard, r Released) (*shard, error) {
	var s *shard
	last := p.past[l.URI].IssuedAt
	if old != nil {
		last = old.issued
		if old.list.Version == l.Version && old.list.URI == l.URI {
			s = &shard{list: l, bits: old.bits, indices: old.indices, body: old.body}
		} else {
			s = old.grown(l, r)
		}
	}
	if s == nil {
		var err error
		if s, err = p.load(ctx, l); err != nil {
			return nil, err
		}
	}
	if err := p.follows(s, old); err != nil {
		return nil, err
	}
	return s, p.sign(s, last)
}

// put serves what has changed, and hands it to the sink.
func (p *Publisher) put(ctx context.Context, next *snapshot, signed []*shard, gone []List) error {
	before := p.current.Load()
	if len(signed) == 0 && len(next.lists) == len(before.lists) && next.aggregation != nil && len(p.unwritten)+len(p.removed)+len(gone) == 0 {
		return nil
	}
	aggregation, err := aggregate(next.lists, AggregationURI(p.cfg.PublicURL))
	if err != nil {
		return err
	}
	if before.aggregation == nil || before.aggregation.ETag != aggregation.ETag {
		next.aggregation = aggregation
	}
	p.current.Store(next)
	if p.cfg.Sink == nil {
		return nil
	}
	return p.write(ctx, next, signed, gone)
}

// retire lets the store forget what is no longer served.
func (p *Publisher) retire(ctx context.Context, gone []List, now time.Time) error {
	if len(gone) == 0 || len(p.removed) > 0 {
		return nil
	}
	ids, err := p.cfg.Store.Retire(ctx, now.Add(-retireAfter))
	if err != nil {
		return fmt.Errorf("retiring status lists: %w", err)
	}
	for _, id := range ids {
		if p.cfg.Sink != nil && !slices.ContainsFunc(gone, func(l List) bool { return l.ID == id }) {
			p.removed[id] = true // closed meanwhile: with the next publication
		}
	}
	return nil
}

// cover tells the store what can be fetched everywhere.
func (p *Publisher) cover(ctx context.Context) error {
	lists := p.current.Load().lists
	published := make([]Published, 0, len(lists))
	for id, s := range lists {
		if !p.unwritten[id] {
			published = append(published, Published{ID: id, Version: s.list.Version})
		}
	}
	faults.Point("publication.before-covered")
	if _, err := p.cfg.Store.MarkCovered(ctx, published, p.cfg.Clock.Now()); err != nil {
		return fmt.Errorf("marking what the lists cover: %w", err)
	}
	faults.Point("publication.covered")
	return nil
}

// measure tells what a publication came to. What failed is still waited for.
func (p *Publisher) measure(began time.Time, waiting int64, signed, released int, failed bool) {
	now := p.cfg.Clock.Now()
	if signed > 0 && p.cfg.Measure.Published != nil {
		p.cfg.Measure.Published(signed, now.Sub(began))
	}
	if waiting == 0 {
		waiting = began.UnixNano()
	}
	switch {
	case failed:
		p.waiting.CompareAndSwap(0, waiting)
	case released > 0 && p.cfg.Measure.Lag != nil:
		p.cfg.Measure.Lag(now.Sub(time.Unix(0, waiting)))
	}
}
