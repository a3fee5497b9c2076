package issuer

import "vidimus/internal/issuerhttp"

// Leniency is what is taken from wallets of old drafts too. Nothing of it is on
// by default; docs/DIVERGENCES.md says why each is there.
type Leniency struct {
	Draft15      bool `yaml:"draft15"`
	OldWellKnown bool `yaml:"old_well_known"`
}

// apply tells the public listener; issuance has its part from services.
func (l Leniency) apply(cfg *issuerhttp.PublicConfig) {
	cfg.Draft15, cfg.OldWellKnown = l.Draft15, l.OldWellKnown
}
