package faulttest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vidimus/internal/app/invariants"
	"vidimus/internal/store/bolt"
)

func (o *office) paths() invariants.Paths {
	p := invariants.Paths{
		Database: o.cfg.Path("issuer.db"), PublicURL: o.cfg.PublicURL, Dev: true,
		Root: o.cfg.Path(o.cfg.IACA.Certificate), Operations: o.cfg.Path(o.cfg.OperationsCA.Certificate), Checkpointer: o.cfg.Path(o.cfg.Signers["checkpoint"].Chain),
	}
	if o.cfg.Status.Directory != "" {
		p.Lists = o.cfg.Path(o.cfg.Status.Directory)
	}
	for _, file := range o.cfg.Audit.Checkpoints {
		p.Checkpoints = append(p.Checkpoints, o.cfg.Path(file))
	}
	return p
}

// violation is what a check found.
type violation struct {
	invariants []string
	text       string
}

func (v *violation) Error() string {
	return "violated: " + strings.Join(v.invariants, " ") + "\n" + v.text
}

// damaged is the store's own word on its file, in the place of an invariant.
const damaged = "damaged"

// check holds the stopped office against its journal. The error is a
// *violation, or says why nothing could be checked.
func (o *office) check(ctx context.Context, settled bool) error {
	ev, err := o.paths().Evidence(ctx, o.journal.Entries())
	if errors.Is(err, bolt.ErrDamaged) {
		return &violation{[]string{damaged}, err.Error()}
	}
	if err != nil {
		return err
	}
	ev.Before, ev.Settled, ev.Tries = o.memory, settled, o.cfg.Offers.TxCodeAttempts
	results, memory := invariants.Check(ev)
	if bad := invariants.Violated(results); len(bad) > 0 {
		var text strings.Builder
		for _, r := range results {
			fmt.Fprintln(&text, r)
		}
		return &violation{bad, text.String()}
	}
	o.memory = memory
	o.journal.Forget()
	o.seen(results)
	return nil
}

// looked counts what was looked at, over all offices of this process: an
// invariant of which nothing was ever seen was not tested.
var looked = map[string]int{}

func (o *office) seen(results []invariants.Result) {
	for _, r := range results {
		looked[r.Number] += r.Seen
	}
}
