package oid4vci

import (
	"fmt"
	"slices"
)

// ReusePolicyARF is the id of the policies of ARF annex II.
const ReusePolicyARF = "arf_annex_ii"

// ReusePolicy says how often a copy is to be shown and when to fetch more
// (EUDI).
type ReusePolicy struct {
	ID      string        `json:"id"`
	Options []ReuseOption `json:"options"` // in the order of preference
}

// Words of ReuseOption.Details, spelled as the reference code of EUDI does.
const (
	ReuseOnceOnly        = "once_only"
	ReuseLimitedTime     = "limited_time"
	ReuseRotatingBatch   = "rotating-batch"
	ReusePerRelyingParty = "per-relying-party"
)

// ReuseOption is one way.
type ReuseOption struct {
	Details             []string `json:"details"`
	BatchSize           int      `json:"batch_size,omitempty"`
	ReissueUnused       int      `json:"reissue_trigger_unused,omitempty"`        // copies left
	ReissueLifetimeLeft int      `json:"reissue_trigger_lifetime_left,omitempty"` // seconds left
}

// check applies what ARF annex II demands of an option.
func (o ReuseOption) check() error {
	has := func(word string) bool { return slices.Contains(o.Details, word) }
	for i, word := range o.Details {
		known := []string{ReuseOnceOnly, ReuseLimitedTime, ReuseRotatingBatch, ReusePerRelyingParty}
		if !slices.Contains(known, word) || slices.Contains(o.Details[:i], word) {
			return fmt.Errorf("details: different words of %v expected", known)
		}
	}
	switch {
	case has(ReuseOnceOnly) == has(ReuseLimitedTime):
		return fmt.Errorf("details: either %s or %s expected", ReuseOnceOnly, ReuseLimitedTime)
	case !has(ReuseLimitedTime) && o.BatchSize < 1:
		return fmt.Errorf("batch_size expected")
	case o.BatchSize < 0 || o.ReissueUnused < 0 || o.ReissueLifetimeLeft < 0:
		return fmt.Errorf("a negative number")
	case o.ReissueUnused > 0 && !has(ReuseOnceOnly) && !has(ReusePerRelyingParty):
		return fmt.Errorf("reissue_trigger_unused belongs to %s and %s", ReuseOnceOnly, ReusePerRelyingParty)
	case o.ReissueUnused >= max(o.BatchSize, 1):
		return fmt.Errorf("reissue_trigger_unused is not below batch_size")
	}
	return nil
}

// Check applies the rules of the profile.
func (p *ReusePolicy) Check() error {
	if p.ID == "" || len(p.Options) == 0 {
		return fmt.Errorf("credential_reuse_policy: id or options is missing")
	}
	if p.ID != ReusePolicyARF {
		return nil // somebody else's: we do not know its rules
	}
	for i, o := range p.Options {
		if err := o.check(); err != nil {
			return fmt.Errorf("credential_reuse_policy: option %d: %w", i, err)
		}
	}
	return nil
}
