package policy

import (
	"errors"
	"time"
)

// Knowledge is something that a reader knows as of an instant.
type Knowledge string

// What a policy has ages for.
const (
	StatusKnowledge     Knowledge = "status"     // status and identifier lists
	AnchorKnowledge     Knowledge = "anchors"    // who issues
	RevocationKnowledge Knowledge = "revocation" // revoked certificates of signers
)

// Knowledges is every one, in the order of this file.
func Knowledges() []Knowledge {
	return []Knowledge{StatusKnowledge, AnchorKnowledge, RevocationKnowledge}
}

// AgeRule is how old knowledge may be: green up to Fresh, amber beyond it (old,
// and beyond Usable too old), red beyond Refuse, where 0 is never.
type AgeRule struct {
	Fresh  Duration `yaml:"fresh"`
	Usable Duration `yaml:"usable"`
	Refuse Duration `yaml:"refuse"`
}

func (r AgeRule) validate() error {
	switch {
	case r.Usable < r.Fresh:
		return errors.New("usable is shorter than fresh")
	case r.Refuse != 0 && r.Refuse < r.Usable:
		return errors.New("refuse is shorter than usable; 0 is never")
	}
	return nil
}

func (p *Policy) ages(k Knowledge) AgeRule {
	switch k {
	case StatusKnowledge:
		return AgeRule{p.Status.Fresh, p.Status.Usable, p.Status.Refuse}
	case AnchorKnowledge:
		return p.Anchors
	case RevocationKnowledge:
		return p.Revocation
	}
	return AgeRule{}
}

// Freshness judges the age of what is known about the status: now minus the time
// at which the list was issued. A list from the future, beyond the clock skew,
// has no known age.
func (p *Policy) Freshness(age time.Duration) Freshness { return p.FreshnessOf(StatusKnowledge, age) }

// FreshnessOf is Freshness for any knowledge.
func (p *Policy) FreshnessOf(k Knowledge, age time.Duration) Freshness {
	r := p.ages(k)
	switch {
	case age < -p.ClockSkew.Std():
		return NotKnown
	case age <= r.Fresh.Std():
		return WithinPolicy
	case age <= r.Usable.Std():
		return Old
	case r.Refuse == 0 || age <= r.Refuse.Std():
		return TooOld
	}
	return PastUse
}
