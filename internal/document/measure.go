package document

import (
	"slices"
	"time"
)

// MeasureKind is what an authority did to a right.
type MeasureKind string

// The kinds. All but Restriction take the categories away while they hold.
const (
	Restriction              MeasureKind = "restriction"
	ProvisionalWithdrawal    MeasureKind = "provisional-withdrawal" // at the roadside
	PointsSuspension         MeasureKind = "points-suspension"
	AdministrativeWithdrawal MeasureKind = "administrative-withdrawal"
	CourtBan                 MeasureKind = "court-ban"
	ForeignDisqualification  MeasureKind = "foreign-disqualification"
)

// MeasureKinds lists them.
func MeasureKinds() []MeasureKind {
	return []MeasureKind{Restriction, ProvisionalWithdrawal, PointsSuspension, AdministrativeWithdrawal, CourtBan, ForeignDisqualification}
}

// Orders is what a measure says; it may be corrected as a whole.
type Orders struct {
	Authority  string `json:"authority"`
	LegalBasis string `json:"legal_basis,omitempty"`
	// Until is the end, exclusive; zero means until lifted.
	Until time.Time `json:"until,omitzero"`
	// ConfirmBy: not confirmed by then (by a correction without it), the
	// measure lapses by itself at that instant. Zero: needs no confirmation.
	ConfirmBy time.Time `json:"confirm_by,omitzero"`
	// Categories are the vehicle categories concerned; none means all.
	Categories []string `json:"categories,omitempty"`
	// Codes are conditions that a Restriction puts on the categories.
	Codes []Code `json:"codes,omitempty"`
}

// Measure hangs on a right of a person, whether or not the person has the
// right or a document of ours. Measures are a set: lifting one never lifts
// another. They survive the renewal of every document.
type Measure struct {
	ID    string      `json:"id"`
	Kind  MeasureKind `json:"kind"`
	Right Right       `json:"right"`
	// Revisions are what was said of it, in the order of KnownAt; the last
	// one holds for every instant, the others for the record.
	Revisions []Revision `json:"revisions"`
}

// Revision is one state of knowledge about a measure.
type Revision struct {
	KnownAt time.Time `json:"known_at"`
	Event   EventID   `json:"event"`
	From    time.Time `json:"from"` // begin of effect
	Orders  Orders    `json:"orders"`
	// Lifted is the instant from which it no longer holds, zero when not lifted.
	Lifted time.Time `json:"lifted,omitzero"`
	// Void: an appeal was upheld; it never held.
	Void   bool   `json:"void,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Latest is the revision that holds, the zero Revision of a measure of which
// nothing was said.
func (m Measure) Latest() Revision {
	if len(m.Revisions) == 0 {
		return Revision{Void: true}
	}
	return m.Revisions[len(m.Revisions)-1]
}

// Holds tells whether the measure holds at an instant, by what is known last.
func (m Measure) Holds(at time.Time) bool {
	from, until, ok := m.Latest().Span()
	return ok && !at.Before(from) && (until.IsZero() || at.Before(until))
}

// Span is the time in which the measure holds, until exclusive and zero when
// nothing ends it. ok is false when there is no such time.
func (r Revision) Span() (from, until time.Time, ok bool) {
	for _, end := range []time.Time{r.Orders.Until, r.Orders.ConfirmBy, r.Lifted} {
		if !end.IsZero() && (until.IsZero() || end.Before(until)) {
			until = end
		}
	}
	return r.From, until, !r.Void && (until.IsZero() || r.From.Before(until))
}

// concerns tells whether the measure is about a category of a right.
func (m *Measure) concerns(right Right, category string) bool {
	listed := m.Latest().Orders.Categories
	return m.Right == right && (len(listed) == 0 || slices.Contains(listed, category))
}

// documentType is the type of the documents that show a right: the mDL that of
// driving, others are called as their right.
func documentType(rightKind string) string {
	if rightKind == KindDriving {
		return TypeMDL
	}
	return rightKind
}
