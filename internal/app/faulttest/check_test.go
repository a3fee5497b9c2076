package faulttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

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

// judge ends a run in which a client met an error: what the check finds is
// added to it.
func (o *office) judge(ctx context.Context, met error) error {
	return errors.Join(met, o.check(ctx, false))
}

// violated names every invariant that an error speaks of.
func violated(err error) []string {
	switch e := err.(type) {
	case *violation:
		return e.invariants
	case interface{ Unwrap() []error }:
		var all []string
		for _, one := range e.Unwrap() {
			all = append(all, violated(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return violated(e.Unwrap())
	}
	return nil
}

// found holds what a run against a lying office came to against the invariants
// of which one at least must be violated.
func found(t *testing.T, err error, names ...string) {
	t.Helper()
	bad := violated(err)
	switch {
	case len(bad) == 0:
		t.Fatalf("nobody noticed: %v", err)
	case !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(bad, n) }):
		t.Errorf("found, but as %v: %v", bad, err)
	}
}

// looked counts what was looked at, over all offices of this process: an
// invariant of which nothing was ever seen was not tested.
var looked = map[string]int{}

func (o *office) seen(results []invariants.Result) {
	for _, r := range results {
		looked[r.Number] += r.Seen
	}
}
