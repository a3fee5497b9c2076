package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
)

type stopID struct {
	kind  emergency.Kind
	value string
}

func (s *Store) stopped(kind emergency.Kind, value string) bool {
	_, stopped := s.stops[stopID{kind, value}]
	return stopped && value != ""
}

// mayGoOn refuses an intent that an emergency stopped.
func (s *Store) mayGoOn(in issuance.Intent) error {
	for id, stop := range s.stops {
		var stopped bool
		switch id.kind {
		case emergency.OfKey:
			stopped = in.SignerKeyID == id.value
		case emergency.OfWalletProvider:
			of := func(a issuance.StatusIndex) bool { return a.Provider == id.value }
			stopped = slices.ContainsFunc(in.Wallet.Attestations, of) || in.Wallet.Unit != "" && slices.ContainsFunc(s.wallets[in.Wallet.Unit].last.Attestations, of)
		case emergency.OfRegistry:
			var err error
			if stopped, err = s.ofSource(id.value, stop.Types, in.Person, in.Document); err != nil {
				return err
			}
		}
		if stopped {
			return issuance.ErrStopped
		}
	}
	return nil
}

// ofSource says whether facts of a source are in a document.
func (s *Store) ofSource(source string, types []string, person, number string) (bool, error) {
	put, kind := false, ""
	people := []string{person, s.holders[number]}
	for i := 0; i < len(people); i++ {
		people = append(people, s.merged[people[i]]...)
		for _, n := range s.history[people[i]] {
			e := s.events[n]
			if e.Source == source {
				return true, nil
			}
			put = put || e.Name == document.NameDocumentPut && e.Document == number
		}
		subject, err := s.subject(people[i])
		if err != nil {
			return false, err
		}
		if d := subject.Document(number); d != nil {
			kind = d.Type
		}
	}
	return !put && slices.Contains(types, kind), nil
}

func (s *Store) inScope(scope emergency.Scope, b batch, now time.Time) (bool, error) {
	in := b.intent
	if b.state == issuance.StateBurned || !in.Expires.After(now) {
		return false, nil
	}
	switch scope.Kind {
	case emergency.OfWalletProvider:
		return in.Wallet.Unit != "" && slices.ContainsFunc(s.wallets[in.Wallet.Unit].last.Attestations, func(a issuance.StatusIndex) bool {
			return a.Provider == scope.Value
		}), nil
	case emergency.OfRegistry:
		return s.ofSource(scope.Value, scope.Types, in.Person, in.Document)
	}
	return scope.Covers(in.SignerKeyID), nil
}

// walk calls each for batches in scope in the order of documents.
func (s *Store) walk(scope emergency.Scope, now time.Time, after string, limit int, each func(batch) (enough bool, err error)) (next string, err error) {
	keys := map[string]string{}
	for id, b := range s.batches {
		keys[b.intent.Document+"\x00"+id] = id
	}
	seen := 0
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key <= after {
			continue
		}
		b := s.batches[keys[key]]
		in, err := s.inScope(scope, b, now)
		if err != nil {
			return "", err
		}
		seen++
		enough := seen == limit
		if in {
			stop, err := each(b)
			if err != nil {
				return "", err
			}
			enough = enough || stop
		}
		if enough {
			return key, nil
		}
	}
	return "", nil
}

// ScanScope implements emergency.Store.
func (s *Store) ScanScope(ctx context.Context, scope emergency.Scope, now time.Time, after string, limit int) (batches []emergency.Batch, next string, err error) {
	err = s.step(ctx, func() error {
		next, err = s.walk(scope, now, after, limit, func(b batch) (bool, error) {
			in := b.intent
			out := emergency.Batch{Document: in.Document, Person: in.Person, Configuration: in.Configuration, Key: in.SignerKeyID}
			if len(b.places) == 0 {
				out.Ending = in.Count
			}
			for _, p := range b.places {
				l, there := s.lists[p.list]
				if _, known := s.flips[p]; known || !there {
					continue
				}
				if out.Open++; !slices.Contains(out.Lists, l.URI) {
					out.Lists = append(out.Lists, l.URI)
				}
			}
			if out.Open+out.Ending > 0 {
				batches = append(batches, out)
			}
			return false, nil
		})
		return err
	})
	return batches, next, err
}

// KnownScopes implements emergency.Store.
func (s *Store) KnownScopes(ctx context.Context, kind emergency.Kind) (ids []string, err error) {
	err = s.step(ctx, func() error {
		known := map[string]bool{}
		switch kind {
		case emergency.OfWalletProvider:
			for _, w := range s.wallets {
				for _, a := range w.last.Attestations {
					known[a.Provider] = true
				}
			}
		case emergency.OfRegistry:
			for source := range s.seqs {
				known[source] = true
			}
		default:
			for _, b := range s.batches {
				known[b.intent.SignerKeyID] = true
			}
		}
		delete(known, "")
		ids = slices.Sorted(maps.Keys(known))
		return nil
	})
	return ids, err
}

// RefreshingDocuments implements emergency.Store; one walk gives all.
func (s *Store) RefreshingDocuments(ctx context.Context, now time.Time, _ string, _ int) (documents []string, next string, err error) {
	err = s.step(ctx, func() error {
		for _, r := range s.refreshes {
			if r.Expires.After(now) {
				documents = slices.AppendSeq(documents, maps.Values(r.Documents))
			}
		}
		return nil
	})
	return documents, "", err
}

// copyPlan shares no memory with the caller.
func copyPlan(p emergency.Plan) emergency.Plan {
	p.Lists, p.ByKey = maps.Clone(p.Lists), maps.Clone(p.ByKey)
	p.Counts.ByKey, p.Counts.ByConfiguration = maps.Clone(p.Counts.ByKey), maps.Clone(p.Counts.ByConfiguration)
	p.Scope.Keys, p.Scope.Types = slices.Clone(p.Scope.Keys), slices.Clone(p.Scope.Types)
	return p
}

// PutPlan implements emergency.Store.
func (s *Store) PutPlan(ctx context.Context, p emergency.Plan, now time.Time, did audit.Event) error {
	return s.step(ctx, func() error {
		if _, taken := s.plans[p.ID]; taken || p.ID == "" {
			return emergency.ErrPlanTaken
		}
		if err := p.Admit(slices.Collect(maps.Values(s.plans)), now); err != nil {
			return err
		}
		put(s, s.plans, p.ID, copyPlan(p))
		return s.note(did)
	})
}

// Plan implements emergency.Store.
func (s *Store) Plan(ctx context.Context, id string) (p emergency.Plan, err error) {
	err = s.step(ctx, func() error {
		known, there := s.plans[id]
		if !there {
			return emergency.ErrPlanNotFound
		}
		p = copyPlan(known)
		return nil
	})
	return p, err
}

// Plans implements emergency.Store.
func (s *Store) Plans(ctx context.Context) (plans []emergency.Plan, err error) {
	err = s.step(ctx, func() error {
		for _, id := range slices.Sorted(maps.Keys(s.plans)) {
			plans = append(plans, copyPlan(s.plans[id]))
		}
		slices.SortStableFunc(plans, func(a, b emergency.Plan) int { return b.Drafted.Compare(a.Drafted) })
		return nil
	})
	return plans, err
}

func (s *Store) changePlan(ctx context.Context, id string, did func(emergency.Plan) audit.Event, change func(*emergency.Plan) (bool, error)) (emergency.Plan, error) {
	var p emergency.Plan
	err := s.step(ctx, func() error {
		known, there := s.plans[id]
		if !there {
			return emergency.ErrPlanNotFound
		}
		p = copyPlan(known)
		changed, err := change(&p)
		if err != nil || !changed {
			return err
		}
		put(s, s.plans, id, copyPlan(p))
		return s.note(did(p))
	})
	if err != nil {
		return emergency.Plan{}, err
	}
	return p, nil
}

func always(e audit.Event) func(emergency.Plan) audit.Event {
	return func(emergency.Plan) audit.Event { return e }
}

// ApprovePlan implements emergency.Store.
func (s *Store) ApprovePlan(ctx context.Context, id, hash string, by emergency.Signature, expires, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.changePlan(ctx, id, always(did), func(p *emergency.Plan) (bool, error) {
		switch {
		case p.Hash != hash:
			return false, emergency.ErrHash
		case p.Proposed.Same(by):
			return false, emergency.ErrSameHuman
		case p.Approved.Officer != "" && p.Approved.Officer != by.Officer:
			return false, emergency.ErrPlanTaken
		case p.Approved.Officer != "":
			return false, nil
		case !p.Expires.After(now):
			return false, emergency.ErrExpired
		}
		p.Approved, p.Expires = by, expires
		return true, nil
	})
}

// DismissPlan implements emergency.Store.
func (s *Store) DismissPlan(ctx context.Context, id, hash string, by emergency.Signature, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.changePlan(ctx, id, always(did), func(p *emergency.Plan) (bool, error) {
		if p.Hash != hash {
			return false, emergency.ErrHash
		}
		if p.Proposed.Human != by.Human {
			return false, emergency.ErrNotYours
		}
		if !p.Begun.IsZero() {
			return false, emergency.ErrBegun
		}
		if !p.Expires.After(now) {
			return false, nil
		}
		p.Expires = now
		return true, nil
	})
}

// BeginPlan implements emergency.Store.
func (s *Store) BeginPlan(ctx context.Context, id string, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.changePlan(ctx, id, always(did), func(p *emergency.Plan) (bool, error) {
		if !p.Begun.IsZero() {
			return false, nil
		}
		if p.Approved.Officer == "" || p.Approved.Human == p.Proposed.Human {
			return false, emergency.ErrNotApproved
		}
		if !p.Expires.After(now) {
			return false, emergency.ErrExpired
		}
		p.Begun = now
		for _, stop := range p.Stops(now.Unix()) {
			at := stopID{stop.Kind, stop.Value}
			before, there := s.stops[at]
			if p.Act == emergency.Lift {
				if !p.Lifts(before, slices.Collect(maps.Values(s.plans))) {
					return false, emergency.ErrNeeded
				}
				drop(s, s.stops, at)
				p.Done, p.Covered = now, now
				continue
			}
			if there {
				stop = before.Again(stop)
			}
			put(s, s.stops, at, stop)
		}
		return true, nil
	})
}

// StepPlan implements emergency.Store.
func (s *Store) StepPlan(ctx context.Context, id string, step, limit int, now time.Time, did func(emergency.Plan) audit.Event) (emergency.Plan, error) {
	return s.changePlan(ctx, id, did, func(p *emergency.Plan) (bool, error) {
		switch {
		case p.Begun.IsZero():
			return false, emergency.ErrNotBegun
		case step < p.Steps || !p.Done.IsZero():
			return false, nil
		case p.Paused:
			return false, emergency.ErrPaused
		}
		if p.ByKey == nil {
			p.ByKey = map[string]int{}
		}
		if p.Lists == nil {
			p.Lists = map[string]uint64{}
		}
		met := 0
		next, err := s.walk(p.Scope, p.Begun, p.Cursor, limit*emergency.StepReach, func(b batch) (bool, error) {
			met++
			return met == limit, s.takeBack(p, b, now)
		})
		if err != nil {
			return false, err
		}
		if p.Scope.Bounded() && p.Revoked > p.Bound {
			return false, emergency.ErrGrown
		}
		p.Steps++
		if p.Cursor = next; next == "" {
			p.Done = now
		}
		return true, nil
	})
}

// takeBack revokes the copies of a batch.
func (s *Store) takeBack(p *emergency.Plan, b batch, now time.Time) error {
	if len(b.places) == 0 {
		p.Ending += b.intent.Count
		return nil
	}
	n := 0
	for _, at := range b.places {
		l, there := s.lists[at.list]
		_, known := s.flips[at]
		if !there {
			continue
		}
		left, err := s.flip(b, at, now, true, true)
		if err != nil {
			return err
		}
		if !known && !left {
			n++
			p.Lists[l.URI] = 0
		}
	}
	if n == 0 {
		return nil
	}
	p.Revoked += n
	p.ByKey[b.intent.SignerKeyID] += n
	of := maps.Clone(s.concerned[p.ID])
	if of == nil {
		of = map[string]emergency.Concerned{}
	}
	c, met := of[b.intent.Document]
	if !met {
		p.Documents++
		c = emergency.Concerned{Document: b.intent.Document, Person: b.intent.Person}
	}
	c.Revoked += n
	of[b.intent.Document] = c
	put(s, s.concerned, p.ID, of)
	return nil
}

// PausePlan implements emergency.Store.
func (s *Store) PausePlan(ctx context.Context, id string, paused bool, did audit.Event) (emergency.Plan, error) {
	return s.changePlan(ctx, id, always(did), func(p *emergency.Plan) (bool, error) {
		if p.Begun.IsZero() {
			return false, emergency.ErrNotBegun
		}
		if !p.Done.IsZero() || p.Paused == paused {
			return false, nil
		}
		p.Paused = paused
		return true, nil
	})
}

// CoverPlan implements emergency.Store.
func (s *Store) CoverPlan(ctx context.Context, id string, lists map[string]uint64, now time.Time, did audit.Event) (emergency.Plan, error) {
	return s.changePlan(ctx, id, always(did), func(p *emergency.Plan) (bool, error) {
		switch {
		case p.Done.IsZero():
			return false, emergency.ErrNotBegun
		case !p.Covered.IsZero():
			return false, nil
		}
		for uri := range p.Lists {
			p.Lists[uri] = lists[uri]
		}
		p.Covered = now
		return true, nil
	})
}

// TellConcerned implements emergency.Store.
func (s *Store) TellConcerned(ctx context.Context, id string, limit int, now time.Time, effect func(string) document.Effect) (p emergency.Plan, err error) {
	err = s.step(ctx, func() error {
		known, there := s.plans[id]
		if !there {
			return emergency.ErrPlanNotFound
		}
		p = copyPlan(known)
		of := maps.Clone(s.concerned[id])
		told := 0
		for _, number := range slices.Sorted(maps.Keys(of)) {
			if number <= p.ToldCursor || told == limit {
				continue
			}
			c := of[number]
			c.Told = true
			of[number] = c
			to := c.Person
			if holder := s.holders[number]; holder != "" {
				to = holder
			}
			n := s.next("notices")
			put(s, s.notices, n, notice.Record{
				Number: n, Person: to, Created: now, State: notice.Waiting, Next: now,
				Notice: document.Notice{Document: number, Fact: document.FactOfficeEmergency, Effect: effect(number), Since: p.Begun},
			})
			told++
			p.Told++
			p.ToldCursor = number
		}
		if told > 0 {
			put(s, s.concerned, id, of)
			put(s, s.plans, id, copyPlan(p))
		}
		return nil
	})
	return p, err
}

// ConcernedBy implements emergency.Store.
func (s *Store) ConcernedBy(ctx context.Context, id string, now time.Time, after string, limit int) (concerned []emergency.Concerned, next string, err error) {
	err = s.step(ctx, func() error {
		for _, number := range slices.Sorted(maps.Keys(s.concerned[id])) {
			if number <= after {
				continue
			}
			c := s.concerned[id][number]
			for _, of := range s.issued[number] {
				b := s.batches[of]
				if b.state != issuance.StateSigned || !b.intent.Expires.After(now) || s.stopped(emergency.OfKey, b.intent.SignerKeyID) {
					continue
				}
				if len(b.places) == 0 {
					c.Anew += b.intent.Count
				}
				for _, p := range b.places {
					_, invalid := s.flips[p]
					if _, there := s.lists[p.list]; there && !invalid {
						c.Anew++
					}
				}
			}
			if concerned = append(concerned, c); len(concerned) == limit {
				next = number
				break
			}
		}
		return nil
	})
	return concerned, next, err
}

// Stops implements emergency.Store.
func (s *Store) Stops(ctx context.Context) (stops []emergency.Stop, err error) {
	err = s.step(ctx, func() error {
		for _, stop := range s.stops {
			stop.Types = slices.Clone(stop.Types)
			stops = append(stops, stop)
		}
		slices.SortFunc(stops, func(a, b emergency.Stop) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
		})
		return nil
	})
	return stops, err
}
