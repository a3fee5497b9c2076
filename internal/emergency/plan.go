package emergency

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Act is what a plan does.
type Act string

// The acts.
const (
	Revoke Act = "revoke" // stops the scope and revokes its copies
	Lift   Act = "lift"   // ends the stop of a wallet provider or a registry; revokes nothing
)

// Counts is what a scope reaches.
type Counts struct {
	Copies    int `json:"copies"`    // that would be revoked
	Ending    int `json:"ending"`    // that have no status and end by themselves
	Batches   int `json:"batches"`   // with such copies
	Documents int `json:"documents"` // likewise
	Persons   int `json:"persons"`
	// Refreshing documents are in a wallet that fetches anew by itself, Offers
	// are those whose holder needs a new offer.
	Refreshing int `json:"refreshing"`
	Offers     int `json:"offers"`

	ByKey           map[string]int `json:"by_key"`           // key id -> copies
	ByConfiguration map[string]int `json:"by_configuration"` // id -> copies
	Lists           int            `json:"lists"`            // that change
}

// Draft is what two humans put their names under.
type Draft struct {
	ID        string    `json:"id"`
	Office    string    `json:"office"` // its public URL
	Act       Act       `json:"act"`
	Scope     Scope     `json:"scope"`
	Counts    Counts    `json:"counts"`
	Bound     int       `json:"bound"`     // at most so many copies are revoked, where the scope is Bounded
	Pace      int       `json:"pace"`      // documents whose holders are told, an hour
	Reference string    `json:"reference"` // number of the case
	Drafted   time.Time `json:"drafted"`   // whole seconds, UTC
	// Ends is the plan whose stop a plan to lift ends, as it was drafted.
	Ends Reason `json:"ends,omitzero"`
}

// Reason is a plan as what it stopped names it.
type Reason struct {
	Plan string `json:"plan"`
	Hash string `json:"hash"` // Draft.Hash
}

func (r Reason) String() string { return "plan " + r.Plan + ", hash " + r.Hash }

// Hash is the SHA-256 of the draft in hexadecimal: what is signed.
func (d Draft) Hash() string {
	d.Drafted = d.Drafted.UTC()
	b, err := json.Marshal(d)
	if err != nil {
		panic("emergency: a draft that is no JSON: " + err.Error()) // words, numbers and maps of words
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// planID says whether this is the id of a plan, as Service.Draft makes them.
func planID(s string) bool {
	digits, ok := strings.CutPrefix(s, "e-")
	return ok && len(digits) == 2*idSize && strings.Trim(digits, "0123456789abcdef") == ""
}

// boundOf leaves room for what is issued while two humans read: a tenth, and a
// hundred copies. Beyond it is another scope than they saw.
func boundOf(copies int) int { return copies + copies/10 + 100 }

// like says whether counts are those of a fresh count, but for what happened since:
// no number is further from the other than boundOf allows, and none is of
// something else.
func (c Counts) like(fresh Counts) bool {
	if c.Copies == 0 && fresh.Copies == 0 && c.Ending == 0 && fresh.Ending == 0 {
		return len(c.ByKey) == 0 && len(c.ByConfiguration) == 0 && c.Batches == 0 && c.Documents == 0 && c.Persons == 0 && c.Refreshing == 0 && c.Offers == 0 && c.Lists == 0
	}
	if c.Refreshing+c.Offers != c.Documents || c.Documents > c.Batches || c.Persons > c.Batches || c.Batches > c.Copies {
		return false
	}
	for _, n := range [][2]int{
		{c.Copies, fresh.Copies}, {c.Ending, fresh.Ending}, {c.Batches, fresh.Batches}, {c.Documents, fresh.Documents}, {c.Persons, fresh.Persons},
		{c.Refreshing, fresh.Refreshing}, {c.Offers, fresh.Offers}, {c.Lists, fresh.Lists},
	} {
		if !near(n[0], n[1]) {
			return false
		}
	}
	for _, m := range [][2]map[string]int{{c.ByKey, fresh.ByKey}, {c.ByConfiguration, fresh.ByConfiguration}} {
		sum := 0
		for name, n := range m[0] {
			if now, there := m[1][name]; !there || !near(n, now) {
				return false
			}
			sum += n
		}
		if sum != c.Copies || len(m[0]) != len(m[1]) {
			return false
		}
	}
	return true
}

func near(a, b int) bool { return a >= 0 && a <= boundOf(b) && b <= boundOf(a) }

// Signature is one human's word under a plan.
type Signature struct {
	Officer string    `json:"officer"` // id of the account
	Human   string    `json:"human"`   // who is behind it
	At      time.Time `json:"at"`
	// Statement is the compact JWS, KeyPin the SHA-256 of the public key that
	// verifies it: the report shows both.
	Statement string `json:"statement"`
	KeyPin    string `json:"key_pin"`
}

// Plan is a draft and what became of it.
type Plan struct {
	Draft
	Hash     string    `json:"hash"`
	Proposed Signature `json:"proposed"`
	Approved Signature `json:"approved,omitzero"`
	// Expires is until when it may be approved and, once it is, begun.
	Expires time.Time `json:"expires"`

	Begun   time.Time `json:"begun,omitzero"`
	Paused  bool      `json:"paused,omitempty"`
	Done    time.Time `json:"done,omitzero"`    // every copy in scope is revoked
	Covered time.Time `json:"covered,omitzero"` // and published

	Steps     int            `json:"steps"`
	Cursor    string         `json:"cursor,omitempty"` // of the store: where the next step begins
	Revoked   int            `json:"revoked"`          // copies
	Ending    int            `json:"ending"`           // copies without a status that were met
	Documents int            `json:"documents"`        // with copies that were revoked
	ByKey     map[string]int `json:"by_key,omitempty"` // copies that were revoked
	// Lists are those that were changed, with the version that covers it once the
	// plan is Covered, else 0.
	Lists map[string]uint64 `json:"lists,omitempty"`

	ToldCursor string `json:"told_cursor,omitempty"`
	Told       int    `json:"told"` // documents whose holders were told
}

// Lifts says whether a plan may end a stop: it is that of the plan that its two
// humans named, and none of all revokes the same scope still.
func (p Plan) Lifts(stop Stop, all []Plan) bool {
	if stop.Plan == "" || stop.Reason() != p.Ends {
		return false
	}
	return !slices.ContainsFunc(all, func(other Plan) bool {
		return other.Act != Lift && other.Scope.Kind == p.Scope.Kind && other.Scope.Value == p.Scope.Value && !other.Begun.IsZero() && other.Done.IsZero()
	})
}

// Waits says whether a plan has a place: it may yet be approved or begin.
func (p Plan) Waits(now time.Time) bool {
	st := p.Stage(now)
	return st == Waiting || st == Approved
}

// Admit says whether a plan may wait beside all that there are: ErrManyPlans when
// its human has MaxPlansOfOne that wait, ErrPlanTaken when MaxPlans do.
func (p Plan) Admit(all []Plan, now time.Time) error {
	waiting, own := 0, 0
	for _, other := range all {
		if !other.Waits(now) {
			continue
		}
		if waiting++; other.Proposed.Human == p.Proposed.Human {
			own++
		}
	}
	switch {
	case own >= MaxPlansOfOne:
		return ErrManyPlans
	case waiting >= MaxPlans:
		return ErrPlanTaken
	}
	return nil
}

// Stage says how far a plan came.
type Stage string

// The stages.
const (
	Waiting  Stage = "waiting"  // for a second human
	Approved Stage = "approved" // may begin
	Expired  Stage = "expired"
	Running  Stage = "running"
	Paused   Stage = "paused"
	Ended    Stage = "ended"   // everything is revoked, and not published yet
	Covered  Stage = "covered" // everything is published; a plan that lifts is covered at once
)

// Stage tells how far it came at an instant.
func (p Plan) Stage(now time.Time) Stage {
	switch {
	case !p.Covered.IsZero():
		return Covered
	case !p.Done.IsZero():
		return Ended
	case !p.Begun.IsZero() && p.Paused:
		return Paused
	case !p.Begun.IsZero():
		return Running
	case !p.Expires.After(now):
		return Expired
	case p.Approved.Officer != "":
		return Approved
	}
	return Waiting
}
