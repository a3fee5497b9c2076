package emergency

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/legible"
	"vidimus/internal/problem"
)

// Actions in the record.
const (
	ActionPropose = "emergency.propose"
	ActionApprove = "emergency.approve"
	ActionRefuse  = "emergency.refuse" // somebody tried what two humans must do
	ActionBegin   = "emergency.begin"  // the scope is stopped
	ActionStep    = "emergency.step"   // copies were revoked
	ActionDismiss = "emergency.dismiss"
	ActionPause   = "emergency.pause"
	ActionGoOn    = "emergency.go-on"
	ActionCover   = "emergency.cover"  // all is published
	ActionReport  = "emergency.report" // a report was made: its digest
	ActionList    = "emergency.list"   // somebody read whom it concerns
)

// Parts are what a Service works with; all are required but Keys and Meter.
type Parts struct {
	Office string // public URL
	Store  Store
	Audit  audit.Writer
	// Officers finds an account that may propose and confirm.
	Officers func(id string) (Officer, bool)
	// Configured gives the ids of a kind that the configuration names, and the
	// types of document of a source.
	Configured func(kind Kind) []string
	Types      func(source string) []string
	// Signing gives the ids of the keys that sign copies of configurations now; nil
	// stands for all of them.
	Signing func(configurations []string) []string
	// Publish releases what is due and publishes the lists.
	Publish func(ctx context.Context) error
	// Versions gives the version of every list that is kept, by URI.
	Versions func(ctx context.Context) (map[string]uint64, error)
	Clock    clock.Clock
	Rand     io.Reader
	// Keys gives the names of signing keys, those that signed before too. It may be nil.
	Keys func() KeyNames
	// Meter is told how many copies a step revoked. It may be nil.
	Meter func(copies int)
	Rates Rates
}

// Service is what an office does in an emergency. Safe for concurrent use.
type Service struct {
	p Parts

	telling sync.Mutex           // one wave at a time
	waved   map[string]time.Time // plan -> until when its pace is used up; none while it is blocked
}

// New makes a service.
func New(p Parts) (*Service, error) {
	if p.Office == "" || p.Store == nil || p.Audit == nil || p.Officers == nil || p.Configured == nil || p.Types == nil || p.Signing == nil ||
		p.Publish == nil || p.Versions == nil || p.Clock == nil || p.Rand == nil {
		return nil, errors.New("emergency: office, store, audit, officers, configured, types, signing, publish, versions, clock and rand are required")
	}
	if p.Meter == nil {
		p.Meter = func(int) {}
	}
	if p.Keys == nil {
		p.Keys = func() KeyNames { return nil }
	}
	p.Rates.fill()
	return &Service{p: p, waved: map[string]time.Time{}}, nil
}

// Wish is what an operator asks for.
type Wish struct {
	Kind Kind `json:"kind"`
	// Value is the id; of a key also serial=HEX of its certificate, or the name of a
	// signer that has one key.
	Value     string `json:"value,omitempty"`
	Act       Act    `json:"act,omitempty"`  // "" is Revoke
	Pace      int    `json:"pace,omitempty"` // 0 is DefaultPace
	Reference string `json:"reference,omitempty"`
}

// Draft counts what a wish reaches. Nothing is changed: this is the dry run. An
// id that nobody knows is NotFound, with those that there are.
func (s *Service) Draft(ctx context.Context, w Wish) (Draft, error) {
	scope, err := s.scope(ctx, &w)
	if err != nil {
		return Draft{}, err
	}
	d := Draft{Office: s.p.Office, Act: w.Act, Scope: scope, Pace: w.Pace, Reference: w.Reference, Drafted: s.p.Clock.Now().UTC().Truncate(time.Second)}
	if w.Act == Revoke {
		if d.Counts, err = s.count(ctx, scope); err != nil {
			return Draft{}, err
		}
		d.Bound = boundOf(d.Counts.Copies)
	} else {
		if d.Ends, err = s.ends(ctx, scope); err != nil {
			return Draft{}, err
		}
		d.Counts.ByKey, d.Counts.ByConfiguration = map[string]int{}, map[string]int{}
	}
	id := make([]byte, idSize)
	if _, err := io.ReadFull(s.p.Rand, id); err != nil {
		return Draft{}, unavailable(err)
	}
	d.ID = "e-" + hex.EncodeToString(id)
	return d, nil
}

// scope checks a wish and completes it.
func (s *Service) scope(ctx context.Context, w *Wish) (Scope, error) {
	if w.Act == "" {
		w.Act = Revoke
	}
	if w.Pace == 0 {
		w.Pace = DefaultPace
	}
	scope := Scope{Kind: w.Kind, Value: w.Value}
	switch {
	case w.Act != Revoke && w.Act != Lift:
		return scope, problem.New(problem.InvalidRequest, "the act is neither revoke nor lift")
	case w.Pace < 1 || w.Pace > MaxPace:
		return scope, problem.New(problem.InvalidRequest, "the pace is 1 to %d documents an hour", MaxPace)
	case w.Reference != "" && !fileNumber(w.Reference):
		return scope, problem.New(problem.InvalidRequest, "the reference is at most %d letters, digits and . / : _ -", maxReference)
	}
	if err := scope.check(); err != nil {
		return scope, err
	}
	if w.Act == Lift {
		return scope, nil
	}
	of := scope.Kind
	if of == OfAll {
		of = OfKey
	}
	known, err := s.p.Store.KnownScopes(ctx, of)
	if err != nil {
		return scope, unavailable(err)
	}
	if scope.Kind == OfAll { // a key that never signed is what is left to go on with
		known = append(known, s.p.Signing(nil)...)
	} else {
		known = append(known, s.p.Configured(of)...)
	}
	if scope.Kind == OfKey { // one that left the configuration is no less lost
		for _, n := range s.Keys() {
			known = append(known, n.ID)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	switch {
	case scope.Kind == OfAll:
		scope.Keys = known
		return scope, scope.check()
	case scope.Kind == OfKey:
		scope.Value, err = s.Keys().find(scope.Value, known)
		return scope, err
	case !slices.Contains(known, scope.Value):
		return scope, problem.New(problem.NotFound, "no %s %s: there are %s", scope.Kind, scope.Value, legible.Line(some(known)))
	case scope.Kind == OfRegistry:
		scope.Types = s.p.Types(scope.Value)
	}
	return scope, nil
}

// Keys gives the names of signing keys.
func (s *Service) Keys() KeyNames { return s.p.Keys() }

// ends finds the plan whose stop a scope is under. The stop of a key is for ever.
func (s *Service) ends(ctx context.Context, scope Scope) (Reason, error) {
	if scope.Kind == OfKey || scope.Kind == OfAll {
		return Reason{}, problem.New(problem.InvalidRequest, "the stop of a key is for ever: sign with another one")
	}
	stops, err := s.p.Store.Stops(ctx)
	if err != nil {
		return Reason{}, unavailable(err)
	}
	var known []string
	for _, stop := range stops {
		if stop.Kind != scope.Kind {
			continue
		}
		if stop.Value == scope.Value {
			return stop.Reason(), nil
		}
		known = append(known, stop.Value)
	}
	return Reason{}, problem.New(problem.NotFound, "no %s %s is stopped: there are %s", scope.Kind, scope.Value, legible.Line(some(known)))
}

// some lists ids for a human.
func some(ids []string) string {
	const shown = 50
	switch {
	case len(ids) == 0:
		return "none"
	case len(ids) > shown:
		return strings.Join(ids[:shown], ", ") + " and " + strconv.Itoa(len(ids)-shown) + " more"
	}
	return strings.Join(ids, ", ")
}

// fileNumber is what the audit record takes for the number of a case.
func fileNumber(s string) bool {
	return len(s) <= maxReference && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("./:_-", r)
	})
}

// event is an entry about a plan.
func (s *Service) event(action, actor, outcome string, d Draft, more map[string]string) audit.Event {
	detail := map[string]string{"digest": d.Hash(), "reason": string(d.Act), "name": string(d.Scope.Kind)}
	switch d.Scope.Kind {
	case OfKey:
		detail["key"] = d.Scope.Value
	case OfWalletProvider:
		detail["client"] = d.Scope.Value
	case OfRegistry:
		detail["source"] = d.Scope.Value
	}
	if d.Reference != "" {
		detail["reference"] = d.Reference
	}
	for k, v := range more {
		detail[k] = v
	}
	return audit.Event{Time: s.p.Clock.Now(), Action: action, Actor: actor, Subject: d.ID, Outcome: outcome, Detail: detail}
}

// refusal names what the store refuses.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrPlanNotFound):
		return problem.Wrap(problem.NotFound, err, "no such plan: issuer emergency list shows them")
	case errors.Is(err, ErrPlanTaken):
		return problem.Wrap(problem.Conflict, err, "the plan is there, or was approved by another officer, or too many wait")
	case errors.Is(err, ErrSameHuman):
		return problem.Wrap(problem.AccessDenied, err, "a second human must approve")
	case errors.Is(err, ErrHash):
		return problem.Wrap(problem.Conflict, err, "the statement is over another plan")
	case errors.Is(err, ErrExpired):
		return problem.Wrap(problem.Conflict, err, "the plan waited more than %s, or was dismissed: count and propose anew", Lifetime)
	case errors.Is(err, ErrNotYours):
		return problem.Wrap(problem.AccessDenied, err, "who proposed a plan dismisses it; another lets it expire")
	case errors.Is(err, ErrBegun):
		return problem.Wrap(problem.Conflict, err, "the plan has begun: issuer emergency pause holds it")
	case errors.Is(err, ErrNotApproved):
		return problem.Wrap(problem.AccessDenied, err, "no second human approved the plan")
	case errors.Is(err, ErrNotBegun):
		return problem.Wrap(problem.Conflict, err, "the plan has not begun, or is not done yet")
	case errors.Is(err, ErrPaused):
		return problem.Wrap(problem.Conflict, err, "the plan is paused: issuer emergency resume lets it go on")
	case errors.Is(err, ErrNeeded):
		return problem.Wrap(problem.Conflict, err, "the stop is not that of the plan which this one names, or what it stopped is still being revoked (issuer emergency list): let that end, then propose anew")
	case errors.Is(err, ErrGrown):
		return problem.Wrap(problem.Conflict, err, "the scope has grown beyond what was approved: count and propose anew")
	}
	return unavailable(err)
}

func unavailable(err error) error {
	if problem.KindOf(err) != problem.Internal {
		return err
	}
	return problem.Wrap(problem.Unavailable, err, "try again later")
}
