package registry

import "time"

// State says how far the effect of an event has come.
type State string

const (
	// StateApplied: the office's record has changed. When the event revokes
	// copies, their lists are not published yet.
	StateApplied State = "applied"
	// StateCovered: the event revoked copies and every list that they are in
	// was published since.
	StateCovered State = "covered"
	// StateNoCopies: the event revokes copies, and there were none.
	StateNoCopies State = "no-copies"
)

// ListVersion is one published list from one version on.
type ListVersion struct {
	URI     string `json:"uri"`
	Version uint64 `json:"version"`
}

// Outcome is what became of one accepted event.
type Outcome struct {
	Source string `json:"source"`
	JTI    string `json:"jti"`
	Event  string `json:"event"`
	Seq    uint64 `json:"seq"`
	// Version is that of the subject after the event.
	Version  uint64    `json:"version"`
	Accepted time.Time `json:"accepted"`
	// Revokes is set when the event concerns copies; Copies is how many.
	Revokes bool `json:"revokes,omitempty"`
	Copies  int  `json:"copies,omitempty"`
	// Urgent is set when some flip was to be published at once.
	Urgent bool `json:"urgent,omitempty"`
	// Lists are the lists with those copies and the versions since which they
	// are all INVALID, in the order of their URIs; set once all are released.
	Lists []ListVersion `json:"lists,omitempty"`
	// Expiring is how many of Copies were left alone because they expire by
	// themselves; Until is when the last of them does. Covered is not before.
	Expiring int       `json:"expiring,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	// Covered is when the last of Lists was published, zero before.
	Covered time.Time `json:"covered,omitzero"`

	// Repeated tells that the event had been accepted before; it is not kept.
	Repeated bool `json:"-"`
}

// State says how far the effect has come.
func (o Outcome) State() State {
	switch {
	case !o.Revokes || o.Copies > 0 && o.Covered.IsZero():
		return StateApplied
	case o.Copies == 0:
		return StateNoCopies
	}
	return StateCovered
}
