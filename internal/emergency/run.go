package emergency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/faults"
	"vidimus/internal/problem"
)

func number(n int) string { return strconv.Itoa(n) }

// Run does an approved plan to its end, or what of it is left: it stops the
// scope, revokes step by step, and publishes. progress, which may be nil, is
// told after every step. Who runs twice at once runs once. The end of ctx ends
// it between two steps; Tend, or another Run, goes on.
func (s *Service) Run(ctx context.Context, id, actor string, progress func(Plan)) (Plan, error) {
	if progress == nil {
		progress = func(Plan) {}
	}
	p, err := s.begin(ctx, id, actor)
	if err != nil {
		return p, err
	}
	published := s.p.Clock.Now()
	var unpublished error
	for p.Done.IsZero() {
		if err := ctx.Err(); err != nil {
			return p, problem.Wrap(problem.Unavailable, err, "the run ended between two steps: run it again, it goes on where it was")
		}
		before, mine := p, 0
		p, err = s.p.Store.StepPlan(ctx, id, before.Steps, stepBatches, s.p.Clock.Now(), func(after Plan) audit.Event {
			mine = after.Revoked - before.Revoked // of two runs at once one does it
			return s.event(ActionStep, actor, audit.Done, after.Draft, map[string]string{
				"seq": number(after.Steps), "count": number(mine), "size": number(after.Revoked),
			})
		})
		if err != nil {
			return before, refusal(err)
		}
		s.p.Meter(mine)
		faults.Point("emergency.stepped")
		progress(p)
		if now := s.p.Clock.Now(); now.Sub(published) >= publishEvery && p.Done.IsZero() {
			// A full disk keeps no copy good: it is published at the end, or by Tend.
			unpublished = s.p.Publish(ctx)
			published = s.p.Clock.Now()
		}
	}
	covered, err := s.cover(ctx, p, actor)
	if err != nil && unpublished != nil {
		err = unavailable(errors.Join(err, fmt.Errorf("publishing, before the end: %w", unpublished)))
	}
	return covered, err
}

// begin counts once more what is not of given keys, and begins. What grew beyond
// the bound begins not: the scope is not stopped for it.
func (s *Service) begin(ctx context.Context, id, actor string) (Plan, error) {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return p, err
	}
	if !p.Begun.IsZero() {
		return p, nil
	}
	switch p.Stage(s.p.Clock.Now()) {
	case Waiting:
		return p, s.refused(ctx, actor, p.Draft, refusal(ErrNotApproved))
	case Expired:
		return p, refusal(ErrExpired)
	}
	for _, said := range []Signature{p.Proposed, p.Approved} {
		if !s.stands(said) {
			return p, s.refused(ctx, actor, p.Draft, problem.New(problem.AccessDenied,
				"officer %s, whose word is under the plan, may not decide on it any more, or not with this key: two who may propose and approve anew", said.Officer))
		}
	}
	// What a key signed is its own whatever it comes to: two humans signed its id,
	// and it signs until this begins.
	if p.Act != Lift && p.Scope.Bounded() {
		counts, err := s.count(ctx, p.Scope)
		if err != nil {
			return p, err
		}
		if counts.Copies > p.Bound {
			return p, s.refused(ctx, actor, p.Draft, problem.Wrap(problem.Conflict, ErrGrown, "the scope has grown to %d copies, %d were approved at most: count and propose anew", counts.Copies, p.Bound))
		}
	}
	p, err = s.p.Store.BeginPlan(ctx, id, s.p.Clock.Now(), s.event(ActionBegin, actor, audit.Done, p.Draft, map[string]string{"officer": p.Approved.Officer, "size": number(p.Bound)}))
	if err != nil {
		return p, refusal(err)
	}
	faults.Point("emergency.begun")
	return p, nil
}

// cover publishes and notes what covers the plan.
func (s *Service) cover(ctx context.Context, p Plan, actor string) (Plan, error) {
	faults.Point("emergency.ended")
	if !p.Covered.IsZero() {
		return p, nil
	}
	if err := s.p.Publish(ctx); err != nil {
		return p, unavailable(fmt.Errorf("publishing: %w", err))
	}
	versions, err := s.p.Versions(ctx)
	if err != nil {
		return p, unavailable(err)
	}
	covered, err := s.p.Store.CoverPlan(ctx, p.ID, versions, s.p.Clock.Now(), s.event(ActionCover, actor, audit.Done, p.Draft, map[string]string{
		"count": number(p.Revoked), "size": number(len(p.Lists)),
	}))
	if err != nil {
		return p, refusal(err)
	}
	return covered, nil
}

// Tend does what is left of plans that began: those that a crash or a terminal
// that hung up left behind go on, and holders are told, as many as the pace has
// come to. It is called once a minute or so.
func (s *Service) Tend(ctx context.Context) error {
	plans, err := s.Plans(ctx)
	if err != nil {
		return err
	}
	var errs []error // one plan that does not go on keeps no other back
	for _, p := range slices.Backward(plans) {
		if p.Begun.IsZero() || p.Act == Lift {
			continue
		}
		if err := s.goOn(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("plan %s: %w", p.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) goOn(ctx context.Context, p Plan) (err error) {
	if st := p.Stage(s.p.Clock.Now()); st == Running || st == Ended {
		// Whose copies are gone is told also when the rest may not be revoked.
		if p, err = s.Run(ctx, p.ID, "issuer", nil); err != nil && !errors.Is(err, ErrGrown) {
			return err
		}
	}
	if told := s.tell(ctx, p); told != nil {
		return errors.Join(err, fmt.Errorf("telling holders: %w", told))
	}
	return err
}

// tell puts the next wave of notices into the outbox. It waits until there is
// something to fetch: another key, or a registry that is not stopped any more.
// From then on the pace counts, and from each start of the office: the first
// wave is what the pace has for a minute.
func (s *Service) tell(ctx context.Context, p Plan) error {
	s.telling.Lock()
	defer s.telling.Unlock()
	if p.Told >= p.Documents {
		return nil
	}
	if blocked, err := s.Blocked(ctx, p); err != nil || blocked != "" {
		delete(s.waved, p.ID)
		return err
	}
	now := s.p.Clock.Now()
	used, waved := s.waved[p.ID]
	if !waved {
		used = now.Add(-time.Minute)
	}
	used = later(used, now.Add(-catchUp))
	each := time.Hour / time.Duration(max(p.Pace, 1))
	due := int(now.Sub(used) / each)
	if !waved {
		due = max(due, 1)
	}
	if due = min(due, p.Documents-p.Told); due <= 0 {
		return nil // before the walk over the tokens
	}
	refreshing, err := s.refreshing(ctx, p.Scope)
	if err != nil {
		return err
	}
	for due > 0 {
		told := p.Told
		p, err = s.p.Store.TellConcerned(ctx, p.ID, min(tellBatch, due), now, func(number string) document.Effect {
			if refreshing.has(number) {
				return document.EffectReissue
			}
			return document.EffectRevoke
		})
		if err != nil {
			return refusal(err)
		}
		if p.Told == told {
			return nil
		}
		due -= p.Told - told
		used = used.Add(time.Duration(p.Told-told) * each) // what is over goes into the next wave
		s.waved[p.ID] = used
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Blocked says what keeps wallets from fetching anew what a plan revoked, "" when
// nothing does.
func (s *Service) Blocked(ctx context.Context, p Plan) (string, error) {
	stops, err := s.Stops(ctx)
	if err != nil {
		return "", err
	}
	var concerned []string // nil is all
	if len(p.Counts.ByConfiguration) > 0 {
		concerned = slices.Sorted(maps.Keys(p.Counts.ByConfiguration))
	}
	signing := s.p.Signing(concerned)
	why := map[string]bool{}
	for _, stop := range stops {
		switch {
		case stop.Kind == OfKey && slices.Contains(signing, stop.Value):
			why["the office still signs with the stopped key "+s.Keys().Of(stop.Value)+": install a new one"] = true
		case stop.Kind == OfRegistry && p.Scope.Kind == OfRegistry && stop.Value == p.Scope.Value:
			why["registry "+stop.Value+" is stopped: lift that once its key is new"] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(why)), "; "), nil
}
