package storetest

import (
	"errors"
	"testing"
	"time"

	"vidimus/internal/issuance"
)

var markTests = []test{
	{name: "OnlyForward", run: marksOnlyForward},
	{name: "Forgotten", run: marksForgotten},
	{name: "Race", run: marksRace},
}

// listMark is one of list n.
func listMark(n int, sequence uint64, issued time.Time) issuance.ListMark {
	return issuance.ListMark{List: Digest(7000 + n), Sequence: sequence, Issued: issued, Expires: Now.Add(hour)}
}

func marksOnlyForward(t *testing.T, s Store) {
	for i, step := range []struct {
		m    issuance.ListMark
		want error
	}{
		{listMark(1, 5, Now), nil},
		{listMark(1, 5, Now), nil}, // read once more
		{listMark(1, 4, Now.Add(time.Minute)), issuance.ErrListOlder},
		{listMark(1, 6, Now.Add(-time.Second)), issuance.ErrListOlder},
		{listMark(1, 5, Now.Add(time.Minute)), nil},
		{listMark(1, 5, Now), issuance.ErrListOlder},
		{listMark(2, 1, Now.Add(-time.Hour)), nil}, // another list
		{listMark(1, 9, Now.Add(time.Minute)), nil},
		{listMark(1, 8, Now.Add(time.Hour)), issuance.ErrListOlder},
	} {
		if err := s.AdvanceList(t.Context(), step.m); !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
}

// A mark is kept until the later of the instants that were said of it.
func marksForgotten(t *testing.T, s Store) {
	soon := listMark(1, 5, Now)
	soon.Expires = Now.Add(time.Minute)
	if err := errors.Join(s.AdvanceList(t.Context(), listMark(1, 5, Now)), s.AdvanceList(t.Context(), soon)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.SweepExpired(t.Context(), Now.Add(hour-time.Second), 10); err != nil || n != 0 {
		t.Errorf("%d swept before the end, %v", n, err)
	}
	if err := s.AdvanceList(t.Context(), listMark(1, 4, Now)); !errors.Is(err, issuance.ErrListOlder) {
		t.Errorf("before the end: %v", err)
	}
	if n, err := s.SweepExpired(t.Context(), Now.Add(hour), 10); err != nil || n != 1 {
		t.Errorf("%d swept, %v", n, err)
	}
	if err := s.AdvanceList(t.Context(), listMark(1, 4, Now)); err != nil {
		t.Errorf("forgotten: %v", err)
	}
}

// Whoever is let pass is behind nobody who passed before.
func marksRace(t *testing.T, s Store) {
	const n = 64
	passed := make([]bool, n)
	together(n, func(i int) {
		err := s.AdvanceList(t.Context(), listMark(1, uint64(i+1), Now.Add(time.Duration(i)*time.Second)))
		if passed[i] = err == nil; err != nil && !errors.Is(err, issuance.ErrListOlder) {
			t.Error(err)
		}
	})
	if !passed[n-1] {
		t.Error("the newest list was refused")
	}
	for i := range n - 1 {
		if err := s.AdvanceList(t.Context(), listMark(1, uint64(i+1), Now.Add(time.Duration(i)*time.Second))); !errors.Is(err, issuance.ErrListOlder) {
			t.Errorf("list %d after the newest: %v", i+1, err)
		}
	}
}
