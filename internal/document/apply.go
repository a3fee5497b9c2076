package document

import (
	"time"

	"vidimus/internal/problem"
)

// Apply computes the states after an event. subjects[0] is the subject of the
// event, subjects[1] the other person of PersonMerged and PersonSplit; a
// subject not heard of is Subject{Number: n}. An event about a wallet unit has
// no subject: subjects is empty. The arguments are not changed and share no
// memory that a caller may write with the result, which has as many subjects.
// Effects of time up to ev.Received are applied too. The payload must have
// been parsed by ParsePayload. Refusals are of kind not_found and conflict.
func (t Table) Apply(subjects []Subject, ev Event) ([]Subject, Change, error) {
	return nil, Change{}, problem.New(problem.Internal, "under construction")
}

// Advance applies the effects of time alone: measures that begin, end or
// lapse between s.Evaluated and now. Change.Applied tells whether the state
// of some right or document is another one, and then the version has grown.
func (t Table) Advance(s Subject, now time.Time) (Subject, Change) {
	return s, Change{}
}

// Next is the first instant after s.Evaluated at which time changes the
// state; zero when it never does.
func (s Subject) Next() time.Time { return time.Time{} }
