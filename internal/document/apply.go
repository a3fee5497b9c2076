package document

import (
	"time"

	"vidimus/internal/problem"
)

// Apply computes the states after an event. subjects[0] is the subject of the
// event, subjects[1] the other person of PersonMerged and PersonSplit; a
// subject not heard of is Subject{Number: n}. An event about a wallet unit has
// no subject: subjects is empty. The arguments are not changed. The result has
// as many subjects; attributes and lists inside them may be shared with the
// arguments and the payload, and are not to be written.
//
// Effects of time up to ev.Received are applied too, before the event, so that
// Change.Applied may be true of an event that said nothing new. The payload
// must have been parsed by ParsePayload. Refusals are of kind not_found and
// conflict; nothing is applied then.
func (t Table) Apply(subjects []Subject, ev Event) ([]Subject, Change, error) {
	want := 1
	switch p := ev.Payload.(type) {
	case nil:
		return nil, Change{}, problem.New(problem.InvalidRequest, "no such event")
	case WalletUnitRevoked:
		if len(subjects) != 0 {
			return nil, Change{}, problem.New(problem.Internal, "event about a wallet unit with a person")
		}
		return []Subject{}, t.revokeUnit(p, ev), nil
	case PersonMerged, PersonSplit:
		want = 2
	}
	if len(subjects) != want {
		return nil, Change{}, problem.New(problem.Internal, "event about %d persons with %d", want, len(subjects))
	}
	a := &application{table: t, ev: ev, now: kept(ev.Received), next: make([]Subject, want)}
	for _, s := range subjects {
		if s.MergedInto != "" {
			return nil, Change{}, problem.New(problem.Conflict, "the record of the person was merged into another and takes no more events")
		}
		// Our clock may have been set back: what was done is not done again.
		if s.Evaluated.After(a.now) {
			a.now = s.Evaluated
		}
	}
	for i, s := range subjects {
		a.next[i] = t.advance(s, a.now, &a.change)
	}
	touched, err := a.apply()
	if err != nil {
		return nil, Change{}, err
	}
	if touched {
		a.change.Applied = true
		for i := range a.next {
			a.next[i].Version++
			a.next[i].Evaluated = a.now
		}
	}
	return a.next, a.change, nil
}

// application is one Apply under way. The subjects in next are copies of which
// no list may be written in place.
type application struct {
	table  Table
	ev     Event
	now    time.Time
	next   []Subject
	change Change
}

// apply does what the event says and tells whether that was new.
func (a *application) apply() (bool, error) {
	if err := a.checkEffective(); err != nil {
		return false, err
	}
	s := &a.next[0]
	switch p := a.ev.Payload.(type) {
	case PersonPut:
		return a.putPerson(s, p), nil
	case PersonDied:
		return a.died(s)
	case PersonMerged:
		return true, a.merge(s, &a.next[1], p)
	case PersonSplit:
		return true, a.split(s, &a.next[1], p)
	case EntitlementPut:
		return a.putEntitlement(s, p)
	case MeasureAdded:
		return a.addMeasure(s, p)
	case MeasureLifted:
		return a.liftMeasure(s, p)
	case MeasureCorrected:
		return a.correctMeasure(s, p)
	case AppealUpheld:
		return a.upholdAppeal(s, p)
	case DocumentPut:
		return a.putDocument(s, p)
	case DocumentSurrendered:
		return a.surrender(s, p)
	case DocumentAnnulled:
		return a.annul(s, p)
	case DocumentCarrierLost:
		return a.loseCarrier(s, p)
	case WalletLost:
		return a.loseWallet(s, p)
	}
	return false, problem.New(problem.InvalidRequest, "no such event")
}

// checkEffective: measures and the ends of documents may be dated ahead, of
// everything else only what has happened is taken.
func (a *application) checkEffective() error {
	switch a.ev.Payload.(type) {
	case MeasureAdded, MeasureLifted, DocumentSurrendered, DocumentAnnulled:
		return nil
	}
	if a.ev.Effective.After(a.now.Add(MaxAhead)) {
		return problem.New(problem.Conflict, "%s cannot take effect in the future", a.ev.Payload.Name())
	}
	return nil
}

// effective is when the fact took effect, in the form in which it is kept.
func (a *application) effective() time.Time { return kept(a.ev.Effective) }

// fact is one that begins with the event.
func (a *application) fact(f Fact) occurrence {
	return occurrence{fact: f, since: a.effective(), cause: a.ev.ID}
}

// kept is an instant without its zone and its monotonic reading, as it comes
// back from a store.
func kept(t time.Time) time.Time { return t.UTC().Round(0) }
