package verifierhttp

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/policy"
	"vidimus/internal/verification"
)

// Wish is what an officer wants to know of whom.
type Wish struct {
	Code     string // as the phone shows it: mdoc:...
	Profile  string // id
	Category string // vehicle category, "" for that of the profile
}

// ErrWish is in the chain of the refusal of a wish that cannot be tried: the
// code, the profile or the category is none.
var ErrWish = errors.New("this cannot be asked")

// Answer is a reading with a verdict.
type Answer struct {
	Report *verification.Report
	// Profile is what was asked.
	Profile policy.Profile
	Signed  bool // the phone was told who asks
	Took    time.Duration
	// Wipe overwrites what was read.
	Wipe func()
}

// Trouble is why a reader cannot read, or not well.
type Trouble string

// What may be wrong with a reader.
const (
	TroubleClock  Trouble = "clock"  // its clock is before what it has verified
	TroubleBundle Trouble = "bundle" // its bundle is older than one that it had, or not whole
	TroubleReader Trouble = "reader" // anything else
)

// Troubles is the closed list.
func Troubles() []Trouble { return []Trouble{TroubleClock, TroubleBundle, TroubleReader} }

// Standing is what a reader knows at an instant.
type Standing struct {
	At time.Time
	// Trouble keeps it from reading, "" for nothing; Detail says more, in English.
	Trouble Trouble
	Detail  string

	// Bundle is nil for a reader that has none.
	Bundle *Bundle
	// AnchorsAsOf is zero when nobody knows.
	AnchorsAsOf time.Time
	// Freshness is the age of the bundle, or of the anchors, by policy.
	Freshness policy.Freshness
	// Policy is the name of the policy, Profiles what it asks.
	Policy   string
	Profiles []policy.Profile
	// Name is who asks, "" for a reader without a name.
	Name string
	// Code is what a simulated phone shows, "" where phones are real.
	Code string
}

// Bundle is the one that a reader uses.
type Bundle struct {
	Publisher       string
	Sequence        uint64
	Issued, Expires time.Time
	Ended           bool
}

// Steps of a reading, in their order; asked and not-shown repeat.
func Steps() []string {
	return []string{"engaged", "connecting", "connected", "asked", "not-shown", "verifying", "done", "failed"}
}

// Reader is what reads phones.
type Reader interface {
	// Standing says what it knows now.
	Standing(ctx context.Context) Standing
	// Check refuses a wish that cannot be tried, with ErrWish in the chain.
	Check(ctx context.Context, w Wish) error
	// Read asks a phone and waits for the answer; progress gets every step, one of
	// Steps. An error is a reading without a verdict; it holds no value of a
	// document.
	Read(ctx context.Context, w Wish, progress func(step string)) (*Answer, error)
}
