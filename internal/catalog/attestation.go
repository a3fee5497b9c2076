package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/oid4vci"
)

// attackPotential are the levels that the standard names (OpenID4VCI 1.0,
// appendix D.2).
var attackPotential = []string{"iso_18045_high", "iso_18045_moderate", "iso_18045_enhanced-basic", "iso_18045_basic"}

// levels gives what is written as wallets read it, nil when nothing is.
func (f *FileKeyAttestations) levels() *oid4vci.KeyAttestationsRequired {
	if f == nil {
		return nil
	}
	return &oid4vci.KeyAttestationsRequired{
		KeyStorage: slices.Clone(f.KeyStorage), UserAuthentication: slices.Clone(f.UserAuthentication),
		PreferredStatusPeriod: f.StatusPeriodDays * 24 * 3600,
	}
}

// checkLevels refuses levels that no attestation could have.
func checkLevels(r *oid4vci.KeyAttestationsRequired) error {
	if r == nil {
		return nil
	}
	if r.PreferredStatusPeriod < 0 || r.PreferredStatusPeriod > MaxStatusPeriodDays*24*3600 {
		return fmt.Errorf("preferred_status_period_days: between 0 and %d", MaxStatusPeriodDays)
	}
	for _, list := range [][]string{r.KeyStorage, r.UserAuthentication} {
		for i, level := range list {
			if !slices.Contains(attackPotential, level) && !strings.HasPrefix(level, "https://") {
				return fmt.Errorf("one of %v or an https URL expected", attackPotential)
			}
			if slices.Contains(list[:i], level) {
				return errors.New("a level twice")
			}
		}
	}
	return nil
}

func reusePolicy(list []FileReuse) *oid4vci.ReusePolicy {
	if len(list) == 0 {
		return nil
	}
	p := &oid4vci.ReusePolicy{ID: oid4vci.ReusePolicyARF}
	for _, f := range list {
		p.Options = append(p.Options, oid4vci.ReuseOption{
			Details: slices.Clone(f.Details), BatchSize: f.BatchSize, ReissueUnused: f.ReissueUnused, ReissueLifetimeLeft: f.ReissueLifetimeLeft,
		})
	}
	return p
}

// checkReuse refuses a policy that the configuration itself would not serve.
func (cfg *Configuration) checkReuse() error {
	if cfg.Reuse == nil {
		return nil
	}
	for i, o := range cfg.Reuse.Options {
		if o.BatchSize > cfg.BatchSize {
			return fmt.Errorf("option %d: batch_size is above that of the configuration, %d", i, cfg.BatchSize)
		}
	}
	return cfg.Reuse.Check()
}
