package mdoc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	got := Merge(
		[]Finding{{"a", Pass, ""}, {"b", Warn, "w1"}, {"c", NotDone, "n"}, {"d", Fail, "f1"}},
		[]Finding{{"a", Warn, "w"}, {"b", Warn, "w2"}, {"c", Warn, "w"}, {"d", Fail, "f2"}, {"b", Warn, ""}},
		[]Finding{{"e", "no result", "x"}, {"e", Warn, "w"}, {"c", Fail, "f"}},
	)
	want := []Finding{{"a", Warn, "w"}, {"b", Warn, "w1; w2"}, {"c", Fail, "f"}, {"d", Fail, "f1; f2"}, {"e", "no result", "x"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if Failed(got[:2]) || !Failed(got) || Failed(nil) {
		t.Error("Failed is wrong")
	}
}

func TestOutcomeIsBounded(t *testing.T) {
	o := newOutcome(CheckDigest)
	o.warn("lost")
	for i := range 100 {
		o.fail("reason %d", i)
	}
	o.warn("not told")
	f := o.finding()
	if f.Result != Fail || strings.Count(f.Detail, "reason") != maxDetails || !strings.HasSuffix(f.Detail, "and 92 more") || strings.Contains(f.Detail, "lost") {
		t.Errorf("%v", f)
	}
}

func TestNotesAreBounded(t *testing.T) {
	var n notes
	for i := range 100 {
		n.unknown("X", fmt.Appendf(nil, "%d", i))
	}
	if len(n) != maxNotes+1 || n[maxNotes].Detail != "further leniencies not listed" {
		t.Errorf("%d notes, the last %v", len(n), n[len(n)-1])
	}
}

func TestParseErrorKeepsCheckAndCause(t *testing.T) {
	err := within(within(refuseKind(ErrLimit, CheckFormat, "too %s", "much"), "inside"), "outside %d", 3)
	var pe *ParseError
	if !errors.As(err, &pe) || pe.Check != CheckFormat || !errors.Is(err, ErrLimit) || errors.Is(err, ErrMalformed) {
		t.Fatalf("%v", err)
	}
	if got := err.Error(); got != "mso.format: outside 3: inside: mdoc limit exceeded: too much" {
		t.Error(got)
	}
	if within(nil, "x") != nil {
		t.Error("an error out of nothing")
	}
}
