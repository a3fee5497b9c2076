package issuer

import (
	"context"
	"time"

	"vidimus/internal/diagnosis"
	"vidimus/internal/fleet"
)

// unseen is after what time a reader that asks for no bundle is worth a look: its
// lists have ended by then.
const unseen = 14 * 24 * time.Hour

// diagnoseReaders looks at the fleet: who waits, whose certificate ends, who was
// not seen for long.
func (a *App) diagnoseReaders(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	if a.fleet == nil {
		return
	}
	all, err := a.fleet.Readers(ctx)
	if err != nil {
		d.Add("readers", "fleet", diagnosis.Wrong, "see the log", "%v", err)
		return
	}
	enrolled, waiting, ending, away := 0, 0, 0, 0
	for _, r := range all {
		switch {
		case r.State == fleet.Asked:
			waiting++
		case r.State != fleet.Enrolled:
			continue
		case r.Expires.Sub(now) < expiresSoon:
			ending++
		}
		if r.State == fleet.Enrolled {
			enrolled++
			if !r.BundleSeen.IsZero() && now.Sub(r.BundleSeen) > unseen {
				away++
			}
		}
	}
	grade, remedy := diagnosis.Good, ""
	if waiting+ending+away > 0 {
		grade, remedy = diagnosis.Look, "issuer reader list: approve who waits, invite anew whose certificate ends, ask after who was not seen"
	}
	d.Add("readers", "fleet", grade, remedy, "%d enrolled, %d wait for approval, %d end within %d days, %d not seen for two weeks", enrolled, waiting, ending, int(expiresSoon.Hours()/24), away)
	root := a.fleet.Authority()
	grade = diagnosis.Good
	if root.NotAfter().Sub(now) < 366*24*time.Hour {
		grade = diagnosis.Look
	}
	d.Add("certificates", "reader_ca", grade, "begin the change to a new root: wallets need a year", "root, until %s", root.NotAfter().UTC().Format(time.DateOnly))
}
