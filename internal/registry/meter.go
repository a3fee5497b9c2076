package registry

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Publications takes the measure of how long it takes from the acceptance of
// what revokes copies to the publication of the last of their lists.
type Publications interface {
	Published(source string, urgent bool, took time.Duration)
}

// Meter measures publications from the receipts: those of state covered tell
// when.
type Meter struct {
	in  *Inbox
	out Publications
}

// NewMeter makes a meter over the sources of an inbox.
func NewMeter(in *Inbox, out Publications) *Meter { return &Meter{in, out} }

// Run measures until ctx ends, which is no error, or the store fails. What was
// published while it did not run is measured when it runs again.
func (m *Meter) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(m.in.sources))
	i := 0
	for name := range m.in.sources {
		at, from := &errs[i], opened{}
		i++
		wg.Go(func() {
			defer cancel()
			t := tail{store: m.in.store, source: name, cursor: "meter:" + name}
			*at = t.run(ctx, func(row ReceiptRow) error { m.measure(from, row); return nil })
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// opened has the outcomes that wait for publication, and since when: time may
// open one again long after the event was accepted.
type opened map[string]time.Time

func (m *Meter) measure(from opened, row ReceiptRow) {
	o := row.Outcome
	switch {
	case o.State() == StateApplied && o.Revokes && len(from) < maxOpened:
		from[o.JTI] = row.At
	case o.State() == StateCovered:
		began, known := from[o.JTI]
		delete(from, o.JTI)
		if !known {
			began = o.Accepted
		}
		// Copies that were left to expire cover the outcome at their own time,
		// which says nothing of publication.
		if o.Expiring == 0 {
			m.out.Published(o.Source, o.Urgent, o.Covered.Sub(began))
		}
	}
}
