package emergency

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/problem"
)

// Propose keeps a draft under the word of one human. The draft is counted again:
// one that says more copies than there are, or another scope, is refused.
func (s *Service) Propose(ctx context.Context, d Draft, by Signed) (Plan, error) {
	now := s.p.Clock.Now()
	d.Drafted = d.Drafted.UTC()
	signature, err := s.verify(by, Propose, d.ID, d.Hash())
	if err != nil {
		return Plan{}, s.refused(ctx, "unknown", d, err)
	}
	fresh, err := s.Draft(ctx, Wish{Kind: d.Scope.Kind, Value: d.Scope.Value, Act: d.Act, Pace: d.Pace, Reference: d.Reference})
	switch {
	case err != nil:
		return Plan{}, err
	case d.Reference == "":
		return Plan{}, problem.New(problem.InvalidRequest, "the reference is missing: the number of the case, by which whoever asks later why copies were revoked finds the file")
	case d.Office != s.p.Office:
		return Plan{}, problem.New(problem.InvalidRequest, "the draft is not of this office")
	case !planID(d.ID):
		return Plan{}, problem.New(problem.InvalidRequest, "the id of the draft is not one that this office made: e- and %d hexadecimal digits", 2*idSize)
	case d.Drafted.After(now) || !d.Drafted.Equal(d.Drafted.Truncate(time.Second)):
		return Plan{}, problem.New(problem.InvalidRequest, "the draft is of a time to come, or of no whole second: count anew")
	case now.Sub(d.Drafted) > Lifetime:
		return Plan{}, refusal(ErrExpired)
	case d.Act != fresh.Act || d.Pace != fresh.Pace || d.Reference != fresh.Reference:
		return Plan{}, problem.New(problem.InvalidRequest, "the draft is not whole: act, pace and reference are those that it was counted with")
	case d.Ends != fresh.Ends:
		return Plan{}, problem.New(problem.Conflict, "the stop is not that of the plan which the draft names: count anew")
	case d.Scope.Kind != fresh.Scope.Kind || d.Scope.Value != fresh.Scope.Value || !slices.Equal(d.Scope.Keys, fresh.Scope.Keys) || !slices.Equal(d.Scope.Types, fresh.Scope.Types):
		return Plan{}, problem.New(problem.Conflict, "the scope is not what it was when it was counted: count anew")
	case !d.Counts.like(fresh.Counts), d.Act == Lift && d.Bound != 0, d.Act != Lift && d.Bound != boundOf(d.Counts.Copies):
		return Plan{}, problem.New(problem.Conflict, "the draft counts %d copies, there are %d, or the rest is not as it is counted now: count anew", d.Counts.Copies, fresh.Counts.Copies)
	}
	p := Plan{Draft: d, Hash: d.Hash(), Proposed: signature, Expires: now.Add(Lifetime).UTC()}
	did := s.event(ActionPropose, signature.Officer, audit.Done, d, map[string]string{"count": number(d.Counts.Copies), "size": number(d.Bound), "until": p.Expires.Format(time.RFC3339)})
	if err := s.p.Store.PutPlan(ctx, p, now, did); err != nil {
		return Plan{}, s.full(ctx, p, now, err)
	}
	return p, nil
}

// full names, when one human has too many plans, which of them wait.
func (s *Service) full(ctx context.Context, p Plan, now time.Time, err error) error {
	if !errors.Is(err, ErrManyPlans) {
		return refusal(err)
	}
	all, failed := s.p.Store.Plans(ctx)
	if failed != nil {
		return unavailable(failed)
	}
	var own []string
	for _, other := range all {
		if other.Waits(now) && other.Proposed.Human == p.Proposed.Human {
			own = append(own, other.ID+" ("+other.Line(s.Keys())+", until "+stamp(other.Expires)+")")
		}
	}
	return problem.Wrap(problem.Conflict, err, "%d plans of the same human wait, no more may: run them, wait for their end, or dismiss what is not needed (issuer emergency dismiss ID): %s",
		len(own), strings.Join(own, ", "))
}

// Dismiss ends a plan that has not begun, by a word of the human who proposed it.
func (s *Service) Dismiss(ctx context.Context, id string, by Signed) (Plan, error) {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return Plan{}, err
	}
	signature, err := s.verify(by, Dismiss, p.ID, p.Hash)
	if err != nil {
		return Plan{}, s.refused(ctx, "unknown", p.Draft, err)
	}
	p, err = s.p.Store.DismissPlan(ctx, id, p.Hash, signature, s.p.Clock.Now().UTC(), s.event(ActionDismiss, signature.Officer, audit.Done, p.Draft, nil))
	if errors.Is(err, ErrNotYours) {
		return Plan{}, s.refused(ctx, signature.Officer, Draft{ID: id}, refusal(err))
	}
	return p, refusal(err)
}

// Approve puts the word of a second human under a plan.
func (s *Service) Approve(ctx context.Context, id string, by Signed) (Plan, error) {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return Plan{}, err
	}
	signature, err := s.verify(by, Approve, p.ID, p.Hash)
	if err != nil {
		return Plan{}, s.refused(ctx, "unknown", p.Draft, err)
	}
	now := s.p.Clock.Now()
	did := s.event(ActionApprove, signature.Officer, audit.Done, p.Draft, map[string]string{"officer": p.Proposed.Officer, "size": number(p.Bound)})
	p, err = s.p.Store.ApprovePlan(ctx, id, p.Hash, signature, now.Add(Lifetime).UTC(), now, did)
	if errors.Is(err, ErrSameHuman) {
		return Plan{}, s.refused(ctx, signature.Officer, Draft{ID: id}, refusal(err))
	}
	return p, refusal(err)
}

// refused records what somebody tried alone.
func (s *Service) refused(ctx context.Context, actor string, d Draft, err error) error {
	id := d.ID
	if !planID(id) {
		id = "unknown"
	}
	auditErr := s.p.Audit.Append(ctx, audit.Event{
		Time: s.p.Clock.Now(), Action: ActionRefuse, Actor: actor, Subject: id, Outcome: audit.Denied, Detail: map[string]string{"problem": string(problem.KindOf(err))},
	})
	if auditErr != nil {
		return unavailable(errors.Join(err, auditErr))
	}
	return err
}

// Plan reads one.
func (s *Service) Plan(ctx context.Context, id string) (Plan, error) {
	p, err := s.p.Store.Plan(ctx, id)
	return p, refusal(err)
}

// Plans gives all, the newest first.
func (s *Service) Plans(ctx context.Context) ([]Plan, error) {
	plans, err := s.p.Store.Plans(ctx)
	return append([]Plan{}, plans...), refusal(err)
}

// Stops gives what is stopped.
func (s *Service) Stops(ctx context.Context) ([]Stop, error) {
	stops, err := s.p.Store.Stops(ctx)
	return append([]Stop{}, stops...), refusal(err)
}

// Pause keeps a run from its next step, or lets it go on. actor is an operator:
// to pause takes nothing back and to go on does what two humans wanted.
func (s *Service) Pause(ctx context.Context, id string, paused bool, actor string) (Plan, error) {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return Plan{}, err
	}
	action := ActionGoOn
	if paused {
		action = ActionPause
	}
	p, err = s.p.Store.PausePlan(ctx, id, paused, s.event(action, actor, audit.Done, p.Draft, nil))
	return p, refusal(err)
}
