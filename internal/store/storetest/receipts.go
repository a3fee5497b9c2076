package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/registry"
)

var receiptTests = []test{
	{name: "Rows", run: receiptRows},
	{name: "Pages", run: receiptPages},
	{name: "NoGap", run: receiptsWithoutGap},
}

func receiptRows(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 2))
	apply(t, s, Revoking("R", 1, "P", false, "N"), Revoking("S", 1, "P", true, "other"), Event("R", 2, "P", Licence("M")))
	publish(t, s, Now.Add(hour), 1)
	rows, err := s.Receipts(t.Context(), "R", 0, 10)
	if err != nil || len(rows) != 3 {
		t.Fatalf("%+v, %v", rows, err)
	}
	for i, want := range []struct {
		jti   string
		state registry.State
		at    int
	}{{"R-1", registry.StateApplied, 0}, {"R-2", registry.StateApplied, 0}, {"R-1", registry.StateCovered, 1}} {
		r := rows[i]
		if r.Number != uint64(i+1) || r.Outcome.JTI != want.jti || r.Outcome.Source != "R" || r.Outcome.State() != want.state || !r.At.Equal(Now.Add(time.Duration(want.at)*hour)) {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if fmt.Sprint(rows[2].Outcome) != fmt.Sprint(outcome(t, s, "R", "R-1")) {
		t.Errorf("the last row is not the outcome: %+v", rows[2].Outcome)
	}
	// A row tells how it was, not how it is.
	if o := rows[0].Outcome; o.Lists != nil || !o.Covered.IsZero() || o.Copies != 2 {
		t.Errorf("%+v", o)
	}
	if rows, err := s.Receipts(t.Context(), "S", 0, 10); err != nil || len(rows) != 1 || rows[0].Outcome.State() != registry.StateNoCopies || rows[0].Number != 1 {
		t.Errorf("%+v, %v", rows, err)
	}
	// What is told a second time, or refused, has no row.
	apply(t, s, Event("R", 2, "P", Licence("M")))
	applyOne(t, s, Event("R", 9, "P", Licence("M")))
	if rows, err := s.Receipts(t.Context(), "R", 3, 10); err != nil || len(rows) != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func receiptPages(t *testing.T, s Store) {
	for i := range uint64(25) {
		apply(t, s, Event("R", i+1, "P", Person(fmt.Sprint(i))))
		apply(t, s, Event("R2", i+1, "P", Person(fmt.Sprint("S", i))))
	}
	next := uint64(0)
	for page := 0; ; page++ {
		rows, err := s.Receipts(t.Context(), "R", next, 10)
		if err != nil || len(rows) != []int{10, 10, 5, 0}[page] {
			t.Fatalf("page %d: %d rows, %v", page, len(rows), err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if next++; r.Number != next || r.Outcome.Source != "R" {
				t.Fatalf("%+v, want %d", r, next)
			}
		}
	}
	for _, c := range []struct {
		source string
		after  uint64
		limit  int
	}{{"unknown", 0, 10}, {"R", 1 << 63, 10}, {"R", ^uint64(0), 10}, {"R", 0, 0}} {
		if rows, err := s.Receipts(t.Context(), c.source, c.after, c.limit); err != nil || len(rows) != 0 {
			t.Errorf("%+v: %d rows, %v", c, len(rows), err)
		}
	}
}

// receiptsWithoutGap: whoever writes at the same time, a reader sees no number
// before the one below it.
func receiptsWithoutGap(t *testing.T, s Store) {
	const pushers, events = 4, 30
	for i := range pushers {
		person(t, s, fmt.Sprint("P", i), fmt.Sprint("N", i))
		intend(t, s, Intent(fmt.Sprint("B", i), fmt.Sprint("P", i), fmt.Sprint("N", i), 2, 3))
	}
	var done atomic.Int32
	together(pushers+2, func(i int) {
		switch i {
		case pushers:
			for done.Load() < pushers {
				release(t, s, Now.Add(2*hour))
				if _, err := s.MarkCovered(t.Context(), publishedNow(t, s), Now.Add(2*hour)); err != nil {
					t.Error(err)
				}
			}
		case pushers + 1:
			for seen, over := uint64(0), false; !over; {
				over = done.Load() == pushers
				rows, err := s.Receipts(t.Context(), "R0", seen, 7)
				if err != nil {
					t.Error(err)
				}
				for _, r := range rows {
					if seen++; r.Number != seen {
						t.Errorf("row %d, want %d", r.Number, seen)
					}
				}
			}
		default:
			for n := range uint64(events) {
				p := fmt.Sprint("P", i)
				if r := s.ApplyEvents(t.Context(), []registry.Application{Revoking(fmt.Sprint("R", i), n+1, p, n%2 == 0, fmt.Sprint("N", i))})[0]; r.Err != nil {
					t.Error(r.Err)
				}
			}
			done.Add(1)
		}
	})
	publish(t, s, Now.Add(2*hour), openOutcomes(t, s, pushers, events))
	rows, err := s.Receipts(t.Context(), "R0", 0, 1000)
	if err != nil || len(rows) != 2*events {
		t.Errorf("%d rows of %d events that were all covered, %v", len(rows), events, err)
	}
}

// openOutcomes counts those that are not covered.
func openOutcomes(t *testing.T, s Store, pushers, events int) int {
	t.Helper()
	n := 0
	for i := range pushers {
		for e := range events {
			if outcome(t, s, fmt.Sprint("R", i), fmt.Sprintf("R%d-%d", i, e+1)).State() == registry.StateApplied {
				n++
			}
		}
	}
	return n
}
